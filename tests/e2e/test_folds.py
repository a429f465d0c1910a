"""A cross-validation and a range test, as they are typed."""

from __future__ import annotations

import csv
import statistics
from pathlib import Path

import pytest

from tests import stores
from tests.conftest import Command


@pytest.mark.slow
@pytest.mark.usefixtures("ready_store")
def test_a_cross_validation_has_a_run_a_fold_and_one_line_a_configuration(train: Command, tmp_path: Path) -> None:
    done = train("-m", "data.folds=2", "data.fold=range(0,2)", "model.units=[4],[16]", "trainer.epochs=1")
    assert done.returncode == 0, done.stderr
    jobs = stores.jobs(tmp_path)
    values: dict[str, list[float]] = {}
    for run in jobs:
        assert run.data.params["data.folds"] == "2"
        values.setdefault(run.data.params["model.units"], []).append(run.data.metrics["best/objective"])
    assert {run.data.params["data.fold"] for run in jobs} == {"0", "1"}
    assert [len(of) for of in values.values()] == [2, 2]
    assert len({run.data.tags["tfmlflow.data_digest"] for run in jobs}) == 1
    best = min(statistics.fmean(of) for of in values.values())
    parent = stores.sweep(tmp_path)
    assert parent.data.metrics["sweep/best"] == pytest.approx(best)
    rows = list(csv.DictReader(stores.text(tmp_path, parent.info.run_id, "leaderboard.csv").splitlines()))
    assert float(rows[0]["mean_of_folds"]) == float(rows[1]["mean_of_folds"]) == pytest.approx(best)
    assert "± over folds" in done.stdout


@pytest.mark.usefixtures("ready_store")
def test_a_range_test_leaves_a_suggestion_and_no_model(train: Command, tmp_path: Path) -> None:
    done = train("trainer=lr_range", "trainer.steps=60", "data.batch_size=auto")
    assert done.returncode == 0, done.stderr
    run = stores.only_run(tmp_path)
    assert run.info.status == "FINISHED"
    assert run.data.params["data.batch_size"] == "64"
    assert "64 is taken on the CPU" in run.data.tags["hardware.batch_size"]
    assert "range test: learning rates from 1e-07" in run.data.tags["tfmlflow.lr_range"]
    assert 1e-5 < run.data.metrics["lr_range/suggestion"] < 1
    assert f"optimizer.learning_rate={run.data.metrics['lr_range/suggestion']:g}" in done.stdout
    assert not [name for name in run.data.metrics if name.startswith(("best/", "val/", "test/"))]
    assert run.outputs is None or not run.outputs.model_outputs
    assert "plots/lr_range.png" in stores.files(tmp_path, run.info.run_id, "plots")
    assert "batch_size: 64" in stores.text(tmp_path, run.info.run_id, "config/found.yaml")
    assert not stores.files(tmp_path, run.info.run_id, "checkpoints")
