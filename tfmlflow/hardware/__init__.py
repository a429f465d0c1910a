"""Devices, precision, threads and strategies: `auto`, `cpu`, `gpu`, `multi_gpu`, `multi_worker`,
`parameter_server`, `tpu`, `central_storage`.

Each returns a `Runtime`.
"""

from tfmlflow.hardware.central_storage import central_storage
from tfmlflow.hardware.mirrored import multi_gpu
from tfmlflow.hardware.multi_worker import multi_worker
from tfmlflow.hardware.parameter_server import parameter_server
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.hardware.single import auto, cpu, gpu
from tfmlflow.hardware.tpu import tpu_cores

__all__ = [
    "Runtime",
    "auto",
    "central_storage",
    "cpu",
    "gpu",
    "multi_gpu",
    "multi_worker",
    "parameter_server",
    "tpu_cores",
]
