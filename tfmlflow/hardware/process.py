"""Settings that TensorFlow takes once for a process: threads, memory, visible devices, precision, log level."""

from __future__ import annotations

import logging
from typing import Any

from tfmlflow.errors import UsageError

_applied: dict[str, Any] = {}


def once(**settings: Any) -> bool:
    """Whether `settings` are still to be applied; False if this process already runs with the same.

    Raises:
        UsageError: The process already runs with others, which TensorFlow cannot change any more.
    """
    if not _applied:
        return True
    if changed := [key for key, value in settings.items() if _applied.get(key) != value]:
        key = changed[0]
        raise UsageError(
            f"hardware.{key}={settings[key]}: this process already runs with {_applied.get(key)}, and TensorFlow "
            f"cannot change {', '.join(changed)} afterwards; run one command for each, or use a launcher that starts "
            "a process for each job, such as hydra/launcher=joblib"
        )
    return False


def _is_news(record: logging.LogRecord) -> bool:
    """Each job of a sweep traces functions of its own, which TensorFlow takes for one that is traced again."""
    return "triggered tf.function retracing" not in str(record.msg)


def configure(
    gpus: tuple[int, ...] | None,
    memory_growth: bool = True,
    memory_limit: int | None = None,
    intra_op_threads: int | None = None,
    inter_op_threads: int | None = None,
    precision: str = "float32",
    deterministic: bool = False,
    log_level: str = "warning",
    logical_cpus: int | None = None,
) -> None:
    """Apply everything that is the process's.

    Args:
        gpus: Indices of the GPUs to show to TensorFlow; None: all.
        memory_growth: Take GPU memory as needed.
        memory_limit: MiB for each GPU; excludes growth.
        intra_op_threads, inter_op_threads: Sizes of TensorFlow's thread pools; None: its own choice.
        precision: Keras dtype policy.
        deterministic: Only operations that repeat bit for bit.
        log_level: Of TensorFlow's Python side; its C++ side is set by `environment`.
        logical_cpus: Split the CPU into so many devices.
    """
    import keras
    import tensorflow as tf

    settings = {
        "devices": gpus,
        "memory_growth": memory_growth,
        "memory_limit": memory_limit,
        "intra_op_threads": intra_op_threads,
        "inter_op_threads": inter_op_threads,
        "deterministic": deterministic,
        "logical_cpus": logical_cpus,
    }
    fresh = once(**settings)
    keras.config.set_dtype_policy(precision)
    tf.get_logger().setLevel(getattr(logging, log_level.upper()))
    if not fresh:
        return
    tf.get_logger().addFilter(_is_news)
    physical = tf.config.list_physical_devices("GPU")
    shown = physical if gpus is None else [physical[i] for i in gpus]
    if shown != physical:
        tf.config.set_visible_devices(shown, "GPU")
    for device in shown:
        if memory_limit is not None:
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=memory_limit)
            tf.config.set_logical_device_configuration(device, [limit])
        else:
            tf.config.experimental.set_memory_growth(device, memory_growth)
    if intra_op_threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(intra_op_threads)
    if inter_op_threads is not None:
        tf.config.threading.set_inter_op_parallelism_threads(inter_op_threads)
    if logical_cpus is not None:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * logical_cpus)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    _applied.update(settings)
