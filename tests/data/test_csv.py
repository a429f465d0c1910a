"""Tables: what is learned from the training rows alone, how gaps and new categories are coded, what a label means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tfmlflow.data import Data
from tfmlflow.datasets import csv
from tfmlflow.errors import UsageError

ROWS = 100


@pytest.fixture
def table(tmp_path: Path) -> Any:
    """Writes columns to a file and loads it; the label `row` tells which row an example was."""

    def load(label: str = "row", columns: dict[str, Any] | None = None, name: str = "t.csv", **options: Any) -> Data:
        frame = pd.DataFrame({**(columns or mixed()), "row": np.arange(ROWS) + 0.5})
        if label != "row":
            frame = frame.drop(columns="row")
        file = tmp_path / name
        frame.to_csv(file, index=False, sep=options.get("separator", ","))
        return csv.load(str(file), label, **options)

    return load


def mixed() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    area = rng.normal(50.0, 20.0, ROWS)
    area[::7] = np.nan
    city = rng.choice(["Bonn", "Kiel", "Ulm"], ROWS).astype(object)
    city[::9] = None
    return {"area": area, "rooms": rng.integers(1, 6, ROWS), "city": city, "garden": rng.random(ROWS) > 0.5}


def rows(data: Data, split: str = "train") -> np.ndarray[Any, Any]:
    """Which rows of the file an example of a split was."""
    return (getattr(data, split).y.ravel() - 0.5).astype(int)


def column(data: Data, name: str, split: str = "train") -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = getattr(data, split).x[:, data.feature_names.index(name)]
    return values


def test_what_is_seldom_meant_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "t.csv"
    said = ["Ja ", "ja", "nein"] * 10
    pd.DataFrame({"a": [np.inf, 1e300, *range(28)], "y": said, "price": np.arange(30) + 2e5}).to_csv(file, index=False)
    data = csv.load(str(file), "y")
    assert "2 numbers in column 'a' are infinite, or too large for float32, and taken as missing" in caplog.text
    assert all(np.isfinite(split.x).all() for split in (data.train, data.validation, data.test))
    assert "'y' has the classes 'Ja ', 'ja', which differ in blanks or capitals alone" in caplog.text
    csv.load(str(file), "price", drop=["y"])
    assert "'price' is about 2e+05 ± 8.8, and a network begins near 0" in caplog.text


def test_a_mixed_table_becomes_named_float_columns(table: Any) -> None:
    data = table()
    assert data.task == "regression"
    assert data.input_shape == (len(data.feature_names),) == data.train.x.shape[1:]
    assert data.train.x.dtype == np.float32
    assert data.feature_names[:3] == ("area", "area is missing", "rooms")
    assert set(data.feature_names[3:-1]) == {"city=[UNK]", "city=(missing)", "city=Bonn", "city=Kiel", "city=Ulm"}
    assert data.feature_names[-1] == "garden"
    assert all(np.isfinite(split.x).all() for split in (data.train, data.validation, data.test))


def test_every_row_is_in_one_split_with_its_own_label(table: Any) -> None:
    data = table()
    assert sorted(np.concatenate([rows(data, split) for split in ("train", "validation", "test")])) == list(range(ROWS))
    assert (len(data.train), len(data.validation), len(data.test)) == (72, 8, 20)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_numbers_are_normalized_by_the_training_rows_alone(table: Any, split: str) -> None:
    data = table()
    area = mixed()["area"]
    mean = np.nanmean(area[rows(data)])
    filled = np.where(np.isnan(area), mean, area)
    expected = (filled - mean) / filled[rows(data)].std()
    assert np.allclose(column(data, "area", split), expected[rows(data, split)], atol=1e-4)


def test_a_missing_number_is_the_mean_and_marked(table: Any) -> None:
    data = table()
    missing = np.isnan(mixed()["area"][rows(data)])
    assert np.array_equal(column(data, "area is missing") == 1.0, missing)
    assert np.abs(column(data, "area")[missing]).max() < 1e-5


def test_a_category_is_one_column_and_a_missing_one_is_its_own(table: Any) -> None:
    data = table()
    city = np.array([name or "(missing)" for name in mixed()["city"]])
    for name in ("Bonn", "Kiel", "Ulm", "(missing)"):
        assert np.array_equal(column(data, f"city={name}", "test") == 1.0, city[rows(data, "test")] == name)
    hot = [name for name in data.feature_names if name.startswith("city=")]
    assert np.all(sum(column(data, name) for name in hot) == 1.0)


def test_only_categories_of_training_rows_are_in_the_vocabulary(table: Any) -> None:
    data = table(columns={"name": [f"n{i}" for i in range(ROWS)]})
    assert set(data.feature_names) == {"name=[UNK]"} | {f"name=n{i}" for i in rows(data)}
    assert np.all(column(data, "name=[UNK]", "test") == 1.0)
    assert np.all(column(data, "name=[UNK]") == 0.0)


def test_numbers_can_be_declared_categories(table: Any) -> None:
    data = table(categorical=["rooms"])
    assert {f"rooms={i}" for i in range(1, 6)} < set(data.feature_names)
    assert "rooms" not in data.feature_names


def test_columns_can_be_left_out(table: Any) -> None:
    data = table(drop=["city", "area"])
    assert data.feature_names == ("rooms", "garden")


def test_another_separator_can_be_named(table: Any) -> None:
    assert table(separator=";").feature_names == table().feature_names


def test_a_column_without_any_value_or_of_one_value_does_no_harm(table: Any) -> None:
    data = table(columns={**mixed(), "empty": np.nan, "one": 3.5})
    assert np.isfinite(data.train.x).all()
    assert np.all(column(data, "one", "test") == 0.0)
    assert np.all(column(data, "empty is missing", "test") == 1.0)


def test_large_numbers_keep_their_differences(table: Any) -> None:
    data = table(columns={"seconds": 1_700_000_000 + np.arange(ROWS)})
    assert len(np.unique(data.train.x)) == len(data.train)


def test_an_infinite_number_does_not_spoil_its_column(table: Any) -> None:
    data = table(columns={"a": [np.inf, *range(1, ROWS)]})
    assert np.isfinite(data.train.x).all()


@pytest.mark.parametrize(
    ("label", "task", "names"),
    [
        (["cat", "dog", "eel", "dog"] * 25, "multiclass", ("cat", "dog", "eel")),
        (["yes", "no"] * 50, "binary", ("no", "yes")),
        ([True, False] * 50, "binary", ("False", "True")),
        ([3, 5, 9, 5] * 25, "multiclass", ("3", "5", "9")),
        ([0, 1] * 50, "binary", ("0", "1")),
        (list(range(ROWS)), "regression", ()),
        ([0.5, 1.5] * 50, "regression", ()),
    ],
)
def test_the_label_decides_the_task(table: Any, label: list[Any], task: str, names: tuple[str, ...]) -> None:
    data = table("target", {"a": np.arange(ROWS), "target": label})
    assert data.task == task
    assert data.class_names == names
    assert data.classes == len(names)
    # The feature is the row's number, so every example can be compared with its label.
    everything = np.concatenate([split.x[:, 0] for split in (data.train, data.validation, data.test)])
    targets = np.concatenate([split.y.ravel() for split in (data.train, data.validation, data.test)])
    expected = [names.index(str(value)) for value in label] if names else label
    assert np.allclose(targets[np.argsort(everything)], expected)


def test_the_task_can_be_said(table: Any) -> None:
    columns = {"a": np.arange(ROWS), "target": [1, 2, 3, 4] * 25}
    assert table("target", columns).task == "multiclass"
    data = table("target", columns, task="regression")
    assert (data.task, data.classes) == ("regression", 0)
    assert set(data.train.y.ravel()) == {1.0, 2.0, 3.0, 4.0}


def test_rows_without_a_label_are_left_out(table: Any) -> None:
    label = [None if i % 10 == 0 else "ab"[i % 2] for i in range(ROWS)]
    data = table("target", {"a": np.arange(ROWS), "target": label})
    assert len(data.train) + len(data.validation) + len(data.test) == 90
    assert data.class_names == ("a", "b")


def test_a_missing_label_does_not_rename_the_classes(table: Any) -> None:
    data = table("target", {"a": np.arange(ROWS), "target": [None, *[i % 3 for i in range(ROWS - 1)]]})
    assert data.class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("label", "task", "message"),
    [
        (["a", "b"] * 50, "regression", "holds text, which data.task=regression cannot predict"),
        (["a", "b", "c", "d"] * 25, "binary", "4 values; data.task=binary needs exactly 2"),
    ],
)
def test_a_label_that_does_not_fit_the_task_is_refused(table: Any, label: list[str], task: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"data.label=target: {message}"):
        table("target", {"a": np.arange(ROWS), "target": label}, task=task)


def test_a_column_that_is_not_there_is_refused_with_those_that_are(table: Any) -> None:
    with pytest.raises(UsageError, match="no column 'price'; it has area, rooms, city, garden"):
        table("price")
    with pytest.raises(UsageError, match="no column 'town'"):
        table(categorical=["town"])


def test_a_table_of_nothing_but_the_label_is_refused(table: Any) -> None:
    with pytest.raises(UsageError, match="no column is left beside the label 'row'"):
        table(columns={"a": np.arange(ROWS)}, drop=["a"])


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UsageError, match="not a table that can be read"):
        csv.load(str(tmp_path / "empty.csv"), "a")


def test_the_split_is_the_seeds_and_the_digest_the_contents(table: Any) -> None:
    first, again, other = table(seed=1), table(seed=1), table(seed=2, test_share=0.3)
    assert np.array_equal(first.train.x, again.train.x)
    assert rows(first).tolist() != rows(other).tolist()
    assert first.digest == again.digest == other.digest
    columns = mixed()
    columns["rooms"][ROWS - 1] += 1
    assert table(columns=columns).digest != first.digest
