"""One device: the CPU, a GPU, or whichever is there. No strategy object, which would cost 1.5 to 2.4 times the time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.hardware.process import configure
from tfmlflow.hardware.runtime import Runtime

log = logging.getLogger(__name__)


def auto(strict: bool = False, devices: Sequence[int] | None = None, **settings: Any) -> Runtime:
    """The first GPU (or the one in `devices`) if there is one, else the CPU."""
    return gpu(strict, devices, **settings) if gpus() or devices else cpu(strict, **settings)


def cpu(strict: bool = False, **settings: Any) -> Runtime:
    """The CPU, also where there are GPUs."""
    configure((), **settings)
    return Runtime(("/device:CPU:0",))


def gpu(strict: bool = False, devices: Sequence[int] | None = None, **settings: Any) -> Runtime:
    """One GPU.

    Raises:
        UsageError: There is none and `strict` is set, or `devices` names one that is not there.
    """
    found = len(gpus())
    chosen = tuple(devices or (0,))
    if len(chosen) > 1:
        raise UsageError(f"hardware.devices={list(chosen)}: hardware=gpu trains on one; use hardware=multi_gpu")
    if found == 0:
        return _fall_back(strict, **settings)
    if chosen[0] >= found:
        raise UsageError(f"hardware.devices={list(chosen)}: this machine has {found} GPU(s), numbered from 0")
    configure(chosen, **settings)
    return Runtime(("/device:GPU:0",))


def gpus() -> list[Any]:
    """The machine's GPUs that TensorFlow can use."""
    import tensorflow as tf

    return list(tf.config.list_physical_devices("GPU"))


def _fall_back(strict: bool, **settings: Any) -> Runtime:
    why = "hardware=gpu: TensorFlow finds no GPU on this machine"
    if strict:
        raise UsageError(f"{why}; use hardware=cpu, or hardware.strict=false to train on the CPU with a warning")
    log.warning("%s. TRAINING ON THE CPU. (hardware.strict=true refuses instead.)", why)
    configure((), **settings)
    return Runtime(("/device:CPU:0",), fell_back="gpu")
