"""Weights on the CPU, steps on GPUs (tf.distribute.experimental.CentralStorageStrategy): on one device alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.hardware.single import auto, gpus


def central_storage(strict: bool = False, devices: Sequence[int] | None = None, **settings: Any) -> Runtime:
    """One device, where the strategy is no other than none.

    With two devices and Keras 3 the weights are right and the metrics wrong: each replica's count is added to one
    variable as if it were all of them.

    Raises:
        UsageError: There are several devices.
    """
    chosen = list(devices or range(len(gpus())))
    if len(chosen) > 1:
        raise UsageError(
            f"hardware=central_storage: {len(chosen)} GPUs, of which Keras 3 adds up wrong metrics under "
            "CentralStorageStrategy; use hardware=multi_gpu, or one of them: hardware.devices=[0]"
        )
    return auto(strict, devices, **settings)
