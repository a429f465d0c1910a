"""What the trainer and its machine are doing, measured from outside the trainer."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

import numpy as np
import psutil

from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.records import Points

INTERVAL = 10.0  # seconds
FIRST = 2.0  # seconds after the start: a short run shall have a sample too
MEGABYTE = 1024.0 * 1024.0


class Sampler:
    """Measures one trainer.

    `process_*` is the trainer with its children; the rest is MLflow's own: the whole machine's CPU, memory, disk,
    network and GPUs.

    Args:
        process: The trainer.
        taken: How many samples the run has already.
        worker: Name of the trainer, if it is one of several: its metrics are `system/<worker>/*`.
    """

    def __init__(self, process: Process, taken: int, worker: str | None = None) -> None:
        self.taken, self._prefix = taken, f"system/{worker}/" if worker else "system/"
        self._trainer = psutil.Process(process.pid)
        self._monitors = _monitors()
        psutil.cpu_percent()  # the first call only sets the start of what the next one measures
        self._used, self._at = self._seconds(), time.monotonic()
        self._next = time.monotonic() + FIRST

    @property
    def due(self) -> bool:
        """Whether it is time for the next sample."""
        return time.monotonic() >= self._next

    def sample(self) -> list[Points]:
        """The next sample; its number is the step."""
        self._next = time.monotonic() + INTERVAL
        values: dict[str, float] = {}
        with contextlib.suppress(psutil.Error):
            used, now = self._seconds(), time.monotonic()
            values["process_cpu_percentage"] = 100 * max(0.0, used - self._used) / max(1e-3, now - self._at)
            values["process_memory_megabytes"] = sum(p.memory_info().rss for p in self._family()) / MEGABYTE
            values["process_threads"] = float(self._trainer.num_threads())
            self._used, self._at = used, now
        for monitor in self._monitors:
            with contextlib.suppress(Exception):  # a GPU may go away
                monitor.collect_metrics()
                values |= {name: float(value) for name, value in monitor.aggregate_metrics().items()}
                monitor.clear_metrics()
        step, now_ms = np.array([self.taken]), np.array([int(time.time() * 1000)])
        self.taken += 1
        return [Points(self._prefix + name, step, now_ms, np.array([value])) for name, value in values.items()]

    def _family(self) -> list[psutil.Process]:
        return [self._trainer, *(p for p in self._trainer.children(recursive=True) if p.pid != os.getpid())]

    def _seconds(self) -> float:
        total = 0.0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total


def _monitors() -> list[Any]:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    monitors: list[Any] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    try:
        from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

        monitors.append(GPUMonitor())
    except Exception:  # no NVIDIA driver or no nvidia-ml-py here
        pass
    return monitors
