"""The scripts in `examples/`, as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import stores
from tests.conftest import ROOT, run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ready_store")]
EXAMPLES = ROOT / "examples"


def test_a_fit_of_ones_own(tmp_path: Path) -> None:
    done = run(str(EXAMPLES / "own_fit.py"), "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    stored = stores.only_run(tmp_path)
    assert f"run {stored.info.run_id}\n" in done.stdout
    assert (stored.info.status, "val/accuracy" in stored.data.metrics) == ("FINISHED", True)


def test_parts_of_ones_own(tmp_path: Path) -> None:
    parts = ("data=custom", "data._target_=own_parts.load", "model=custom", "model._target_=own_parts.build")
    swept = (*parts, "+data.noise=0.2", "+model.width=8,32", "trainer.epochs=1", "-m")
    done = run(str(ROOT / "train.py"), *swept, cwd=tmp_path, PYTHONPATH=str(EXAMPLES))
    assert done.returncode == 0, done.stderr
    assert sorted(job.data.params["model.width"] for job in stores.jobs(tmp_path)) == ["32", "8"]


LOOPS = {  # what each leaves in its run: metrics, models
    "gradient_tape": ("2", {"batch/loss", "val/loss", "val/accuracy", "best/loss"}, {"best"}),
    "gan": ("100", {"batch/discriminator_loss", "batch/generator_loss"}, {"generator", "discriminator"}),
    "episodes": ("20", {"episode/reward", "episode/loss", "test/reward", "test/best_possible"}, {"policy"}),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_of_ones_own(tmp_path: Path, name: str) -> None:
    argument, metrics, models = LOOPS[name]
    done = run(str(EXAMPLES / f"{name}.py"), argument, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    stored = stores.only_run(tmp_path)
    assert f"run {stored.info.run_id}" in done.stdout
    own = {key for key in stored.data.metrics if not key.startswith("system/")}
    assert (stored.info.status, own) == ("FINISHED", metrics)
    known = stores.client(tmp_path).search_logged_models([stored.info.experiment_id])
    assert {model.name for model in known} == models


def test_each_example_is_tested() -> None:
    tested = Path(__file__).read_text()
    assert [file.stem for file in sorted(EXAMPLES.glob("*.py")) if file.stem not in tested] == []
