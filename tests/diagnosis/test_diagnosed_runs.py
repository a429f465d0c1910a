"""`tfmlflow diagnose` as a user types it, on runs of ours and of others."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric as Point
from rich.console import Console

from tests import stores
from tests.conftest import ROOT, run
from tfmlflow.analysis import diagnosed
from tfmlflow.analysis.runs import reading
from tfmlflow.cli import advised
from tfmlflow.diagnosis.rules import diagnose
from tfmlflow.job.report import JobReport

SLOW_RATE = ("trainer.epochs=3", "optimizer.learning_rate=0.00003", "model.units=[16]", "seed=7")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run, of a training whose rate is next to nothing."""
    made = tmp_path_factory.mktemp("diagnosed")
    stores.ready(made)
    done = run(str(ROOT / "train.py"), *SLOW_RATE, cwd=made)
    assert done.returncode == 0, done.stderr
    (made / "said.txt").write_text(done.stdout)
    return made


def test_a_training_ends_with_a_line_on_what_is_wrong_with_it(folder: Path) -> None:
    said = (folder / "said.txt").read_text()
    (line,) = [line for line in said.splitlines() if line.startswith("diagnosis: ")]
    assert "learning rate of 3e-05 is too low" in line
    assert "try optimizer.learning_rate=0.0003" in line
    assert stores.only_run(folder).data.tags["tfmlflow.diagnosis"].startswith("the learning rate of 3e-05 is too low")


def test_the_run_holds_findings_and_evidence(folder: Path) -> None:
    said = json.loads(stores.text(folder, stores.only_run(folder).info.run_id, "diagnosis.json"))
    (found, *_) = said["findings"]
    assert list(found) == ["rule", "sentence", "evidence", "confidence", "advice"]
    assert found["rule"] == "learning_rate_too_low"
    assert said["evidence"]["settings"]["optimizer.learning_rate"] == 3e-05
    assert "data.path" not in said["evidence"]["settings"]


def test_the_first_letters_of_an_id_are_enough_and_json_has_all(folder: Path) -> None:
    run_id = stores.only_run(folder).info.run_id
    done = run("-m", "tfmlflow", "diagnose", run_id[:8], cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "learning rate too low  confidence" in done.stdout
    assert "  try optimizer.learning_rate=0.0003\n" in done.stdout
    done = run("-m", "tfmlflow", "diagnose", run_id[:8], "--json", cwd=folder)
    said = json.loads(done.stdout)
    assert said["run_id"] == run_id
    assert said["probed"]
    assert said["findings"][0]["rule"] == "learning_rate_too_low"


def _foreign(folder: Path, curves: dict[str, list[float]], **params: str) -> str:
    client = stores.client(folder)
    made = client.create_run(client.create_experiment(f"foreign {len(client.search_experiments())}"))
    for name, curve in curves.items():
        points = [Point(name, value, 1_000_000 + step, step) for step, value in enumerate(curve)]
        client.log_batch(made.info.run_id, points)
    for key, value in params.items():
        client.log_param(made.info.run_id, key, value)
    client.set_terminated(made.info.run_id)
    return str(made.info.run_id)


@pytest.mark.usefixtures("ready_store")
def test_a_run_of_another_tool_is_judged_by_its_curves(tmp_path: Path) -> None:
    held = [0.9, 0.6, 0.5, 0.55, 0.7, 0.9, 1.1, 1.3, 1.4, 1.5]
    run_id = _foreign(tmp_path, {"loss": [0.7**epoch for epoch in range(10)], "val_loss": held}, epochs="10")
    done = run("-m", "tfmlflow", "diagnose", run_id, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "learns by heart: validation loss 0.5 in epoch 3" in done.stdout
    assert "not judged:" in done.stdout
    assert "dead relus, saturated activations: activations are not known" in done.stdout
    done = run("-m", "tfmlflow", "diagnose", run_id, "--try", cwd=tmp_path)
    assert "nothing to try: no setting was advised" in done.stdout


@pytest.mark.usefixtures("ready_store")
def test_what_cannot_be_diagnosed_is_one_error(tmp_path: Path) -> None:
    run_id = _foreign(tmp_path, {"reward": [1.0, 2.0]})
    done = run("-m", "tfmlflow", "diagnose", run_id, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {run_id}: has no training loss by epoch")
    assert "it has reward" in done.stderr
    done = run("-m", "tfmlflow", "diagnose", "abcdef", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no such run" in done.stderr


@pytest.mark.slow
def test_try_trains_with_the_advice_as_a_child_and_says_whether_it_helped(folder: Path) -> None:
    before = stores.runs(folder)[0]
    done = run("-m", "tfmlflow", "diagnose", before.info.run_id[:8], "--try", cwd=folder)
    assert done.returncode == 0, done.stderr
    child = stores.runs(folder)[-1]
    assert child.data.tags["mlflow.parentRunId"] == before.info.run_id
    assert child.data.tags["tfmlflow.advice"] == "optimizer.learning_rate=0.0003"
    assert child.data.params["optimizer.learning_rate"] == "0.0003"
    assert child.data.params["seed"] == "7"
    assert child.data.metrics["best/loss"] < before.data.metrics["best/loss"]
    assert "trying optimizer.learning_rate=0.0003" in done.stdout
    assert "with the advice: it helped (seed 7 both" in done.stdout
    client: MlflowClient = stores.client(folder)
    assert client.get_run(child.info.run_id).info.experiment_id == before.info.experiment_id


def test_a_rate_may_be_a_whole_number_as_advice_has_it(folder: Path) -> None:
    done = run(str(ROOT / "train.py"), "optimizer.learning_rate=1", *SLOW_RATE[2:], "trainer.epochs=1", cwd=folder)
    assert done.returncode == 0, done.stderr


def test_advice_whose_training_fails_is_not_judged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, console = stores.client(folder), Console(file=io.StringIO(), width=200)
    before = stores.runs(folder)[0]
    child = client.create_run(before.info.experiment_id, tags={"tfmlflow.error": "OSError: no room"})
    client.set_terminated(child.info.run_id, "FAILED")
    report = JobReport(run_id=child.info.run_id, in_store=True)
    monkeypatch.setattr(advised, "_trained", lambda *_: 1)
    monkeypatch.setattr(JobReport, "read", lambda _: report)
    (known,) = reading.read(client, ids=[before.info.run_id])
    code = advised.take(console, client, known, diagnose(diagnosed.read(client, known).evidence), client.tracking_uri)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert code == 1
    assert "error: the advised training failed: OSError: no room" in said
    assert "help" not in said
