"""Several devices of one machine that train in step, each on its share of the batch: tf.distribute.MirroredStrategy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.hardware.process import configure
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.hardware.single import gpus

CROSS_DEVICE = {
    "nccl": "NcclAllReduce",
    "hierarchical_copy": "HierarchicalCopyAllReduce",
    "one_device": "ReductionToOneDevice",
}


def multi_gpu(
    strict: bool = False,
    devices: Sequence[int] | None = None,
    logical_cpus: int | None = None,
    cross_device: str = "auto",
    **settings: Any,
) -> Runtime:
    """All GPUs, those in `devices`, or `logical_cpus` parts of the CPU.

    `steps_per_execution` above 1 fails under this strategy, so that `fit` does not group steps; the loop does.

    Args:
        strict: Of no effect: several GPUs are not stood in for.
        devices: Indices of the GPUs.
        logical_cpus: Parts of the CPU, in place of GPUs.
        cross_device: How gradients are added up: a key of `CROSS_DEVICE`, or auto: TensorFlow's choice.
        settings: As of `configure`.

    Raises:
        UsageError: There are fewer than two devices; several GPUs cannot be stood in for.
    """
    import tensorflow as tf

    if cross_device == "nccl" and logical_cpus is not None:
        raise UsageError(
            "hardware.cross_device=nccl: adds up between GPUs alone, and hardware.logical_cpus has none; "
            "use auto, hierarchical_copy or one_device"
        )

    if logical_cpus is not None:
        configure((), logical_cpus=logical_cpus, **settings)
        names = [f"/cpu:{i}" for i in range(logical_cpus)]
    else:
        found = len(gpus())
        chosen = tuple(devices) if devices is not None else tuple(range(found))
        if len(chosen) < 2 or max(chosen) >= found:
            asked = f"hardware.devices={list(devices)}" if devices is not None else "hardware=multi_gpu"
            raise UsageError(
                f"{asked}: needs two GPUs or more, numbered from 0, and TensorFlow finds {found} on this machine; "
                "use hardware=gpu or hardware=cpu, or try it out with hardware.logical_cpus=2"
            )
        configure(chosen, logical_cpus=None, **settings)
        names = [f"/gpu:{i}" for i in range(len(chosen))]
    made = CROSS_DEVICE.get(cross_device)
    strategy = tf.distribute.MirroredStrategy(names, getattr(tf.distribute, made)() if made else None)
    return Runtime(
        devices=tuple(f"/device:{name[1:].upper()}" for name in names),
        strategy=strategy,
        replicas=len(names),
        can_group_steps=False,
    )
