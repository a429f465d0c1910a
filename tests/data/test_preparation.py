"""What training rows have taught belongs to the model: new files are prepared by it, or refused by name."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests import stores
from tests.conftest import run
from tfmlflow.datasets import csv, images
from tfmlflow.errors import UsageError
from tfmlflow.predictor.preparation import Preparation, Unfit

ROWS = 200


def table(file: Path, shift: float = 0.0, cities: tuple[str, ...] = ("Bonn", "Kiel", "Ulm"), **more: Any) -> Path:
    """Rows whose label depends on `area`."""
    chance = np.random.default_rng(1)
    area = chance.normal(50.0, 20.0, ROWS)
    frame = pd.DataFrame({"area": area + shift, "city": chance.choice(cities, ROWS), "big": area > 50.0, **more})
    frame.to_csv(file, index=False)
    return file


def learned(file: Path) -> Preparation:
    found = csv.load(str(file), "big").preparation
    assert found is not None
    return found


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    preparation = learned(table(tmp_path / "a.csv"))
    preparation.write(tmp_path)
    assert Preparation.read(tmp_path) == preparation
    assert Preparation.read(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"columns": 3}', '{"kind": "table", "columns": [{"name": 1}]}'])
def test_one_that_makes_no_sense_is_said_to_make_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "preparation.json").write_text(text)
    with pytest.raises(Unfit, match=r"preparation\.json"):
        Preparation.read(tmp_path)


def test_the_same_rows_shifted_are_other_inputs(tmp_path: Path) -> None:
    first = csv.load(str(table(tmp_path / "a.csv")), "big")
    shifted = csv.load(str(table(tmp_path / "b.csv", shift=1000.0)), "big", prepared=first.preparation)
    again = csv.load(str(tmp_path / "a.csv"), "big", prepared=first.preparation)
    np.testing.assert_array_equal(again.train.x, first.train.x)
    assert shifted.train.x[:, 0].min() > first.train.x[:, 0].max() + 10


def test_other_categories_keep_the_width_and_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = csv.load(str(table(tmp_path / "a.csv")), "big")
    other = csv.load(str(table(tmp_path / "b.csv", cities=("Rom", "Ulm"))), "big", prepared=first.preparation)
    assert other.input_shape == first.input_shape
    assert other.feature_names == first.feature_names
    rome = int((pd.read_csv(tmp_path / "b.csv")["city"] == "Rom").sum())
    assert f"column 'city': {rome} of {ROWS} rows hold a category that no training row had" in caplog.text


def test_columns_are_found_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = csv.load(str(table(tmp_path / "a.csv")), "big")
    frame = pd.read_csv(tmp_path / "a.csv")
    frame[["big", "city", "area"]].assign(note="x").to_csv(tmp_path / "b.csv", index=False)
    other = csv.load(str(tmp_path / "b.csv"), "big", prepared=first.preparation)
    np.testing.assert_array_equal(other.test.x, first.test.x)
    assert "left out, since the model was not trained on them: note" in caplog.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frame: frame.drop(columns="area"), r"1 of the 2 columns .* are missing: area"),
        (lambda frame: frame.assign(area="x"), r"column 'area' holds text"),
        (
            lambda frame: frame.assign(big="maybe"),
            r"1 classes that the model does not know: maybe; it knows False, True",
        ),
    ],
    ids=["missing", "text", "class"],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: Any, says: str) -> None:
    preparation = learned(table(tmp_path / "a.csv"))
    change(pd.read_csv(tmp_path / "a.csv")).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(UsageError, match=says):
        csv.load(str(tmp_path / "b.csv"), "big", prepared=preparation)


def pictures(root: Path, **classes: int) -> str:
    for name, count in classes.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (9, 9), (number * 9, 0, 0)).save(root / name / f"{number}.png")
    return str(root)


def test_pictures_keep_the_models_size_and_classes(tmp_path: Path) -> None:
    first = images.load(pictures(tmp_path / "a", cat=12, dog=12, eel=12), size=(8, 6), channels=1)
    other = images.load(pictures(tmp_path / "b", dog=12, eel=12), prepared=first.preparation)
    assert other.input_shape == (8, 6, 1)
    assert other.class_names == ("cat", "dog", "eel")
    assert set(np.unique(other.train.y)) == {1, 2}
    with pytest.raises(UsageError, match="1 classes that the model does not know: fox"):
        images.load(pictures(tmp_path / "c", cat=9, fox=9), prepared=first.preparation)


def test_an_empty_folder_is_no_class(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = images.load(pictures(tmp_path / "a", cat=12, dog=12, empty=0))
    assert (data.class_names, data.task) == (("cat", "dog"), "binary")
    assert "no picture in empty, which is no class then" in caplog.text


def test_rows_without_a_label_and_too_few_rows_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = pd.read_csv(table(tmp_path / "a.csv"))
    frame["big"] = frame["big"].astype(object)
    frame.loc[:6, "big"] = None
    frame.to_csv(tmp_path / "b.csv", index=False)
    csv.load(str(tmp_path / "b.csv"), "big")
    assert f"7 of {ROWS} rows have no big and are left out" in caplog.text
    frame.tail(2).to_csv(tmp_path / "c.csv", index=False)
    with pytest.raises(UsageError, match="2 rows with a 'big'; at least 5 are needed"):
        csv.load(str(tmp_path / "c.csv"), "big")


def test_a_column_of_many_texts_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = [f"customer {number}" for number in range(ROWS)]
    with caplog.at_level(logging.WARNING):
        csv.load(str(table(tmp_path / "a.csv", who=names)), "big")
    assert "column 'who' has 144 different texts" in caplog.text
    assert "data.drop=[who]" in caplog.text


@pytest.mark.slow
@pytest.mark.usefixtures("ready_store")
def test_a_stored_model_is_evaluated_on_another_file_as_it_was_trained(tmp_path: Path) -> None:
    files = {name: table(tmp_path / f"{name}.csv", **how) for name, how in {"a": {}, "b": {"shift": 1000.0}}.items()}
    words = ("data=csv", "data.label=big", "trainer.epochs=30", "optimizer.learning_rate=0.02", "model.units=[8]")
    done = run("-m", "tfmlflow", "train", *words, f"data.path={files['a']}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    trained = stores.only_run(tmp_path)
    reached = {}
    for name, file in files.items():
        done = run(
            *("-m", "tfmlflow", "evaluate", trained.info.run_id, "data=csv", "data.label=big", f"data.path={file}"),
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        newest = max(stores.runs(tmp_path), key=lambda one: one.info.start_time)
        reached[name] = newest.data.metrics["test/accuracy"]
    assert reached["a"] == pytest.approx(trained.data.metrics["test/accuracy"], abs=1e-6)
    assert reached["a"] > 0.85
    assert reached["b"] < 0.7
