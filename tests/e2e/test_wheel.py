"""The package elsewhere: installed from its wheel, without this repository."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import stores
from tests.conftest import ROOT, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("tfmlflow-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_every_option_and_the_plugins(installed: Path) -> None:
    shipped = {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}
    assert {
        path.relative_to(installed / "tfmlflow" / "conf") for path in (installed / "tfmlflow/conf").rglob("*.yaml")
    } == shipped
    assert (installed / "hydra_plugins" / "tfmlflow_sweeper" / "__init__.py").is_file()
    (entries,) = installed.glob("*.dist-info/entry_points.txt")
    assert "mlflow.run_context_provider" in entries.read_text()


def test_tfmlflow_train_works_from_any_folder(installed: Path, tmp_path: Path) -> None:
    done = run(
        "-m",
        "tfmlflow",
        "train",
        "optimizer=adam,sgd",
        "trainer.epochs=1",
        "-m",
        cwd=tmp_path,
        fresh=True,
        PYTHONPATH=str(installed),
    )
    assert done.returncode == 0, done.stderr
    assert [each.data.params["optimizer.name"] for each in stores.jobs(tmp_path)] == ["adam", "sgd"]
    where = run("-c", "import tfmlflow; print(tfmlflow.__file__)", cwd=tmp_path, fresh=True, PYTHONPATH=str(installed))
    assert where.stdout.startswith(str(installed))
