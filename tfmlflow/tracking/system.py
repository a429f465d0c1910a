"""What the machine was doing meanwhile: MLflow's own monitors, read by a thread that puts points into the sink."""

from __future__ import annotations

import threading
import time
from typing import Any

import psutil

from tfmlflow.tracking.records import Point, Sink

INTERVAL = 10.0  # seconds


class SystemMetrics:
    """Samples CPU, memory, disk, network and GPUs until stopped; the step is the sample's number."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="tfmlflow-system", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take a last sample and end the thread."""
        self._stop.set()
        self._thread.join(timeout=1)

    def _sample(self) -> None:
        monitors = _monitors()
        psutil.cpu_percent()  # the first call only sets the start of what the next one measures
        step = 0
        over = False
        while not over:
            over = self._stop.wait(INTERVAL)
            for monitor in monitors:
                monitor.collect_metrics()
                now = int(time.time() * 1000)
                for name, value in monitor.aggregate_metrics().items():
                    self._sink.put(Point(f"system/{name}", float(value), step, now))
                monitor.clear_metrics()
            step += 1


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
