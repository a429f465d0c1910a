"""Several processes, on one machine or many, that train in step: tf.distribute.MultiWorkerMirroredStrategy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.hardware.process import configure
from tfmlflow.hardware.rendezvous import meet
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.hardware.single import gpus
from tfmlflow.job.cluster import VARIABLE, Cluster
from tfmlflow.version import __version__


def multi_worker(
    strict: bool = False,
    devices: Sequence[int] | None = None,
    communication: str = "auto",
    peers_timeout: float = 60.0,
    **settings: Any,
) -> Runtime:
    """This process's device, next to those of the others that its starter names.

    Each process has one device: the GPU in `devices`, else the CPU or the one GPU that it sees.

    Args:
        strict: Refuse to train on the CPU.
        devices: Index of this process's GPU.
        communication: `auto`, `ring` (between CPUs) or `nccl` (between GPUs).
        peers_timeout: Seconds to wait for the other processes.
        settings: As of `configure`.

    Raises:
        UsageError: Nothing tells who trains together, or somebody has not come in time.
    """
    import keras
    import tensorflow as tf

    cluster = Cluster.here()
    if cluster.task != "worker":
        raise UsageError(
            f"hardware=multi_worker: {VARIABLE} makes this process a {cluster.task}, of which there are none here"
        )
    found, chosen = len(gpus()), tuple(devices or ())
    if len(chosen) > 1 or (not chosen and found > 1):
        raise UsageError(
            f"hardware=multi_worker: each process trains on one device, and this one sees {found} GPUs; give each its "
            "own: tfmlflow launch --gpus 0,1, or CUDA_VISIBLE_DEVICES, or hardware.devices=[its index]"
        )
    if (chosen and chosen[0] >= found) or (strict and not found):
        raise UsageError(f"hardware=multi_worker: this machine has {found} GPU(s), numbered from 0")
    configure(chosen or None, **settings)
    meet(cluster, peers_timeout, {"tensorflow": tf.__version__, "keras": keras.__version__, "tfmlflow": __version__})
    os.environ[VARIABLE] = cluster.as_variable()
    kinds = tf.distribute.experimental.CommunicationImplementation
    options = tf.distribute.experimental.CommunicationOptions(implementation=kinds[communication.upper()])
    strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    return Runtime(
        devices=("/device:GPU:0" if found else "/device:CPU:0",),
        strategy=strategy,
        replicas=len(cluster.workers),
        worker=cluster.index,
        workers=len(cluster.workers),
    )
