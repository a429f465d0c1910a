"""The study that jobs in other processes report to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from tests.conftest import ROOT
from tests.sweep.studies import place
from tfmlflow.errors import UsageError
from tfmlflow.sweep.jobs.sweep_file import SweepFile
from tfmlflow.sweep.search.study import StudyPlace, default_storage

REPORT = """
import sys
from pathlib import Path
from tfmlflow.sweep.jobs.sweep_file import SweepFile
hopeless = SweepFile.read(Path(sys.argv[1])).reporter(int(sys.argv[2]))
assert "tensorflow" not in sys.modules and "mlflow" not in sys.modules
print([hopeless(epoch, float(value)) for epoch, value in enumerate(sys.argv[3:], 1)])
"""


def begin(study: optuna.Study, job: int) -> optuna.Trial:
    """A trial that a job with this number tries."""
    trial = study.ask()
    trial.set_user_attr("job", job)
    return trial


def test_a_job_in_another_process_is_told_that_it_is_hopeless(tmp_path: Path) -> None:
    where = place(tmp_path, "median", n_startup_trials=2, n_warmup_steps=2)
    study = where.open()
    for job in (0, 1):
        trial = begin(study, job)
        for epoch in (1, 2, 3):
            trial.report(0.1, epoch)
        study.tell(trial, 0.1)
    SweepFile("s", "parent", ["seed"], str(tmp_path), where.__dict__).write(tmp_path)

    def says(job: int, *values: float) -> list[bool]:
        command = [sys.executable, "-c", REPORT, str(tmp_path), str(job), *map(str, values)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [word == "True" for word in done.stdout.strip("[]\n").split(", ")]

    begin(study, 7)
    assert says(7, 0.9, 0.9, 0.9) == [False, True, True]
    assert study.trials[2].intermediate_values == {1: 0.9, 2: 0.9, 3: 0.9}
    begin(study, 8)
    assert says(8, 0.05, 0.05, 0.05) == [False, False, False]


def test_asha_keeps_the_best_share_of_those_that_came_so_far(tmp_path: Path) -> None:
    where = place(tmp_path, "asha", min_resource=1, reduction_factor=2)
    study = where.open()
    told = []
    for job, value in enumerate((0.1, 0.5, 0.9, 0.05)):
        begin(study, job)
        hopeless = where.reporter(job)
        assert hopeless is not None
        told.append(hopeless(1, value))
    assert told == [False, True, True, False]


def test_a_number_that_was_used_twice_belongs_to_the_newest_trial(tmp_path: Path) -> None:
    where = place(tmp_path, "median")
    study = where.open()
    old, new = begin(study, 3), begin(study, 3)
    hopeless = where.reporter(3)
    assert hopeless is not None
    hopeless(1, 0.5)
    assert study.trials[new.number].intermediate_values == {1: 0.5}
    assert study.trials[old.number].intermediate_values == {}


def test_nobody_listens_without_a_pruner_or_to_a_job_that_is_not_of_the_study(tmp_path: Path) -> None:
    assert place(tmp_path).reporter(0) is None
    assert not (tmp_path / "study.db").exists()
    hopeless = place(tmp_path, "median").reporter(99)
    assert hopeless is not None
    assert not (tmp_path / "study.db").exists()  # opened when there is something to report
    assert hopeless(1, 0.5) is False


@pytest.mark.parametrize(("pruner", "kind"), [("none", "NopPruner"), ("median", "MedianPruner")])
def test_a_study_is_made_once_and_found_again(tmp_path: Path, pruner: str, kind: str) -> None:
    first = place(tmp_path, pruner).open()
    first.tell(first.ask(), 1.0)
    assert type(first.pruner).__name__ == kind
    assert len(place(tmp_path, pruner).open().trials) == 1


@pytest.mark.parametrize(
    ("pruner", "options", "says"),
    [
        ("median", {"nosuch": 1}, "sweep.pruner_options={'nosuch': 1}"),
        ("hyperband", {"min_resource": 0}, "min_resource"),
        ("asha", {"min_resource": 0}, "min_resource"),
        ("asha", {"reduction_factor": 1}, "reduction_factor"),
    ],
)
def test_options_that_the_pruner_refuses_are_named(
    tmp_path: Path, pruner: str, options: dict[str, int], says: str
) -> None:
    with pytest.raises(UsageError, match=r"sweep\.pruner_options=") as refused:
        place(tmp_path, pruner, **options).open()
    assert says in str(refused.value)


@pytest.mark.parametrize("storage", ["nosuch://x", "sqlite:////nosuch/folder/x.db", "no url"])
def test_a_storage_that_cannot_be_is_named(storage: str) -> None:
    with pytest.raises(UsageError, match=f"sweep.storage={storage}: ") as refused:
        StudyPlace("study", storage, "none", {}, ["minimize"]).open()
    assert len(str(refused.value).splitlines()) == 1


def test_the_database_lies_beside_a_sqlite_store_else_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_storage("sqlite:////data/mlflow.db") == "sqlite:////data/tfmlflow-sweeps.db"
    assert default_storage("http://server:5000") == f"sqlite:///{tmp_path / 'tfmlflow-sweeps.db'}"


def test_what_a_sweep_tells_its_jobs_comes_back_whole(tmp_path: Path) -> None:
    sweep_file = SweepFile(
        "s", None, ["seed", "model.units"], "/code", place(tmp_path, "asha", min_resource=2).__dict__
    )
    sweep_file.write(tmp_path)
    assert SweepFile.read(tmp_path) == SweepFile(
        "s", None, ["seed", "model.units"], "/code", {**sweep_file.study, "directions": ["minimize"]}
    )
    assert SweepFile.read(tmp_path / "elsewhere") is None
    assert SweepFile("s", None, [], "/code").reporter(0) is None
    assert sweep_file.reporter(None) is None
