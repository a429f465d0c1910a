"""`tfmlflow.track`: the run of a loop of one's own."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from mlflow import MlflowClient

import tfmlflow
from tests import stores
from tfmlflow.errors import UsageError
from tfmlflow.tracking.recording import media


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store of its own, as somebody's script would set it."""
    before = mlflow.get_tracking_uri()
    folder = tmp_path_factory.mktemp("store")
    uri = stores.ready(folder)
    mlflow.set_tracking_uri(uri)
    MlflowClient(uri).create_experiment("loops", artifact_location=str(folder / "artifacts"))
    mlflow.set_experiment("loops")
    yield folder
    mlflow.set_tracking_uri(before)


def tracked(name: str | None = None, **options: Any) -> tfmlflow.track:
    return tfmlflow.track(name, **{"system_metrics": False, "diff": False, **options})


def points(run_id: str, key: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in MlflowClient().get_metric_history(run_id, key)]


def stored(run_id: str) -> Any:
    return MlflowClient().get_run(run_id)


def test_everything_that_a_loop_tells_is_in_the_run(tmp_path: Path) -> None:
    import matplotlib.figure

    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("as it was")
    figure = matplotlib.figure.Figure()
    figure.subplots().plot([1, 2])
    with tracked("everything", params={"latent": 64, "optimizer": {"rate": 0.1}}, tags={"team": "red"}) as run:
        for step in range(1, 6):
            run.log({"batch/loss": 1 / step, "batch/acc@1": np.float32(step)}, step=step)
        run.log_text("said", "texts/said.txt")
        run.log_text("said", "root.txt")
        run.log_figure(figure, "plots/line.png")
        run.log_table(pd.DataFrame({"text": ["a", "b"], "score": np.array([0.5, 1.0], "float32")}), "frame.json")
        run.log_table({"label": [0, 1], "gap": [0.5, float("nan")]}, "columns.json")
        run.log_table({"alone": "a text", "number": 3}, "row.json")
        run.log_artifact(tmp_path / "notes", "mine")
        (tmp_path / "notes" / "a.txt").write_text("changed since")
        run.log_dataset(np.zeros((10, 4)), np.zeros(10))
    found = stored(run.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "everything")
    assert found.data.tags["tfmlflow.end_reason"] == "completed"
    assert (found.data.params, found.data.tags["team"]) == ({"latent": "64", "optimizer.rate": "0.1"}, "red")
    assert points(run.run_id, "batch/loss") == [(step, 1 / step) for step in range(1, 6)]
    assert points(run.run_id, "batch/acc_1")[-1] == (5, 5.0)
    assert [file.path for file in MlflowClient().list_artifacts(run.run_id, "texts")] == ["texts/said.txt"]
    assert [file.path for file in MlflowClient().list_artifacts(run.run_id, "plots")] == ["plots/line.png"]
    assert "keras==" in mlflow.artifacts.load_text(f"runs:/{run.run_id}/environment/packages.txt")
    assert mlflow.artifacts.load_text(f"runs:/{run.run_id}/mine/notes/a.txt") == "as it was"
    assert mlflow.load_table("frame.json", [run.run_id]).to_dict("list") == {"text": ["a", "b"], "score": [0.5, 1.0]}
    assert mlflow.load_table("columns.json", [run.run_id])["label"].tolist() == [0, 1]
    assert "NaN" not in mlflow.artifacts.load_text(f"runs:/{run.run_id}/columns.json")  # which no browser reads
    assert mlflow.load_table("row.json", [run.run_id]).to_dict("list") == {"alone": ["a text"], "number": [3]}
    assert mlflow.artifacts.load_text(f"runs:/{run.run_id}/root.txt") == "said"
    (used,) = found.inputs.dataset_inputs
    assert json.loads(used.dataset.profile)["examples"] == 10
    assert "tfmlflow.incomplete" not in found.data.tags


def test_pictures_are_found_by_mlflow_by_key_and_step() -> None:
    with tracked() as run:
        for step in (1, 2):
            run.log_image(np.full((8, 6), step / 4, "float32"), "made/one", step=step)
        run.log_image(np.zeros((300, 4, 3), np.uint8), "long")
    found = stored(run.run_id)
    names = sorted(file.path.removeprefix("images/") for file in MlflowClient().list_artifacts(run.run_id, "images"))
    assert found.data.tags["mlflow.loggedImages"] == "True"
    assert [name.split("+timestamp+")[0] for name in names] == ["long+step+0"] * 2 + [
        f"made~one+step+{step}" for step in (1, 1, 2, 2)
    ]
    assert [name.rsplit("+", 1)[-1] for name in names if name.endswith("webp")] == ["compressed.webp"] * 3
    image = mlflow.artifacts.load_image(f"runs:/{run.run_id}/images/{next(n for n in names if 'step+2' in n)}")
    assert np.asarray(image.convert("L")).tolist()[0][0] in range(126, 130)


def test_a_tensor_is_read_later_and_a_variable_is_as_it_was() -> None:
    variable, kept, array = tf.Variable(0.0), keras.Variable(0.0), np.zeros(())
    with tracked() as run:
        for step in range(1, 4):
            for one in (variable, kept):
                one.assign(float(step))
            array[...] = step
            told = {"tensor": tf.constant(step) * 2, "variable": variable, "keras": kept, "array": array}
            run.log(told, step=step)
    for key, factor in {"tensor": 2, "variable": 1, "keras": 1, "array": 1}.items():
        assert points(run.run_id, key) == [(step, float(factor * step)) for step in (1, 2, 3)], key


def test_steps_count_by_themselves_and_vectors_are_numbers_of_their_own() -> None:
    with tracked() as run:
        for _ in range(3):
            run.log({"val/loss": 1.0})
        run.log({"val/loss": float("nan"), "val/f1": [0.25, 0.75]}, step=7)
        run.log({"val/loss": 0.5})
    steps = [step for step, _ in points(run.run_id, "val/loss")]
    assert sorted(steps) == [1, 2, 3, 7, 8]
    assert points(run.run_id, "val/f1/1") == [(7, 0.75)]


def test_steps_are_thinned_in_the_store_and_whole_in_the_history(tmp_path: Path) -> None:
    with tracked(log_every=10) as run:
        for step in range(1, 26):
            run.log({"batch/loss": float(step)}, step=step)
            run.log({"train/loss": float(step)}, step=step)
    assert points(run.run_id, "batch/loss") == [(10, 5.5), (20, 15.5), (25, 23.0)]
    assert len(points(run.run_id, "train/loss")) == 25
    history = pd.read_parquet(MlflowClient().download_artifacts(run.run_id, "history.parquet", str(tmp_path)))
    assert history[history.key == "batch/loss"]["step"].tolist() == list(range(1, 26))


def test_what_cannot_be_recorded_is_told_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with tracked() as run:

        @tf.function
        def step(x: tf.Tensor) -> tf.Tensor:
            run.log({"inside": x})
            return x

        for _ in range(2):
            run.log({"words": "much better", "nothing": None, "loss": 1.0})
        step(tf.constant(1.0))
        run.log_artifact("nowhere.txt")
        run.log_figure("no figure", "a.png")
        run.log_image(np.full((2, 2), 7.0), "bright")
        run.log(["no", "mapping"])  # type: ignore[arg-type]
        run.log({3: 1.0}, step=tf.Variable(5, dtype=tf.int64))  # type: ignore[dict-item, arg-type]
    found = stored(run.run_id)
    told = found.data.tags["tfmlflow.incomplete"]
    assert found.info.status == "FINISHED"
    assert points(run.run_id, "loss") == [(1, 1.0), (2, 1.0)]
    assert points(run.run_id, "3") == [(5, 1.0)]
    for word in (
        "words",
        "nothing",
        "inside",
        "nowhere.txt",
        "no figure of matplotlib",
        "in [0, 1], not 7 to 7",
    ):
        assert word in told, word
    assert "log what the tf.function returns" in told
    assert sum("words" in record.getMessage() for record in caplog.records) == 1


def test_a_model_is_a_logged_model_that_predicts() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    x = np.ones((1, 4), "float32")
    with tracked() as run:
        run.log_model(model, "generator", step=3, metrics={"best/loss": 0.5}, example=x)
        expected = model(x).numpy()
        model.set_weights([weight + 1 for weight in model.get_weights()])
    assert points(run.run_id, "best/loss") == [(3, 0.5)]
    (known,) = MlflowClient().search_logged_models(
        [stored(run.run_id).info.experiment_id], f"source_run_id='{run.run_id}'"
    )
    assert known.name == "generator"
    np.testing.assert_allclose(mlflow.pyfunc.load_model(f"models:/{known.model_id}").predict(x), expected, rtol=1e-6)


def test_a_fit_inside_writes_to_the_same_run_which_goes_on() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with tracked("outer") as run:
        run.log({"phase": 1.0})
        callback = tfmlflow.TrackingCallback("loss", system_metrics=False, log_model=False, diff=False)
        model.fit(np.ones((8, 4)), np.ones(8), epochs=2, verbose=0, callbacks=[callback])
        assert callback.run_id == run.run_id
        run.log({"phase": 2.0})
    found = stored(run.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "outer")
    assert points(run.run_id, "phase") == [(1, 1.0), (2, 2.0)]
    assert len(points(run.run_id, "train/loss")) == 2


def test_an_active_run_is_adopted_and_stays_its_owner_s() -> None:
    with mlflow.start_run(run_name="theirs") as active:
        with tracked("ours") as run:
            run.log({"loss": 1.0})
        assert run.run_id == active.info.run_id
        assert stored(run.run_id).info.status == "RUNNING"
        mlflow.log_metric("mine", 2.0)
    found = stored(run.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "theirs")
    assert found.data.metrics == {"loss": 1.0, "mine": 2.0}


def test_pixels_that_fit_into_no_byte_are_refused_and_truths_are_black_and_white() -> None:
    with pytest.raises(ValueError, match=r"or float in \[0, 1\], not int64 from 300 up to 300"):
        media.image(np.full((2, 2), 300), Path(), "wraps", 0, 0)
    with tracked() as run:
        run.log_image(np.array([[True, False]]), "mask")
    (name,) = [f.path for f in MlflowClient().list_artifacts(run.run_id, "images") if f.path.endswith("png")]
    assert np.asarray(mlflow.artifacts.load_image(f"runs:/{run.run_id}/{name}")).tolist() == [[255, 0]]


def test_tables_that_the_run_has_already_stay_listed() -> None:
    with mlflow.start_run() as active:
        mlflow.log_table({"theirs": [1]}, "theirs.json")
        with tracked() as run:
            for _ in range(2):
                run.log_table({"ours": [1]}, "ours.json")
    listed = json.loads(stored(active.info.run_id).data.tags["mlflow.loggedArtifacts"])
    assert [table["path"] for table in listed] == ["theirs.json", "ours.json"]


def test_two_at_once_are_refused_and_wrong_usage_too() -> None:
    with tracked() as run:
        with pytest.raises(UsageError, match="is being tracked already"):
            tracked()
        with pytest.raises(ValueError, match="status='DONE': must be FINISHED, FAILED or KILLED"):
            run.end("DONE")
    with pytest.raises(ValueError, match="log_every=0"):
        tracked(log_every=0)
    assert stored(run.run_id).info.status == "FINISHED"


def test_an_exception_fails_the_run_and_goes_on() -> None:
    run = tracked()

    def loop() -> None:
        with run:
            run.log({"loss": tf.constant(1.0)})
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        loop()
    found = stored(run.run_id)
    assert (found.info.status, found.data.tags["tfmlflow.error"]) == ("FAILED", "ZeroDivisionError: division by zero")
    assert points(run.run_id, "loss") == [(1, 1.0)]


def test_without_with_it_is_ended_by_hand(caplog: pytest.LogCaptureFixture) -> None:
    run = tracked()
    run.log({"loss": 1.0})
    assert mlflow.active_run().info.run_id == run.run_id
    run.end("FAILED")
    run.end()
    assert stored(run.run_id).info.status == "FAILED"
    assert mlflow.active_run() is None
    with caplog.at_level(logging.WARNING):
        run.log({"loss": 2.0})  # said after the end: of no use, and no harm


def test_ten_thousand_steps_are_all_there() -> None:
    with tracked() as run:
        tensor = tf.constant(1.0)
        for step in range(10_000):
            run.log({"batch/loss": tensor, "batch/rate": 0.1}, step=step)
    assert len(points(run.run_id, "batch/loss")) == 10_000
