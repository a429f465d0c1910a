"""The cores of a TPU: tf.distribute.TPUStrategy. Never tried on one: nobody who works on this has had any."""

from __future__ import annotations

import threading
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.hardware.process import configure
from tfmlflow.hardware.runtime import Runtime

TIMEOUT = 15.0  # seconds to find it


def tpu_cores(
    strict: bool = True, tpu: str = "local", zone: str | None = None, project: str | None = None, **settings: Any
) -> Runtime:
    """All cores of one TPU.

    Args:
        strict: Kept for the sake of the other options: nothing stands in for a TPU.
        tpu: Its name, its address, or `local` on its own machine.
        zone, project: Of Google Cloud, for a name.
        settings: As of `configure`.

    Raises:
        UsageError: There is none, or it does not answer within 15 seconds.
    """
    import tensorflow as tf

    configure((), **settings)
    found: list[Any] = []
    why: list[str] = []

    def look() -> None:
        try:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu, zone=zone, project=project)
            tf.config.experimental_connect_to_cluster(resolver)
            tf.tpu.experimental.initialize_tpu_system(resolver)
            found.append(tf.distribute.TPUStrategy(resolver))
        except Exception as error:  # of TensorFlow, gRPC or Google's client, whichever is asked first
            why.append(str(error).split(". ")[0].splitlines()[0][:200] if str(error) else type(error).__name__)

    thread = threading.Thread(target=look, name="tfmlflow-tpu", daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    if not found:
        said = why[0] if why else f"no answer within {TIMEOUT:.0f} s"
        raise UsageError(
            f"hardware.tpu={tpu}: this machine finds no such TPU ({said}); "
            "give its name or address, or use hardware=auto"
        )
    strategy = found[0]
    cores = int(strategy.num_replicas_in_sync)
    return Runtime(tuple(f"/device:TPU:{core}" for core in range(cores)), strategy, cores)
