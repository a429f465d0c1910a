"""The MLflow plugin that tells which Hydra job a run belongs to, as MLflow loads it: by its entry point."""

from __future__ import annotations

from pathlib import Path

from tests import stores
from tests.conftest import run

APP = """
import hydra, mlflow

@hydra.main(config_path=None, version_base="1.3")
def app(cfg):
    with mlflow.start_run():
        pass

app()
"""


def test_a_run_of_any_hydra_app_is_tagged_with_its_overrides(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    done = run("app.py", "+width=3,4", "+api_key=hunter2", "-m", cwd=tmp_path, fresh=True)
    assert done.returncode == 0, done.stderr
    first, second = stores.runs(tmp_path)
    assert first.data.tags["hydra.overrides"] == "+width=3 +api_key=********"
    assert second.data.tags["hydra.overrides"].startswith("+width=4")
    assert [each.data.tags["hydra.job.num"] for each in (first, second)] == ["0", "1"]


def test_a_run_outside_hydra_is_not_tagged(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(
        "import mlflow, sys\nwith mlflow.start_run(): pass\nassert 'hydra' not in sys.modules\n"
    )
    done = run("plain.py", cwd=tmp_path, fresh=True)
    assert done.returncode == 0, done.stderr
    assert "hydra.overrides" not in stores.only_run(tmp_path).data.tags
