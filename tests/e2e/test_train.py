"""`python train.py ...` as a user types it, judged by the store, the terminal and the exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from tests import stores
from tests.chaos.script import Script
from tests.conftest import ROOT, Command, clean_environment, run
from tests.forked import started

pytestmark = [
    pytest.mark.xdist_group("train"),  # what is made once for all is made by one worker
    pytest.mark.usefixtures("ready_store"),
]


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """`python train.py` in an empty folder, nothing else."""
    folder = tmp_path_factory.mktemp("default")
    return folder, run(str(ROOT / "train.py"), cwd=folder, fresh=True)


def test_the_default_experiment_ends_with_a_finished_run(
    default: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = default
    assert done.returncode == 0, done.stderr
    recorded = stores.only_run(folder)
    assert recorded.info.status == "FINISHED"
    assert recorded.info.run_name == "mlp adam"
    assert recorded.data.metrics["test/accuracy"] > 0.9
    tags = recorded.data.tags
    assert tags["tfmlflow.end_reason"] == "completed"
    assert tags["hardware.strategy"] == "none"
    assert len(tags["tfmlflow.data_digest"]) == 32


def test_the_terminal_shows_progress_the_result_and_the_way_to_the_run(
    default: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = default
    run_id = stores.only_run(folder).info.run_id
    lines = done.stdout.splitlines()
    assert sum(line.startswith("epoch ") for line in lines) == 20
    assert "validation" in done.stdout
    assert any(line.startswith("open") and "mlflow ui" in line and run_id in line for line in lines)
    assert done.stderr == ""


def test_every_setting_is_a_param_and_every_metric_in_its_section(
    default: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = default
    recorded = stores.only_run(folder)
    params = recorded.data.params
    assert params["optimizer.learning_rate"] == "0.001"
    assert params["model.units"] == "[128, 64]"
    assert params["data.batch_size"] == "64"
    assert params["seed"] == "0"
    assert params["model.parameters"] == "17226"
    for key in ("train/loss", "val/loss", "test/loss", "best/loss", "best/epoch", "batch/loss", "batch/learning_rate"):
        assert key in recorded.data.metrics
    assert "perf/examples_per_second" in recorded.data.metrics
    history = stores.client(folder).get_metric_history(recorded.info.run_id, "val/loss")
    assert [point.step for point in history] == list(range(1, 21))


def test_the_run_carries_config_environment_curves_and_checkpoints(
    default: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = default
    run_id = stores.only_run(folder).info.run_id
    assert stores.files(folder, run_id) >= {
        "config/config.yaml",
        "config/overrides.yaml",
        "config/hydra.yaml",
        "environment/packages.txt",
        "environment/machine.json",
        "report.html",
        "confusion_matrix.png",
        "per_class_metrics.csv",
        "tables/per_class.json",
        "checkpoints/index.json",
        "history.parquet",
        "plots/loss.png",
        "plots/accuracy.png",
    }
    assert "tensorflow==" in stores.text(folder, run_id, "environment/packages.txt")
    machine = json.loads(stores.text(folder, run_id, "environment/machine.json"))
    assert machine["python"].startswith("3.")
    assert "learning_rate: 0.001" in stores.text(folder, run_id, "config/config.yaml")


def test_the_data_set_is_an_input_with_its_digest(default: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = default
    recorded = stores.only_run(folder)
    (entry,) = recorded.inputs.dataset_inputs
    assert entry.dataset.name == "digits"
    assert entry.dataset.digest == recorded.data.tags["tfmlflow.data_digest"]
    assert json.loads(entry.dataset.profile)["train"] == 1294


def test_the_best_model_is_a_logged_model_that_loads_and_predicts(
    default: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = default
    recorded = stores.only_run(folder)
    (output,) = recorded.outputs.model_outputs
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    from tfmlflow.datasets import digits

    test = digits.load(seed=0).test
    right = np.mean(model.predict(test.x)["prediction"].astype(int) == test.y)
    assert right == pytest.approx(recorded.data.metrics["test/accuracy"], abs=1e-6)
    pinned = (Path(mlflow.artifacts.download_artifacts(f"models:/{output.model_id}")) / "requirements.txt").read_text()
    assert "tensorflow==" in pinned
    assert "keras==" in pinned
    assert model.input_example is not None


def test_a_stored_model_is_evaluated_again_with_the_same_result(
    default: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = default
    trained = stores.only_run(folder)
    done = run("-m", "tfmlflow", "evaluate", trained.info.run_id, "data=digits", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "trained" not in done.stdout  # nothing is to be said of the data: they are the same, split alike
    evaluated = stores.runs(folder)[-1]
    assert evaluated.data.tags["tfmlflow.evaluated_run"] == trained.info.run_id
    assert evaluated.data.metrics["test/accuracy"] == pytest.approx(trained.data.metrics["test/accuracy"], abs=1e-6)
    stores.client(folder).delete_run(evaluated.info.run_id)


def test_a_model_of_another_seed_is_evaluated_on_what_it_was_not_trained_on(train: Command, tmp_path: Path) -> None:
    done = train("seed=1", "trainer.epochs=2", "data.test_share=0.3", "tracking.report=false")
    assert done.returncode == 0, done.stderr
    trained = stores.only_run(tmp_path)
    done = run("-m", "tfmlflow", "evaluate", trained.info.run_id, "data=digits", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "split as then: seed=1 data.test_share=0.3" in done.stdout
    assert stores.runs(tmp_path)[-1].data.metrics["test/loss"] == pytest.approx(trained.data.metrics["test/loss"])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["0" * 32, "data=digits"], "0" * 32),
        (["models:/nobody@champion", "data=digits"], "models:/nobody@champion"),
        (["RUN"], "data"),
        (["RUN", "data=diabetes"], "(8, 8, 1)"),
    ],
)
def test_an_evaluation_that_cannot_be_is_refused(
    default: tuple[Path, subprocess.CompletedProcess[str]], arguments: list[str], named: str
) -> None:
    folder, _ = default
    run_id = stores.runs(folder)[0].info.run_id
    words = [run_id if word == "RUN" else word for word in arguments]
    done = run("-m", "tfmlflow", "evaluate", *words, cwd=folder)
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert len(stores.runs(folder)) == 1


def test_a_sweep_on_a_machine_without_gpu_warns_tags_and_trains_on_the_cpu(train: Command, tmp_path: Path) -> None:
    done = train("optimizer=adam,sgd", "hardware=gpu", "trainer.epochs=2", "-m")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("TRAINING ON THE CPU") == 2
    recorded = stores.jobs(tmp_path)
    assert [each.info.run_name for each in recorded] == ["mlp adam", "mlp sgd"]
    assert [each.data.tags["hydra.job.num"] for each in recorded] == ["0", "1"]
    for each in recorded:
        assert each.info.status == "FINISHED"
        assert "gpu" in each.data.tags["hardware.fell_back"]
        assert each.data.tags["hardware.devices"] == "/device:CPU:0"


def test_a_job_that_fails_is_recorded_and_the_others_go_on(train: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import keras\n"
        "def build(data, width):\n"
        "    if width == 2:\n"
        "        raise RuntimeError('width 2 is unlucky')\n"
        "    return keras.Sequential([keras.Input(data.input_shape), keras.layers.Flatten(),\n"
        "                             keras.layers.Dense(width), keras.layers.Dense(data.classes, 'softmax')])\n"
    )
    done = train(
        "model=custom",
        "model._target_=mine.build",
        "+model.width=1,2,3",
        "trainer.epochs=1",
        "-m",
        PYTHONPATH=str(tmp_path),
    )
    assert done.returncode == 1
    assert "width 2 is unlucky" in done.stderr
    assert "job 1  width=2  FAILED (error: RuntimeError: width 2 is unlucky)" in done.stdout
    assert stores.sweep(tmp_path).info.status == "FAILED"
    recorded = stores.jobs(tmp_path)
    assert [each.info.status for each in recorded] == ["FINISHED", "FAILED", "FINISHED"]
    failed = recorded[1]
    assert failed.data.tags["tfmlflow.end_reason"] == "error"
    assert "width 2 is unlucky" in stores.text(tmp_path, failed.info.run_id, "traceback.txt")


def test_a_loss_that_is_no_number_fails_with_its_own_reason(train: Command, tmp_path: Path) -> None:
    done = train("optimizer=sgd", "optimizer.learning_rate=1e30", "trainer.epochs=3")
    assert done.returncode == 1
    assert "not a number" in done.stdout
    assert "Traceback" not in done.stderr
    recorded = stores.only_run(tmp_path)
    assert (recorded.info.status, recorded.data.tags["tfmlflow.end_reason"]) == ("FAILED", "nan")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "times", "code"),
    [
        pytest.param(signal.SIGTERM, 1, 143, marks=pytest.mark.stress),  # as in tests/chaos/test_process_faults.py
        pytest.param(signal.SIGINT, 1, 130, marks=pytest.mark.stress),
        (signal.SIGINT, 12, 130),
    ],
    ids=["SIGTERM", "SIGINT", "SIGINT many times"],
)
def test_a_signal_ends_the_run_killed_with_a_checkpoint(tmp_path: Path, number: int, times: int, code: int) -> None:
    with Script(tmp_path, str(ROOT / "train.py"), "trainer.epochs=5000", "tracking.checkpoint_every=1000") as script:
        script.until("epoch    3/5000")
        for _ in range(times):
            script.send(number)
            time.sleep(0.04)
        assert script.ended(timeout=60) == code
        said = script.said
    assert f"stopped by {signal.Signals(number).name}" in said
    recorded = stores.only_run(tmp_path)
    assert (recorded.info.status, recorded.data.tags["tfmlflow.end_reason"]) == ("KILLED", "signal")
    assert "checkpoints/index.json" in stores.files(tmp_path, recorded.info.run_id)
    assert recorded.data.metrics["batch/loss"] > 0


PRESSED = """
import os, signal
from tfmlflow.datasets import digits
from tfmlflow.result import Result

report = Result.report

def pressed(*arguments):
    os.kill(os.getpid(), signal.SIGINT)
    report(*arguments)
    os.kill(os.getpid(), signal.SIGTERM)

Result.report = pressed

def load(seed: int = 0):
    return digits.load(seed=seed)
"""


def test_a_signal_while_the_result_is_printed_comes_too_late(train: Command, tmp_path: Path) -> None:
    """The run has ended FINISHED: the print and the exit code say so, too."""
    (tmp_path / "mine.py").write_text(PRESSED)
    done = train("data=custom", "data._target_=mine.load", "data.limit=100", "trainer.epochs=1")
    assert (done.returncode, stores.only_run(tmp_path).info.status) == (0, "FINISHED"), done.stderr
    assert "best epoch 1" in done.stdout
    assert "\nopen  " in done.stdout
    assert "stopped by" not in done.stdout + done.stderr


def test_own_data_model_and_options_need_no_change_to_the_package(train: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import numpy as np, keras\n"
        "from tfmlflow.data.splits import from_arrays\n"
        "def load(count):\n"
        "    x = np.random.default_rng(0).normal(size=(count, 3)).astype('float32')\n"
        "    return from_arrays('mine', x, x.sum(axis=1), task='regression')\n"
        "def decay(epoch, rate):\n"
        "    return rate * 0.5\n"
    )
    options = tmp_path / "my_conf" / "model"
    options.mkdir(parents=True)
    (options / "small.yaml").write_text("name: small\n_target_: tfmlflow.models.mlp.build\nunits: [4]\n")
    done = train(
        "--config-dir",
        "my_conf",
        "model=small",
        "data=custom",
        "data._target_=mine.load",
        "+data.count=200",
        "schedule=function",
        "schedule.function.path=mine.decay",
        "trainer.epochs=3",
        "tracking.log_every=1",
        PYTHONPATH=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    recorded = stores.only_run(tmp_path)
    assert recorded.data.params["model.units"] == "[4]"
    assert recorded.data.params["data._target_"] == "mine.load"
    rates = stores.client(tmp_path).get_metric_history(recorded.info.run_id, "batch/learning_rate")
    assert sorted({round(rate.value, 6) for rate in rates}) == [0.000125, 0.00025, 0.0005]


def test_the_debug_profile_takes_seconds_and_goes_to_its_own_experiment(train: Command, tmp_path: Path) -> None:
    done = train("debug=fast")
    assert done.returncode == 0, done.stderr
    recorded = stores.only_run(tmp_path)
    assert stores.client(tmp_path).get_experiment(recorded.info.experiment_id).name == "debug"
    assert recorded.data.params["data.limit"] == "256"


def test_replicas_on_logical_cpus_train_one_run(train: Command, tmp_path: Path) -> None:
    done = train(
        "hardware=multi_gpu", "hardware.logical_cpus=2", "model=cnn", "model.batch_norm=true", "trainer.epochs=1"
    )
    assert done.returncode == 0, done.stderr
    recorded = stores.only_run(tmp_path)
    assert recorded.data.tags["hardware.strategy"] == "MirroredStrategy"
    assert recorded.data.tags["hardware.devices"] == "/device:CPU:0, /device:CPU:1"
    assert 0 < recorded.data.metrics["batch/loss"] < 5


@pytest.mark.stress
def test_the_same_command_gives_the_same_result(tmp_path: Path) -> None:
    results = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        done = run(str(ROOT / "train.py"), "model.dropout=0.2", "trainer.epochs=3", cwd=folder)
        assert done.returncode == 0, done.stderr
        results.append(stores.only_run(folder).data.metrics["test/loss"])
    assert results[0] == results[1]


@pytest.mark.stress
def test_a_server_that_nobody_runs_does_not_keep_from_training(train: Command, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    done = train("tracking.uri=http://127.0.0.1:9", "tracking.drain_timeout=1", TFMLFLOW_SPOOL=str(spool))
    try:
        assert done.returncode == 0, done.stderr
        assert "http://127.0.0.1:9" in done.stderr
        assert "tfmlflow sync" in done.stderr
        assert stores.runs(tmp_path) == []
    finally:
        stores.stop_shippers(spool)


def test_passwords_do_not_reach_the_store(train: Command, tmp_path: Path) -> None:
    done = train("trainer.epochs=1", "+tracking.tags.api_key=hunter2", "+tracking.tags.place=http://me:hunter2@here")
    assert done.returncode == 0, done.stderr
    recorded = stores.only_run(tmp_path)
    everything = str(recorded.to_dictionary())
    for file in stores.files(tmp_path, recorded.info.run_id):
        if file.startswith("config/"):
            everything += stores.text(tmp_path, recorded.info.run_id, file)
    assert "hunter2" not in everything


OWN_DATA = """\
import numpy as np
import tensorflow as tf

x = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
y = (x.sum(axis=1) > 0).astype("int32")


def pair(): return x, y
def pairs(): return (x, y), (x[:20], y[:20])
def dataset(): return tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
"""


def test_a_loader_may_return_arrays_and_is_told_what_else(train: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN_DATA)
    words = ("data=custom", "trainer.epochs=1", "tracking.log_model=false", "tracking.report=false")
    for loader in ("pair", "pairs"):
        done = train(f"data._target_=mine.{loader}", *words)
        assert done.returncode == 0, done.stderr
    assert "report.html" not in stores.files(tmp_path, stores.runs(tmp_path)[0].info.run_id)
    done = train("data._target_=mine.dataset", *words)
    assert done.returncode == 2
    assert "data._target_=mine.dataset: returned" in done.stderr
    assert "tfmlflow.Data" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [(), pytest.param(("-m", "seed=1,2"), marks=pytest.mark.stress)])
def test_output_that_nobody_reads_does_not_end_a_training(tmp_path: Path, words: tuple[str, ...]) -> None:
    """As under `| head`: the pipe's other end is gone before the first line."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as pipe:
        arguments = [str(ROOT / "train.py"), "trainer.epochs=2", "tracking.log_model=false", *words]
        process = started(arguments, tmp_path, clean_environment(), pipe, pipe)
    assert process.wait(200) == 0
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert len(runs) == (3 if words else 1)
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_tracking_file_of_ones_own_may_be_older_than_a_key(train: Command, tmp_path: Path) -> None:
    shipped = (ROOT / "conf" / "tracking" / "mlflow.yaml").read_text().splitlines()
    older = [line for line in shipped if not line.startswith(("report:", "histograms:"))]
    assert len(older) == len(shipped) - 2
    own = tmp_path / "my_conf" / "tracking"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("\n".join(older).replace("name: mlflow", "name: mine"))
    done = train("--config-dir", "my_conf", "tracking=mine", "trainer.epochs=1")
    assert done.returncode == 0, done.stderr
