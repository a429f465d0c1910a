"""A sweep whose store is away goes on, ends, and is in the store whole once that is back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.chaos import truth
from tests.chaos.script import eventually
from tests.servers.fault_proxy import FaultProxy
from tests.servers.mlflow_server import MlflowServer
from tests.stores import stop_shippers
from tests.sweep import typed

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("servers")]


def test_all_of_a_sweep_goes_the_way_of_the_journal(tmp_path: Path, sqlite_server: MlflowServer) -> None:
    folder, name = tmp_path / "sweep", f"away-{time.time_ns()}"
    with FaultProxy(sqlite_server.uri) as proxy:
        proxy.mode = "hang"
        words = ("optimizer=adam,sgd", "trainer.epochs=1", f"tracking.uri={proxy.uri}", f"tracking.experiment={name}")
        try:
            with typed.sweep(folder, *words, *typed.SMALL, "tracking.drain_timeout=1") as script:
                script.until("job 1")
                began = time.monotonic()
                assert script.ended(240) == 0, script.said + script.errors
                assert time.monotonic() - began < 120
                assert "there is no report of the sweep" in script.errors
                assert "2 of 2 finished" in script.said
                proxy.mode = "pass"
                client = MlflowClient(sqlite_server.uri)
                eventually(
                    lambda: client.get_experiment_by_name(name) and len(truth.runs(client, name)) == 3,
                    *(120, lambda: truth.shipper_log(script.spool)),
                )
                truth.wait_delivered(script.spool, 120, count=3)
        finally:
            stop_shippers(folder / "spool")
        found = truth.runs(client, name)
        (parent,) = [run for run in found if run.data.tags.get("tfmlflow.sweep_parent") == "true"]
        jobs = [run for run in found if run is not parent]
        assert {run.info.status for run in found} == {"FINISHED"}
        assert {run.data.tags["mlflow.parentRunId"] for run in jobs} == {parent.info.run_id}
        assert parent.data.metrics["sweep/finished"] == 2
        files = {entry.path for entry in client.list_artifacts(parent.info.run_id)}
        assert "leaderboard.csv" in files
