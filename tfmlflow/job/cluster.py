"""The processes that train together, as their starter has told each of them: `TF_CONFIG`, or Slurm's variables.

Reads the environment alone; loads nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmlflow.errors import UsageError

VARIABLE = "TF_CONFIG"
PORT = 8470  # of Slurm's workers, and the ports after it for those on the same node
EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
TASKS = ("chief", "worker", "ps", "evaluator")


@dataclass(frozen=True)
class Cluster:
    """All processes of a training.

    Attributes:
        workers: Their addresses, `host:port`; the first is the chief's where all train in step.
        servers: Addresses of parameter servers.
        chief: Address of a chief that is no worker, as parameter servers have one.
        task: chief, worker or ps: what this process is.
        index: Its number among those, from 0.
    """

    workers: tuple[str, ...]
    servers: tuple[str, ...] = ()
    chief: str = ""
    task: str = "worker"
    index: int = 0

    @classmethod
    def here(cls, environment: Mapping[str, str] | None = None) -> Cluster:
        """Of workers that train in step, as the environment says.

        Raises:
            UsageError: It says nothing, or what cannot be.
        """
        said = os.environ if environment is None else environment
        if said.get(VARIABLE):
            return _in_step(_of_variable(said[VARIABLE]))
        if "SLURM_PROCID" in said and "SLURM_NTASKS" in said:
            return _in_step(_of_slurm(said))
        raise UsageError(
            f"hardware=multi_worker: nothing tells which processes train together; start it by `tfmlflow launch "
            f"--workers 2 -- train.py hardware=multi_worker`, by srun, or with {VARIABLE}={EXAMPLE}"
        )

    @classmethod
    def with_servers(cls, servers: int = 1, environment: Mapping[str, str] | None = None) -> Cluster:
        """Of a chief, its workers and parameter servers, as the environment says.

        Args:
            servers: How many of Slurm's tasks are parameter servers: those after the first, which is the chief.
            environment: Variables; of this process if None.

        Raises:
            UsageError: It says nothing, or what cannot be.
        """
        said = os.environ if environment is None else environment
        if said.get(VARIABLE):
            found = _of_variable(said[VARIABLE])
        elif "SLURM_PROCID" in said and "SLURM_NTASKS" in said:
            found = _apart(_of_slurm(said), servers)
        else:
            raise UsageError(
                "hardware=parameter_server: nothing tells which processes train together; start it by `tfmlflow launch "
                "--workers 2 --servers 1 -- train.py hardware=parameter_server`, by srun, or with TF_CONFIG"
            )
        places = zip(("chief", "worker", "ps"), found._places(), strict=True)
        if absent := [kind for kind, there in places if not there]:
            raise UsageError(
                f"hardware=parameter_server: {VARIABLE} names no {absent[0]}; a chief, a worker and a ps are needed, "
                "each at least once, such as tfmlflow launch --workers 2 --servers 1 starts"
            )
        return found

    @property
    def name(self) -> str:
        """Of this process, for people."""
        return name(self.task, self.index)

    def as_variable(self) -> str:
        """For `TF_CONFIG`."""
        chief, workers, servers = self._places()
        places = {"chief": chief, "worker": workers, "ps": servers}
        cluster = {kind: addresses for kind, addresses in places.items() if addresses}
        return json.dumps({"cluster": cluster, "task": {"type": self.task, "index": self.index}})

    def _places(self) -> tuple[list[str], list[str], list[str]]:
        return [self.chief] if self.chief else [], list(self.workers), list(self.servers)


def name(task: str, index: int) -> str:
    """Of a process, for people."""
    return "chief" if task == "chief" else f"{'server' if task == 'ps' else task} {index}"


def _in_step(cluster: Cluster) -> Cluster:
    """A chief of its own is worker 0: TensorFlow numbers workers alike then."""
    if not cluster.chief:
        return cluster
    number = cluster.index + (cluster.task == "worker")
    task = "worker" if cluster.task == "chief" else cluster.task
    return Cluster((cluster.chief, *cluster.workers), cluster.servers, task=task, index=number)


def _apart(cluster: Cluster, servers: int) -> Cluster:
    """The first is the chief, and the next ones are servers."""
    first, number = 1 + servers, cluster.index
    task, index = ("chief", 0) if number == 0 else ("ps", number - 1) if number < first else ("worker", number - first)
    return Cluster(cluster.workers[first:], cluster.workers[1:first], cluster.workers[0], task, index)


def _of_variable(text: str) -> Cluster:
    try:
        said: Any = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{VARIABLE}: is no JSON ({error}); for example {EXAMPLE}") from None
    cluster, task = (said.get(key) for key in ("cluster", "task")) if isinstance(said, dict) else (None, None)
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise UsageError(f"{VARIABLE}: must have a cluster and a task; for example {EXAMPLE}")
    places = {kind: cluster.get(kind, []) for kind in TASKS}
    if unknown := [kind for kind in cluster if kind not in TASKS]:
        raise UsageError(f"{VARIABLE}: cluster.{unknown[0]}: can be {', '.join(TASKS)}")
    for group, addresses in places.items():
        for address in addresses if isinstance(addresses, list) else [addresses]:
            if not isinstance(address, str) or not re.fullmatch(r"\S+:\d{1,5}", address):
                raise UsageError(f"{VARIABLE}: cluster.{group}: {address!r} is no host:port")
    kind, index = str(task.get("type")), task.get("index", 0)
    if kind not in TASKS or not isinstance(index, int) or not 0 <= index < len(places[kind]):
        raise UsageError(f"{VARIABLE}: task is {kind} {index}, of which the cluster has {len(places.get(kind, ()))}")
    everybody = [address for one in TASKS for address in places[one]]
    if repeated := next((one for one in everybody if everybody.count(one) > 1), None):
        raise UsageError(f"{VARIABLE}: two processes have the address {repeated}")
    if len(places["chief"]) > 1:
        raise UsageError(f"{VARIABLE}: cluster.chief: there is one chief, not {len(places['chief'])}")
    return Cluster(tuple(places["worker"]), tuple(places["ps"]), next(iter(places["chief"]), ""), str(kind), index)


def _of_slurm(said: Mapping[str, str]) -> Cluster:
    """One process a task, ports counted on each node; tasks are spread over nodes in blocks, as by default."""
    number, count = int(said["SLURM_PROCID"]), int(said["SLURM_NTASKS"])
    nodes = hosts(said.get("SLURM_STEP_NODELIST") or said.get("SLURM_JOB_NODELIST") or "localhost")
    each = _tasks(said.get("SLURM_STEP_TASKS_PER_NODE") or said.get("SLURM_TASKS_PER_NODE") or "", len(nodes), count)
    places = [f"{node}:{PORT + place}" for node, tasks in zip(nodes, each, strict=True) for place in range(tasks)]
    return Cluster(tuple(places[:count]), index=number)


def hosts(listed: str) -> list[str]:
    """Names of a Slurm list: `gpu[01-03,7],login` -> gpu01, gpu02, gpu03, gpu7, login."""
    found: list[str] = []
    for part in re.findall(r"[^,\[]+(?:\[[^\]]*\][^,\[]*)?", listed):
        inside = re.fullmatch(r"([^\[]*)\[([^\]]*)\](.*)", part)
        if inside is None:
            found.append(part)
            continue
        before, ranges, after = inside.groups()
        for each in ranges.split(","):
            low, _, high = each.partition("-")
            numbers = range(int(low), int(high or low) + 1)
            found += [f"{before}{number:0{len(low)}d}{after}" for number in numbers]
    return found


def _tasks(said: str, nodes: int, count: int) -> list[int]:
    """`2(x3),1` -> 2, 2, 2, 1."""
    found: list[int] = []
    for part in said.split(",") if said else ():
        number, _, times = part.partition("(x")
        found += [int(number)] * int(times.rstrip(")") or 1)
    return found if len(found) == nodes else [count // nodes + (place < count % nodes) for place in range(nodes)]
