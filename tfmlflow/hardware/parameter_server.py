"""Workers that do not wait for each other, with the weights on servers: tf.distribute.ParameterServerStrategy.

The chief hands out steps to whichever worker is free; one that dies costs its steps' time, and another one takes them.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tfmlflow.errors import UsageError, WorkerLost
from tfmlflow.hardware.attendance import Attendance, Member
from tfmlflow.hardware.process import configure
from tfmlflow.hardware.rendezvous import Meeting, come
from tfmlflow.hardware.runtime import Runtime
from tfmlflow.hardware.single import gpus
from tfmlflow.job.cluster import VARIABLE, Cluster, name
from tfmlflow.version import __version__

LOOK = 0.5  # seconds between two looks at who is there, while steps are waited for


def parameter_server(
    strict: bool = False,
    devices: Sequence[int] | None = None,
    servers: int = 1,
    peers_timeout: float = 60.0,
    **settings: Any,
) -> Runtime:
    """The chief, a worker or a server, as the starter of this process says.

    Args:
        strict: Refuse to train on the CPU; of workers.
        devices: Index of a worker's GPU.
        servers: How many of Slurm's tasks are servers.
        peers_timeout: Seconds to wait for the other processes, also for one that has died.
        settings: As of `configure`.

    Raises:
        UsageError: Nothing tells who trains together, or somebody has not come in time.
    """
    import keras
    import tensorflow as tf

    cluster = Cluster.with_servers(servers)
    found, chosen = len(gpus()), tuple(devices or ())
    if cluster.task == "worker" and ((chosen and max(chosen) >= found) or (strict and not found)):
        raise UsageError(f"hardware=parameter_server: this machine has {found} GPU(s), numbered from 0")
    configure((chosen or None) if cluster.task == "worker" else (), **settings)
    others = {name("worker", index): address for index, address in enumerate(cluster.workers)}
    others |= {name("ps", index): address for index, address in enumerate(cluster.servers)}
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__, "tfmlflow": __version__}
    meeting = Meeting("parameter_server", cluster.chief, "the chief", others, peers_timeout, versions)
    os.environ[VARIABLE] = cluster.as_variable()
    if cluster.task != "chief":
        _start(cluster)
        return Runtime(("/device:CPU:0",), member=Member(cluster.name, come(meeting, cluster.name)))
    attendance = Attendance(meeting)
    host = cluster.chief.rpartition(":")[0]
    places = _places(replace(cluster, chief=f"{host}:{free_port()}"))  # its own is where workers come to
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        places, task_type="chief", task_id=0, rpc_layer="grpc"
    )
    strategy = tf.distribute.ParameterServerStrategy(resolver)
    coordinator = Coordinator(strategy, attendance, cluster, peers_timeout)
    return Runtime(
        devices=tuple(f"/job:worker/task:{index}" for index in range(len(cluster.workers))),
        strategy=strategy,
        coordinator=coordinator,
    )


def _places(cluster: Cluster) -> Any:
    import tensorflow as tf

    return tf.train.ClusterSpec(
        {"chief": [cluster.chief], "worker": list(cluster.workers), "ps": list(cluster.servers)}
    )


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.create_server(("", 0)) as listening:
        return int(listening.getsockname()[1])


def _start(cluster: Cluster) -> None:
    """Let TensorFlow of this process be used by the chief.

    Raises:
        UsageError: Somebody else has its address.
    """
    import tensorflow as tf

    try:
        tf.distribute.Server(_places(cluster), cluster.task, cluster.index, protocol="grpc")
    except tf.errors.OpError as error:
        address = (cluster.servers if cluster.task == "ps" else cluster.workers)[cluster.index]
        raise UsageError(f"{cluster.name} cannot listen at {address}: {error.message}") from None


class Coordinator:
    """Hands out functions to workers, and waits for what they give while it has an eye on who is there.

    Args:
        strategy: The ParameterServerStrategy.
        attendance: Knows who is there.
        cluster: Who they are.
        timeout: Seconds to wait where no worker is left.

    Attributes:
        workers, servers: Their addresses.
        step: The last one that is known to be done; whoever trains sets it.
        deaths: Takes the name of a process that has gone, and the step; whoever tracks the training may set it.
    """

    def __init__(self, strategy: Any, attendance: Attendance, cluster: Cluster, timeout: float) -> None:
        import tensorflow as tf

        self.workers, self.servers = cluster.workers, cluster.servers
        self.step = 0
        self.deaths: Callable[[str, int], None] = lambda name, step: None
        self._attendance, self._timeout = attendance, timeout
        self._cluster = tf.distribute.coordinator.ClusterCoordinator(strategy)

    def everywhere(self, dataset: Callable[[], Any]) -> Any:
        """An iterator of a dataset on each worker, to be given to a function that is handed out."""
        return iter(self._cluster.create_per_worker_dataset(dataset))

    def schedule(self, function: Any, *arguments: Any) -> Any:
        """Hand out a call of a tf.function; what it will give."""
        return self._watched(lambda: self._cluster.schedule(function, args=arguments))

    def take(self, promised: Any) -> Any:
        """What a call has given, once it has; NumPy arrays.

        Raises:
            WorkerLost: A server is gone, or all workers are and none comes back in time.
        """
        return self._watched(promised.fetch)

    def tell(self, **said: Any) -> None:
        """Tell all members."""
        self._attendance.tell(**said)

    def close(self) -> None:
        """Let all members go."""
        self._attendance.close(over=True)

    def _watched(self, wait: Callable[[], Any]) -> Any:
        """The result of what may wait for ever, in another thread."""
        given: list[Any] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                given.append(wait())
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=run, name="tfmlflow-coordinator", daemon=True)
        thread.start()
        alone = 0.0
        while thread.is_alive():
            thread.join(LOOK)
            alone = alone + LOOK if not self._look() else 0.0
            if alone > self._timeout:
                raise WorkerLost(f"all workers are gone, and none has come back within {self._timeout:.0f} s")
        if not failed:
            return given[0]
        for _ in range(4):  # its connection may break a little later than that of TensorFlow
            self._look(failed[0])
            time.sleep(LOOK)
        raise failed[0]

    def _look(self, why: BaseException | None = None) -> bool:
        """Whether any worker is there; says who has gone.

        Raises:
            WorkerLost: A server has.
        """
        while self._attendance.left:
            gone = self._attendance.left.pop(0)
            self.deaths(gone, self.step)
        if absent := {name("ps", index) for index in range(len(self.servers))} - set(self._attendance.here("server")):
            raise WorkerLost(f"{min(absent)} is gone, and the weights that it had with it") from why
        return bool(self._attendance.here("worker"))
