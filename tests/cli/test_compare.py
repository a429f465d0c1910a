"""`tfmlflow compare` and `tfmlflow best`, as typed, on real stores."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput

from tests.analysis import stored
from tests.analysis.fixtures import Store
from tests.conftest import run
from tfmlflow.cli import main

pytestmark = pytest.mark.xdist_group("reading")


def typed(store: Store, *arguments: str, width: int = 80) -> Result:
    """`tfmlflow <arguments>` in a terminal of `width` columns."""
    return CliRunner().invoke(main, [*arguments, "--uri", store.uri], env={"COLUMNS": str(width)})


def test_the_table_fits_eighty_columns(store: Store) -> None:
    for experiment in ("grid", "foreign", "searched", "two"):
        done = typed(store, "compare", "--experiment", experiment)
        assert done.exit_code == 0, done.output
        assert max(map(len, done.output.splitlines())) <= 80
    assert "11 runs, 4 configurations, by val/loss, lower is better" in typed(store, "compare", "--sweep", "s1").output


def test_seeds_are_one_line_with_mean_and_spread(store: Store) -> None:
    lines = typed(store, "compare", "--experiment", "grid").output.splitlines()
    first = next(line.split() for line in lines if line.startswith("1 "))
    assert float(first[1]) == pytest.approx(0.2, abs=0.03)
    assert first[2].startswith("±0.0")
    assert first[3:6] == ["3", "3", "0.01"]  # seeds, epoch, learning rate


def test_failures_are_shown_with_their_reason_and_last_words(store: Store) -> None:
    output = typed(store, "compare", "--experiment", "grid", width=160).output
    assert "of 11 runs 2 failed" in output
    assert "2 of 2 FAILED killed, nan" in output
    assert "ValueError: loss is [red]nan[/red] <script>" in output


def test_a_run_cannot_steer_the_terminal(store: Store) -> None:
    output = typed(store, "compare", "--filter", "attributes.run_name LIKE '<script>%'").output
    assert "4 runs" in output
    assert "\x1b" not in output


def test_conclusions_say_when_there_is_too_little_to_tell(store: Store) -> None:
    output = typed(store, "compare", "--experiment", "foreign", width=200).output
    assert "too few seeds to tell" in output
    assert "too few runs to tell" in output


def test_two_runs_are_set_side_by_side(store: Store) -> None:
    output = typed(store, "compare", *(run_id[:12] for run_id in store.pair)).output
    for said in (
        "model.units",
        "optimizer.momentum",
        "3.15.0",
        "3.16.0",
        "digest0",
        "git diff",
        "model.py: changed in",
    ):
        assert said in output
    assert f"{'1' * 10} in {store.pair[0][:8]}" in output


def test_files_are_written_where_they_are_wanted(store: Store, tmp_path: Path) -> None:
    files = [tmp_path / "new" / name for name in ("report.html", "table.csv", "curves.png")]
    options = [word for file in files for word in (f"--{file.suffix[1:]}", str(file))]
    done = typed(store, "compare", "--sweep", "latest", "--by", "time", *options, width=300)
    assert done.exit_code == 0, done.output
    assert all(file.stat().st_size > 500 for file in files)
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["curves.png", "report.html", "table.csv"]
    assert "seconds since the run began" in files[0].read_text()


def test_the_order_and_the_number_of_lines_can_be_said(store: Store) -> None:
    lines = typed(
        store, "compare", "--experiment", "grid", "--sort", "learning_rate", "--limit", "2"
    ).output.splitlines()
    assert [line.split()[0] for line in lines[4:6]] == ["3", "1"]
    assert "2 more" in lines[6]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--experiment", "gird"], "no such experiment; the nearest: grid"),
        (["--experiment", "grid", "--filter", "nonsense ="], "Invalid clause"),
        (["--experiment", "grid", "--filter", "metrics.`val/loss` < -1"], "no runs"),
        (["--experiment", "grid", "--metric", "val/los"], "no run has it; the nearest: val/loss"),
        (["--experiment", "grid", "--metric", "qqq"], "there is: val/loss"),
        (["--experiment", "grid", "--sort", "colour"], "--sort colour"),
        (["--sweep", "s2"], "no such sweep; the newest: s1"),
        (["ffffffffff0"], "no such run"),
        ([], "name an --experiment"),
        (["--experiment", "Default"], "no runs"),
        (["--experiment", "grid", "--html", "/dev/null/report.html"], "cannot be written"),
    ],
)
def test_wrong_input_gets_one_message_that_says_what_there_is(store: Store, arguments: list[str], said: str) -> None:
    done = typed(store, "compare", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    done = run("-m", "tfmlflow", "compare", "--experiment", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert "no such file" in done.stderr
    assert not (tmp_path / "mlflow.db").exists()


def test_a_database_that_does_not_answer_is_said_at_once(tmp_path: Path) -> None:
    """MLflow would try it for two minutes, and print each time."""
    nobody = "postgresql+psycopg2://me:hunter22@127.0.0.1:1/runs"
    done = run("-m", "tfmlflow", "compare", "--experiment", "x", "--uri", nobody, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "no server answers at postgresql+psycopg2://********@127.0.0.1:1/runs (Connection refused)" in line


def test_neither_command_loads_tensorflow(store: Store, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from tfmlflow.cli import main\n"
        f"main(['compare', '--experiment', 'searched', '--uri', {store.uri!r}, '--html', 'r.html', '--png', 'p.png'],"
        " standalone_mode=False)\n"
        f"main(['best', '--experiment', 'grid', '--uri', {store.uri!r}], standalone_mode=False)\n"
        "print('loaded:', sorted({'tensorflow', 'keras', 'hydra', 'omegaconf'} & set(sys.modules)))\n"
    )
    done = run("-c", script, cwd=tmp_path, fresh=True, PYTHONPATH=str(Path(__file__).resolve().parents[2]))
    assert "loaded: []" in done.stdout, done.stderr
    assert sys.platform == "win32" or done.returncode == 0


def test_the_best_run_is_one_that_completed(store: Store) -> None:
    done = typed(store, "best", "--experiment", "grid")
    assert done.exit_code == 0, done.output
    assert "at epoch 3" in done.output
    assert "learning_rate=0.01" in done.output
    assert "over 3 seeds 0.1" in done.output
    assert "model none was stored" in done.output


def test_no_completed_run_is_no_best_run(store: Store) -> None:
    done = typed(store, "best", "--experiment", "grid", "--filter", "attributes.status = 'FAILED'")
    assert done.exit_code == 2
    assert "none of 2 runs has completed" in done.stderr


def test_the_best_model_becomes_champion_only_if_it_beats_the_present_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = Store(tmp_path, [])
    client = MlflowClient(own.uri)
    ids = [client.create_experiment(name) for name in ("good", "worse", "better")]
    models = []
    for experiment, loss in zip(ids, (0.2, 0.3, 0.1), strict=True):
        run_id = stored.put_ours(client, experiment, loss, {}, 1)
        model = client.create_logged_model(experiment, name="best", source_run_id=run_id)
        client.finalize_logged_model(model.model_id, "READY")
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 3)])
        models.append(model.model_id)
    assert f"models:/{models[0]}" in typed(own, "best", "--experiment", "good").output
    for name, alias in (("good", 1), ("worse", 1), ("better", 3)):
        done = typed(own, "best", "--experiment", name, "--register", "digits")
        assert done.exit_code == 0, done.output
        assert int(client.get_model_version_by_alias("digits", "champion").version) == alias
    again = typed(own, "best", "--experiment", "good", "--register", "digits")
    assert "registered models:/digits/1" in again.output
    assert len(client.search_model_versions("name = 'digits'")) == 3


def test_a_run_without_a_model_cannot_be_registered(store: Store) -> None:
    done = typed(store, "best", "--experiment", "grid", "--register", "digits")
    assert done.exit_code == 2
    assert "has stored no model" in done.stderr
