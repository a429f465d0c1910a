"""The report of a run: what its numbers are, beside the stored predictions, and what is left out of it."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn import metrics

from tests.tracking.trainings import own_store
from tests.trainer import tiny
from tfmlflow.analysis.predictions import pictures
from tfmlflow.data import Data
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets import csv as csv_file
from tfmlflow.job.job import Job
from tfmlflow.objective import Objective
from tfmlflow.result import Result
from tfmlflow.tracking.listeners import report_of
from tfmlflow.tracking.recording.callback import TrackingCallback
from tfmlflow.tracking.recording.epochs import EpochRecorder
from tfmlflow.tracking.recording.report import epoch_notes, making
from tfmlflow.tracking.recording.report.epoch_notes import EpochNotes
from tfmlflow.tracking.recording.report.histograms import Histograms
from tfmlflow.tracking.recording.report.making import ReportMaker
from tfmlflow.tracking.run.start import start

pytestmark = pytest.mark.xdist_group("report")
OBJECTIVE = Objective("val/loss", "min")
SETTINGS = {"seed": 0, "tracking": {"uri": "https://me:hunter22@example.org"}, "api_key": "sk-secret-4711"}


@dataclass(frozen=True)
class Trained:
    """A training, as `train.py` has it when its report is to be made."""

    model: keras.Model
    maker: ReportMaker
    epochs: EpochRecorder
    result: Result


@dataclass(frozen=True)
class Reported:
    """A run with its report."""

    model: keras.Model
    data: Data
    files: Path
    tags: dict[str, str]

    @property
    def text(self) -> str:
        return (self.files / "report.html").read_text(encoding="utf-8")

    @property
    def content(self) -> dict[str, Any]:
        found = re.search(r'id="content">(.*?)</script>', self.text, re.DOTALL)
        assert found is not None
        said: dict[str, Any] = json.loads(found.group(1))
        return said


def trained(folder: Path, data: Data, model: keras.Model | None = None, **settings: Any) -> Trained:
    with own_store(folder / "training", processes=False) as uri, start(uri, "own", "tiny", {}) as session:
        callback = TrackingCallback("val_loss", session=session, checkpoint_every=None, system_metrics=False)
        maker = report_of("tiny", SETTINGS, Job(folder), data, tiny.CPU, callback)
        model, fitted = tiny.fit(data, model, callbacks=[callback, maker.notes], **settings)
        return Trained(model, maker, callback.epochs, Result.of(fitted, {}, OBJECTIVE))


def recorded(folder: Path, of: Trained) -> Reported:
    with own_store(folder, processes=False) as uri:
        with start(uri, "own", "tiny", {}) as session:
            session.keep_secret(SETTINGS)
            of.maker.record(session, of.model, of.result, of.epochs, 1.0)
        client = MlflowClient(uri)
        files = Path(client.download_artifacts(session.run_id, ""))
        return Reported(of.model, of.maker.data, files, dict(client.get_run(session.run_id).data.tags))


def reported(folder: Path, data: Data, model: keras.Model | None = None) -> Reported:
    return recorded(folder, trained(folder, data, model))


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    finding = {"rule": "overfitting", "sentence": "It <b>overfits</b>", "evidence": {"gap": 0.25}, "advice": ["a=1"]}
    made = trained(tmp_path_factory.mktemp("clouds"), tiny.clouds(examples=200), epochs=6)
    made.maker.diagnosis = [finding]
    return made


@pytest.fixture(scope="module")
def classified(clouds: Trained, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    return recorded(tmp_path_factory.mktemp("classified"), clouds)


def test_numbers_are_those_of_the_best_weights_on_the_test_split(classified: Reported) -> None:
    test = classified.data.test
    given = classified.model.predict(test.x, verbose=0)
    chosen, said = given.argmax(axis=1), classified.content
    assert "test split, 40 examples" in said["predicted"]
    assert said["classes"]["counts"] == metrics.confusion_matrix(test.y, chosen).tolist()
    precision, recall, f1, support = metrics.precision_recall_fscore_support(test.y, chosen, zero_division=0)
    for place, row in enumerate(said["classes"]["rows"]):
        auc = metrics.roc_auc_score(test.y == place, given[:, place])
        assert row[:6] == pytest.approx(["abc"[place], precision[place], recall[place], f1[place], support[place], auc])
    surest = said["mistakes"][0]["items"][0]["place"]
    wrong = np.flatnonzero(chosen != test.y)
    assert surest == wrong[given[wrong].max(axis=1).argmax()]
    assert dict(said["mistakes"][0]["items"][0]["cells"])["0"] == f"{test.x[surest][0]:.5g}"


def test_files_are_called_as_mlflow_evaluate_calls_them(classified: Reported) -> None:
    names = {
        "confusion_matrix.png",
        "roc_curve_plot.png",
        "precision_recall_curve_plot.png",
        "calibration_curve_plot.png",
    }
    assert names | {"per_class_metrics.csv", "report.html"} <= {file.name for file in classified.files.iterdir()}
    rows = list(csv.DictReader(io.StringIO((classified.files / "per_class_metrics.csv").read_text())))
    chosen = classified.model.predict(classified.data.test.x, verbose=0).argmax(axis=1)
    for place, row in enumerate(rows):
        positive, said = classified.data.test.y == place, chosen == place
        tn, fp, fn, tp = metrics.confusion_matrix(positive, said).ravel()
        counts = [row[f"{kind}s"] for kind in ("true_negative", "false_positive", "false_negative", "true_positive")]
        assert list(map(int, counts)) == [tn, fp, fn, tp]
        assert float(row["accuracy_score"]) == pytest.approx(metrics.accuracy_score(positive, said))
        assert float(row["recall_score"]) == pytest.approx(metrics.recall_score(positive, said))


def test_tables_by_class_and_epoch_are_such_as_mlflow_compares(classified: Reported) -> None:
    listed = {one["path"] for one in json.loads(classified.tags["mlflow.loggedArtifacts"])}
    assert listed == {f"tables/{name}.json" for name in ("per_class", "per_class_by_epoch", "worst_examples")}
    by_epoch = json.loads((classified.files / "tables" / "per_class_by_epoch.json").read_text())
    frame = pd.DataFrame(by_epoch["data"], columns=by_epoch["columns"])
    best = classified.content["best_epoch"]
    assert set(frame.epoch) == {best, 6}
    validation = classified.data.validation
    chosen = classified.model.predict(validation.x, verbose=0).argmax(axis=1)
    recall = metrics.recall_score(validation.y, chosen, average=None, zero_division=0)
    assert frame[frame.epoch == best].recall.tolist() == pytest.approx(recall.tolist())


def test_the_page_has_curves_layers_findings_and_no_secret(classified: Reported) -> None:
    said = classified.content
    assert [one["metric"] for one in said["curves"]] == ["accuracy", "loss", "learning rate"]
    assert len(said["curves"][-1]["series"][0]["x"]) == 6
    assert [one["kind"] for one in said["model"]["layers"]][:2] == ["InputLayer", "Dense"]
    assert len(said["model"]["edges"]) == len(said["model"]["layers"]) - 1
    assert said["diagnosis"][0]["evidence"] == "gap: 0.25"
    assert "<b>overfits" not in classified.text
    assert "hunter22" not in classified.text
    assert "sk-secret" not in classified.text
    assert said["left"] == []


def test_a_regression_shows_rows_as_they_stand_in_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    area, city = rng.uniform(20, 150, 120).round(1), rng.choice(["Ulm", "Köln <x>"], 120)
    frame = pd.DataFrame({"area": area, "city": city, "price": area / 50 + (city == "Ulm") + rng.normal(size=120)})
    frame.loc[::7, "area"] = None
    frame.to_csv(tmp_path / "houses.csv", index=False)
    found = reported(tmp_path, csv_file.load(str(tmp_path / "houses.csv"), "price"))
    (errors,) = found.content["mistakes"]
    given = found.model.predict(found.data.test.x, verbose=0)
    off = np.abs(given - found.data.test.y)[:, 0]
    assert errors["items"][0]["place"] == off.argmax()
    for item in errors["items"]:
        row = int(item["where"].removeprefix("row ").removesuffix(" of the file")) - 1
        known = frame.area[row]
        assert item["cells"] == [["area", "" if np.isnan(known) else str(known)], ["city", frame.city[row]]]
    (numbers,) = found.content["numbers"]
    expected = metrics.mean_absolute_error(found.data.test.y, given)
    assert dict(numbers["summary"])["mean absolute error"] == pytest.approx(expected, rel=1e-5)
    assert numbers["name"] == "price"
    assert {pictures.PREDICTED, pictures.RESIDUALS} <= {file.name for file in found.files.iterdir()}


class TwoHeads(keras.Model):
    """Gives two outputs, and trains on one."""

    def __init__(self) -> None:
        super().__init__()
        self.head = keras.layers.Dense(3, "softmax")

    def call(self, x: Any, training: bool = False) -> Any:
        found = self.head(x)
        return found if training else {"classes": found, "again": found}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        of_one = y_pred["classes"] if isinstance(y_pred, dict) else y_pred
        return super().compute_loss(x, y, of_one, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return super().compute_metrics(x, y, y_pred["classes"] if isinstance(y_pred, dict) else y_pred, sample_weight)


def test_what_a_model_does_not_give_is_left_out_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "tfmlflow.tracking.recording.report"):
        found = reported(tmp_path, tiny.clouds(), TwoHeads())
    assert found.content["left"] == ["predictions: the model gives a dict of outputs"]
    assert found.content["curves"]
    assert "classes" not in found.content
    assert [one for one in caplog.records if one.name.startswith("tfmlflow")] == []


def test_several_inputs_are_shown_by_their_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = {
        "place": rng.normal(size=(60, 2)).astype("float32"),
        "photo": rng.integers(0, 255, (60, 6, 6, 3), dtype=np.uint8),
    }
    data = from_arrays("two", x, np.arange(60) % 2, task="binary", class_names=("no", "yes"))
    place, photo = keras.Input((2,), name="place"), keras.Input((6, 6, 3), name="photo")
    both = keras.layers.Concatenate()([place, keras.layers.Flatten()(photo)])
    model = keras.Model({"place": place, "photo": photo}, keras.layers.Dense(1, "sigmoid")(both))
    item = reported(tmp_path, data, model).content["mistakes"][0]["items"][0]
    assert item["picture"].startswith("data:image/png;base64,")
    assert [name for name, _ in item["cells"]] == ["place 0", "place 1"]


def test_a_fault_costs_its_part_alone_and_is_told(
    clouds: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("no ink")

    monkeypatch.setattr(pictures, "confusion_matrix", broken)
    with caplog.at_level(logging.WARNING):
        found = recorded(tmp_path / "part", clouds)
    assert "report.html is not complete: confusion_matrix.png: ZeroDivisionError: no ink" in caplog.text
    assert found.content["left"] == ["confusion_matrix.png: ZeroDivisionError: no ink"]
    assert (found.files / pictures.ROC).exists()
    monkeypatch.setattr(making.page, "html", broken)
    found = recorded(tmp_path / "whole", clouds)
    assert not (found.files / "report.html").exists()
    assert "report.html: ZeroDivisionError: no ink" in found.tags["tfmlflow.incomplete"]
    assert found.tags["tfmlflow.end_reason"] == "completed"


def test_a_report_whose_time_is_over_says_what_it_lacks(
    clouds: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(making, "SECONDS", 0.0)
    with caplog.at_level(logging.WARNING):
        found = recorded(tmp_path, clouds)
    assert "predictions: the 0 s that a report may take were over" in caplog.text
    assert found.content["curves"]
    assert found.content["results"]


def test_without_a_best_epoch_there_are_no_predictions(clouds: Trained, tmp_path: Path) -> None:
    lost = replace(clouds.result, reason="nan", best_epoch=None, objective=None)
    found = recorded(tmp_path, replace(clouds, result=lost))
    assert "the loss is not a number" in found.content["headline"]
    assert any("no epoch is known to be the best" in said for said in found.content["left"])
    assert "classes" not in found.content


def test_histograms_count_every_value_and_notes_every_example_and_the_training_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = tiny.clouds(examples=200)

    def weights(*callbacks: Any) -> Any:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.5)])
        model.add(keras.layers.Dense(3, "softmax"))
        return tiny.fit(data, model, callbacks=callbacks, epochs=4)[0].get_weights()

    monkeypatch.setattr(epoch_notes, "FIRST", 0.0)
    monkeypatch.setattr(epoch_notes, "SHARE", 1e9)
    memory = tiny.Memory()
    taken = Histograms(2, data.train, lambda: len(memory.epochs))
    notes = EpochNotes(data, lambda: len(memory.epochs))
    assert tiny.same(weights(), weights(memory, taken, notes))
    assert {epoch: counts.sum() for epoch, counts in notes.counts.items()} == dict.fromkeys((1, 2, 3, 4), 40)
    kinds = {(kind, array[0][1].sum()) for (kind, _), array in taken.taken.items()}
    assert kinds == {(kind, size) for kind in ("weight", "gradient") for size in (32, 8, 24, 3)}
    assert all([epoch for epoch, _, _ in several] == [2, 4] for several in taken.taken.values())
    shown = taken.shown()[0]
    assert sum(shown["rows"][0]) == pytest.approx(32, abs=1)
