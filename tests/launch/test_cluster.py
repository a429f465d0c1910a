"""Who trains together, as TF_CONFIG and Slurm tell it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tfmlflow.errors import UsageError
from tfmlflow.job.cluster import Cluster, hosts


def variable(cluster: Any, task: Any) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


TWO = {"worker": ["a:1", "b:2"]}


def test_a_worker_knows_its_place() -> None:
    found = Cluster.here(variable(TWO, {"type": "worker", "index": 1}))
    assert (found.workers, found.task, found.index, found.name) == (("a:1", "b:2"), "worker", 1, "worker 1")


def test_a_chief_of_its_own_is_worker_0_as_on_kubernetes() -> None:
    cluster = {"chief": ["c:1"], "worker": ["a:1"], "ps": ["p:1"]}
    chief = Cluster.here(variable(cluster, {"type": "chief", "index": 0}))
    worker = Cluster.here(variable(cluster, {"type": "worker", "index": 0}))
    server = Cluster.here(variable(cluster, {"type": "ps", "index": 0}))
    assert [one.name for one in (chief, worker, server)] == ["worker 0", "worker 1", "server 0"]
    assert worker.workers == ("c:1", "a:1")
    assert json.loads(worker.as_variable()) == {
        "cluster": {"worker": ["c:1", "a:1"], "ps": ["p:1"]},
        "task": {"type": "worker", "index": 1},
    }


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "nothing tells which processes train together; start it by `tfmlflow launch"),
        ({"TF_CONFIG": "{"}, "is no JSON"),
        ({"TF_CONFIG": "[]"}, "must have a cluster and a task"),
        (variable({"workers": []}, {}), r"cluster\.workers: can be chief, worker, ps, evaluator"),
        (variable({"worker": ["a"]}, {"type": "worker", "index": 0}), r"cluster\.worker: 'a' is no host:port"),
        (variable(TWO, {"type": "worker", "index": 2}), "task is worker 2, of which the cluster has 2"),
        (variable(TWO, {"type": "boss"}), "task is boss 0, of which the cluster has 0"),
        (variable({"worker": ["a:1", "a:1"]}, {"type": "worker", "index": 0}), "two processes have the address a:1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Cluster.here(environment)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("node7", ["node7"]),
        ("a,b", ["a", "b"]),
        ("gpu[01-03,7],login", ["gpu01", "gpu02", "gpu03", "gpu7", "login"]),
        ("n[9-11]-ib", ["n9-ib", "n10-ib", "n11-ib"]),
    ],
)
def test_slurm_s_lists_of_nodes(listed: str, expected: list[str]) -> None:
    assert hosts(listed) == expected


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ("2,1", ["g1:8470", "g1:8471", "g2:8470"]),
        ("2(x2)", ["g1:8470", "g1:8471", "g2:8470"]),
        ("", ["g1:8470", "g1:8471", "g2:8470"]),
    ],
)
def test_slurm_s_tasks_have_a_port_each(tasks: str, expected: list[str]) -> None:
    said = {
        "SLURM_PROCID": "2",
        "SLURM_NTASKS": "3",
        "SLURM_STEP_NODELIST": "g[1-2]",
        "SLURM_STEP_TASKS_PER_NODE": tasks,
    }
    found = Cluster.here(said)
    assert (list(found.workers), found.index) == (expected, 2)


SERVED = {"chief": ["c:1"], "worker": ["a:1", "b:1"], "ps": ["p:1"]}


@pytest.mark.parametrize(("kind", "name"), [("chief", "chief"), ("worker", "worker 0"), ("ps", "server 0")])
def test_beside_servers_the_chief_is_no_worker(kind: str, name: str) -> None:
    found = Cluster.with_servers(environment=variable(SERVED, {"type": kind, "index": 0}))
    assert (found.name, found.chief, found.workers, found.servers) == (name, "c:1", ("a:1", "b:1"), ("p:1",))
    assert json.loads(found.as_variable()) == {"cluster": SERVED, "task": {"type": kind, "index": 0}}


@pytest.mark.parametrize(("number", "name"), [(0, "chief"), (1, "server 0"), (2, "server 1"), (4, "worker 1")])
def test_slurm_s_first_task_is_the_chief_and_the_next_are_servers(number: int, name: str) -> None:
    said = {"SLURM_PROCID": str(number), "SLURM_NTASKS": "5", "SLURM_STEP_NODELIST": "g1"}
    found = Cluster.with_servers(2, said)
    assert (found.name, found.chief, found.workers) == (name, "g1:8470", ("g1:8473", "g1:8474"))


def test_a_cluster_without_one_of_the_three_is_no_such_cluster() -> None:
    with pytest.raises(UsageError, match="names no ps; a chief, a worker and a ps are needed"):
        Cluster.with_servers(environment=variable({"chief": ["c:1"], "worker": ["a:1"]}, {"type": "chief"}))
