"""`mlflow run`: the project as MLflow runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import stores
from tests.conftest import ROOT, Command, clean_environment

pytestmark = pytest.mark.slow


def mlflow_run(folder: Path, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """`mlflow run <this project> ...` from an empty folder, into a store there."""
    bin_folder = str(Path(sys.executable).parent)
    environment = clean_environment()
    environment["PATH"] = f"{bin_folder}:{environment['PATH']}"
    environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'mlflow.db'}"
    command = [sys.executable, "-m", "mlflow", "run", str(ROOT), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


def test_a_project_run_is_one_run_with_everything_in_it(tmp_path: Path) -> None:
    stores.ready(tmp_path)
    overrides = f"optimizer=sgd trainer.epochs=2 hydra.run.dir={tmp_path / 'out'}"
    done = mlflow_run(tmp_path, "--env-manager", "local", "-P", f"overrides={overrides}")
    assert done.returncode == 0, done.stderr
    recorded = stores.only_run(tmp_path)
    assert recorded.info.status == "FINISHED"
    assert recorded.data.params["optimizer.name"] == "sgd"
    assert recorded.data.params["trainer.epochs"] == "2"
    assert recorded.data.tags["mlflow.project.entryPoint"] == "main"
    assert recorded.data.tags["tfmlflow.end_reason"] == "completed"
    (output,) = recorded.outputs.model_outputs
    model = stores.client(tmp_path).get_logged_model(output.model_id)
    assert model.experiment_id == recorded.info.experiment_id


@pytest.mark.stress
def test_a_run_is_evaluated_by_the_entry_point(tmp_path: Path, train: Command) -> None:
    stores.ready(tmp_path)
    assert train("trainer.epochs=1").returncode == 0
    run_id = stores.only_run(tmp_path).info.run_id
    evaluated = mlflow_run(tmp_path, "--env-manager", "local", "-e", "evaluate", "-P", f"model={run_id}")
    assert evaluated.returncode == 0, evaluated.stderr
    first, second = stores.runs(tmp_path)
    assert second.data.metrics["test/accuracy"] == pytest.approx(first.data.metrics["test/accuracy"], abs=1e-6)


@pytest.mark.stress
def test_a_project_run_of_a_sweep_is_the_parent_of_its_jobs(tmp_path: Path) -> None:
    overrides = f"-m optimizer=sgd,adam trainer.epochs=1 hydra.sweep.dir={tmp_path / 'out'}"
    done = mlflow_run(tmp_path, "--env-manager", "local", "-P", f"overrides={overrides}")
    assert done.returncode == 0, done.stderr
    parent, *children = stores.runs(tmp_path)
    assert parent.data.tags["mlflow.project.entryPoint"] == "main"
    assert [child.data.params["optimizer.name"] for child in children] == ["sgd", "adam"]
    for each in (parent, *children):
        assert each.info.status == "FINISHED"
        assert each.info.experiment_id == parent.info.experiment_id
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parent.info.run_id}


@pytest.mark.stress
def test_wrong_overrides_fail_the_run_that_was_opened_for_them(tmp_path: Path) -> None:
    wrong = mlflow_run(tmp_path, "--env-manager", "local", "-P", "overrides=optimizer=adm")
    assert wrong.returncode != 0
    assert "did you mean adam?" in wrong.stderr + wrong.stdout
    late = mlflow_run(
        tmp_path, "--env-manager", "local", "-P", f"overrides=data=diabetes model=cnn hydra.run.dir={tmp_path}/o"
    )
    assert late.returncode != 0
    assert "model=cnn needs images" in late.stderr + late.stdout
    assert [each.info.status for each in stores.runs(tmp_path)] == ["FAILED", "FAILED"]


@pytest.mark.stress
def test_the_uv_environment_manager_works_too(tmp_path: Path) -> None:
    overrides = f"optimizer=sgd trainer.epochs=1 hydra.run.dir={tmp_path / 'out'}"
    done = mlflow_run(tmp_path, "--env-manager", "uv", "-P", f"overrides={overrides}")
    assert done.returncode == 0, done.stderr
    assert stores.only_run(tmp_path).data.params["optimizer.name"] == "sgd"
