"""Folds are disjoint, cover what is not test, are a function of the seed, and keep classes and groups as told."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfmlflow.data import Data
from tfmlflow.data.own_batches import from_dataset
from tfmlflow.data.returned import as_data
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets import csv, diabetes, digits, images, mnist, text, tfrecord
from tfmlflow.errors import UsageError

FOLDS = 5


def numbered(examples: int = 100, **options: Any) -> Data:
    """Example i is the number i, so that one can see where it went; classes of very different size."""
    labels = (np.arange(examples) % 10 == 0).astype(int)
    return from_arrays("numbered", np.arange(examples), labels, **{"task": "multiclass"} | options)


def all_folds(**options: Any) -> list[Data]:
    return [numbered(folds=FOLDS, fold=fold, **options) for fold in range(FOLDS)]


def test_folds_are_disjoint_and_cover_all_that_is_not_test() -> None:
    folds, plain = all_folds(seed=3), numbered(seed=3)
    assert sorted(np.concatenate([data.validation.x for data in folds])) == sorted({*range(100)} - {*plain.test.x})
    for data in folds:
        assert np.array_equal(data.test.x, plain.test.x)  # the test set of a run without folds
        assert {*data.train.x}.isdisjoint({*data.validation.x, *data.test.x})
        assert len(data.train) + len(data.validation) + len(data.test) == 100
        assert data.digest == plain.digest


def test_each_fold_has_its_share_of_each_class() -> None:
    counts = [int(data.validation.y.sum()) for data in all_folds(examples=1000)]
    assert max(counts) - min(counts) <= 1


def test_folds_are_a_function_of_the_seed() -> None:
    one, again, other = numbered(folds=5, fold=2), numbered(folds=5, fold=2), numbered(folds=5, fold=2, seed=1)
    assert np.array_equal(one.train.x, again.train.x)
    assert np.array_equal(one.validation.x, again.validation.x)
    assert {*one.validation.x} != {*other.validation.x}


@pytest.mark.parametrize("task", ["multiclass", "regression"])
@pytest.mark.parametrize("folds", [None, 4])
def test_a_group_is_never_on_two_sides(task: Any, folds: int | None) -> None:
    groups = np.array([f"patient {i}" for i in np.arange(100) // 7])
    seen = []
    for fold in range(folds or 1):
        data = numbered(groups=groups, task=task, folds=folds, fold=fold)
        sides = [{*groups[part.x]} for part in (data.train, data.validation, data.test)]
        assert sum(map(len, sides)) == len(set(groups))
        assert 14 <= len(data.test) <= 28
        seen += [*data.validation.x]
    if folds:
        assert len(seen) == len(set(seen)) == 100 - len(data.test)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folds": 5, "fold": 5}, "data.fold=5: with data.folds=5 they are 0 to 4"),
        ({"folds": 90, "fold": 0}, "data.folds=90: data=numbered has 80 examples beside the test set"),
        ({"folds": 80, "fold": 0}, "the largest has 73"),
        ({"folds": 5, "fold": 0, "groups": np.arange(100) // 25}, "has 3 groups beside the test set"),
        ({"folds": 2, "fold": 0, "groups": np.arange(100) // 50}, "2 groups; train, validation and test need one each"),
        ({"folds": 2, "fold": 0, "groups": np.arange(99)}, "groups of the shape (99,)"),
    ],
)
def test_what_cannot_be_folded_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        numbered(**options)
    assert said in str(error.value)


def test_a_class_that_some_folds_lack_is_told(caplog: pytest.LogCaptureFixture) -> None:
    labels = np.array([0] * 50 + [1] * 50 + [2] * 3)
    with caplog.at_level(logging.WARNING):
        from_arrays("rare", np.arange(103), labels, task="multiclass", folds=5, fold=0)
    assert "fewer than 5 examples of the classes 2" in caplog.text


def test_a_test_set_of_its_own_stays_apart_from_all_folds() -> None:
    own = (np.arange(1000, 1010), np.arange(10) % 2)
    folds = all_folds(test=own)
    assert all(data.test.x.tolist() == [*range(1000, 1010)] for data in folds)
    assert sorted(np.concatenate([data.validation.x for data in folds])) == [*range(100)]


def test_what_is_learned_from_a_table_is_of_the_folds_training_rows_alone(tmp_path: Path) -> None:
    rows = [f"{i**2},{'ab'[i % 2]}{i % 3},p{i // 4},{i % 2}" for i in range(60)]
    (file := tmp_path / "t.csv").write_text("size,kind,patient,label\n" + "\n".join(rows) + "\n")
    data = [csv.load(str(file), "label", folds=3, fold=fold, group="patient") for fold in range(3)]
    means = {data[fold].preparation.columns[0].mean for fold in range(3)}  # type: ignore[union-attr]
    assert len(means) == 3
    assert not any("patient" in name for name in data[0].feature_names)
    assert sum(len(one.validation) for one in data) == 60 - len(data[0].test)
    assert {len(one.validation) % 4 for one in data} == {0}


def test_a_group_that_is_missing_somewhere_is_refused(tmp_path: Path) -> None:
    (file := tmp_path / "t.csv").write_text("size,patient,label\n" + "1,p,0\n2,q,1\n3,,0\n" * 9)
    with pytest.raises(UsageError, match=r"data\.group=patient: 9 of 27 rows"):
        csv.load(str(file), "label", group="patient")


def _pictures(folder: Path) -> str:
    for place in range(24):
        file = folder / "ab"[place % 2] / f"{place}.png"
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_bytes(tf.io.encode_png(np.full((4, 4, 3), place, np.uint8)).numpy())
    return str(folder)


def _texts(folder: Path) -> str:
    for place in range(24):
        file = folder / "ab"[place % 2] / f"{place}.txt"
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(f"word{place} and more")
    return str(folder)


def _records(folder: Path) -> str:
    with tf.io.TFRecordWriter(str(folder / "one.tfrecord")) as writer:
        for place in range(24):
            image = tf.io.encode_png(np.full((4, 4, 3), place, np.uint8)).numpy()
            features = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[place % 2])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return str(folder)


def _digits_of_mnist(folder: Path) -> str:
    x, y = np.zeros((24, 28, 28), np.uint8), np.arange(24) % 10
    np.savez(folder / "mnist.npz", x_train=x, y_train=y, x_test=x[:5], y_test=y[:5])
    return str(folder / "mnist.npz")


@pytest.mark.parametrize(
    ("make", "load"),
    [(_pictures, images.load), (_texts, text.load), (_records, tfrecord.load), (_digits_of_mnist, mnist.load)],
)
def test_every_data_set_that_splits_itself_has_folds(tmp_path: Path, make: Any, load: Any) -> None:
    path = make(tmp_path)
    folds = [load(path, folds=2, fold=fold, seed=4) for fold in range(2)]
    assert [data.fold for data in folds] == [(0, 2), (1, 2)]
    assert len(folds[0].validation) + len(folds[1].validation) == len(folds[0].train) + len(folds[0].validation)
    assert np.array_equal(np.sort(folds[0].validation.y, axis=0), np.sort(folds[1].train.y, axis=0))


def test_shipped_arrays_have_folds() -> None:
    for load in (digits.load, diabetes.load):
        folds = [load(folds=3, fold=fold) for fold in range(3)]
        assert sum(len(data.validation) for data in folds) == len(folds[0].train) + len(folds[0].validation)


def test_arrays_of_a_loader_of_ones_own_are_folded() -> None:
    x, y = np.arange(60.0), np.arange(60) % 2
    folds = [as_data((x, y), "mine.load", 0, 3, fold) for fold in range(3)]
    held = np.concatenate([data.validation.x for data in folds])
    assert sorted([*held, *folds[0].test.x]) == [*range(60)]


def test_a_validation_split_that_is_given_cannot_be_another_fold() -> None:
    batches = tf.data.Dataset.from_tensor_slices((np.zeros((8, 2), np.float32), np.arange(8) % 2)).batch(4)
    given = from_dataset("mine", batches, batches, batches, task="binary")
    with pytest.raises(UsageError, match=r"data\.folds=5: data\._target_=mine\.load returned a Data whose validation"):
        as_data(given, "mine.load", 0, 5, 1)
    folded = numbered(folds=5, fold=1)
    assert as_data(folded, "mine.load", 0, 5, 1) is folded
    with pytest.raises(UsageError, match=r"hand them on"):
        as_data(folded, "mine.load", 0, 5, 2)  # a function that takes no notice of the fold
