"""`compress=` as a user types it, judged by the store, the terminal and the exit code."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import keras
import mlflow
import numpy as np
import pytest
from mlflow.entities import Run

from tests import stores
from tests.conftest import ROOT, run

pytestmark = pytest.mark.xdist_group("compress")

SMALL = ("tracking.system_metrics=false", "tracking.checkpoint_every=null")
QUICK = ("compress.seconds=0.05", "tracking.system_metrics=false")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one training of two epochs, of half the validation examples and another seed than usual."""
    made = tmp_path_factory.mktemp("compress")
    stores.ready(made)
    words = ("trainer.epochs=2", "seed=3", "data.validation_share=0.2", *SMALL)
    done = run(str(ROOT / "train.py"), *words, cwd=made)
    assert done.returncode == 0, done.stderr
    return made


def origin(folder: Path) -> Run:
    """The run of the training."""
    (found,) = (one for one in stores.runs(folder) if one.info.run_name.startswith("mlp"))
    return found


def compressed(folder: Path, *words: str, code: int = 0) -> str:
    """`python train.py <words>`; what it said."""
    done = run(str(ROOT / "train.py"), *words, *QUICK, cwd=folder)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_a_sweep_of_compressions_is_of_the_origins_children_on_its_own_data(folder: Path) -> None:
    whole = origin(folder).info.run_id
    words = ("compress=prune,litert_int8", f"compress.from={whole[:8]}", "compress.epochs=4", "-m")
    said = compressed(folder, *words, "compress.max_loss=0.02")
    jobs = {one.data.params["compress.name"]: one for one in stores.jobs(folder) if "compress.name" in one.data.params}
    assert set(jobs) == {"prune", "litert_int8"}
    for one in jobs.values():
        tags, metrics, params = one.data.tags, one.data.metrics, one.data.params
        assert (one.info.status, tags["mlflow.parentRunId"]) == ("FINISHED", whole)
        assert tags["tfmlflow.compressed_data"].startswith("the same as the origin's")
        assert (params["data.seed"], params["data.validation_share"]) == ("3", "0.2")
        before = origin(folder).data.metrics
        assert metrics["origin/val/accuracy"] == pytest.approx(before["best/accuracy"], abs=1e-6)
        assert metrics["origin/test/loss"] == pytest.approx(before["test/loss"], rel=1e-4)
        lost = (metrics["origin/val/accuracy"] - metrics["compress/val/accuracy"]) / metrics["origin/val/accuracy"]
        assert tags["tfmlflow.compress"].startswith("accepted" if lost <= 0.02 else "refused")
    assert jobs["prune"].data.metrics["compress/sparsity"] == pytest.approx(0.8, abs=0.01)
    assert jobs["prune"].data.metrics["train/loss"] > 0
    small = jobs["litert_int8"].data.metrics
    assert small["compress/size_bytes"] < small["origin/size_bytes"] / 2
    assert small["compress/label_agreement"] > 0.95
    assert "compressed/model.tflite" in stores.files(folder, jobs["litert_int8"].info.run_id)
    parent = stores.sweep(folder)
    assert parent.data.tags["mlflow.parentRunId"] == whole
    assert {"pareto.png", "pareto.csv"} <= stores.files(folder, parent.info.run_id)
    rows = list(csv.DictReader(io.StringIO(stores.text(folder, parent.info.run_id, "pareto.csv"))))
    assert {row["model"] for row in rows} == {"origin", "prune epochs=4", "litert_int8"}
    assert "no other is as small" in said


def test_what_loses_too_much_is_measured_and_not_stored(folder: Path) -> None:
    words = ("compress=prune", f"compress.from={origin(folder).info.run_id}", "compress.epochs=0")
    assert "refused" in compressed(folder, *words, "compress.sparsity=0.97", "compress.max_loss=0")
    (found,) = (one for one in stores.runs(folder) if one.data.params.get("compress.sparsity") == "0.97")
    assert found.info.status == "FINISHED"
    assert found.data.tags["tfmlflow.compress"].startswith("refused: val/accuracy")
    assert found.data.metrics["compress/sparsity"] == pytest.approx(0.97, abs=0.01)
    assert not (found.outputs and found.outputs.model_outputs)


def test_a_model_that_is_not_ours_is_compressed_on_data_that_are_named(folder: Path) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.set_experiment("theirs")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    with mlflow.start_run(run_name="plain Keras") as theirs:
        mlflow.tensorflow.log_model(model, name="model", pip_requirements=[])
    words = ("compress=int8", f"compress.from={theirs.info.run_id[:10]}")
    assert "has not recorded what data it was trained on" in compressed(folder, *words, code=2)
    compressed(folder, *words, "data=digits")
    (found,) = (one for one in stores.jobs(folder) if one.data.tags["mlflow.parentRunId"] == theirs.info.run_id)
    assert found.data.tags["tfmlflow.compress"].startswith("accepted")
    assert found.data.tags["tfmlflow.compressed_data"].startswith("not known")
    assert found.outputs.model_outputs
    stored = mlflow.tensorflow.load_model(f"models:/{found.outputs.model_outputs[0].model_id}")
    assert {layer.dtype_policy.name for layer in stored.layers if layer.weights} == {"int8_from_float32"}
    x = np.random.default_rng(0).random((4, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(stored.predict(x, verbose=0), model.predict(x, verbose=0), atol=0.05)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compress=prune",), "compress.from: no value"),
        (("compress=prune", "compress.from=zz"), "neither the id of a run"),
        (("compress=int8", "compress.from=abcd1234"), "there is no such run"),
        (("compress=int8,qat", "compress.from=abcd1234", "-m"), "there is no such run"),
        (("compress.from=abcd1234",), "compress=none has no key 'from'"),
        (("compress=prune", "compress.from=abcd1234", "compress.structure=4:2"), "compress.structure=4:2"),
        (("compress=litert", "compress.from=abcd1234", "compress.then=[int8]"), "put it last"),
        (("compress=prune", "compress.from=abcd1234", "compress.begin=0.9"), "compress.begin=0.9"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(folder: Path, words: tuple[str, ...], said: str) -> None:
    count = len(stores.runs(folder))
    done = run(str(ROOT / "train.py"), *words, cwd=folder)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert len(stores.runs(folder)) == count


def test_what_was_trained_stays_where_a_later_method_is_refused(folder: Path) -> None:
    """LSTM layers have operations that LiteRT lacks, which shows when they are converted."""
    done = run(
        str(ROOT / "train.py"),
        "model=lstm",
        "model.units=[8]",
        "data.limit=300",
        "trainer.epochs=1",
        "tracking.run_name=recurrent",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    (whole,) = (one for one in stores.runs(folder) if one.info.run_name == "recurrent")
    words = ("compress=prune", "compress.then=[litert]", "compress.epochs=1", "compress.max_loss=1")
    said = compressed(folder, *words, f"compress.from={whole.info.run_id}", code=1)
    assert "LiteRT cannot convert it" in said
    found = stores.runs(folder)[-1]
    assert (found.info.status, found.data.tags["tfmlflow.end_reason"]) == ("FAILED", "error")
    assert "LiteRT cannot convert it" in found.data.tags["tfmlflow.error"]
    assert found.data.metrics["compress/sparsity"] == pytest.approx(0.8, abs=0.01)
    assert found.outputs.model_outputs
