"""Data are looked at before the first epoch: labels, classes, pictures."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfmlflow.data.pictures import readable
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets import images, tfrecord
from tfmlflow.errors import UsageError

X = np.random.default_rng(0).normal(size=(60, 3))


@pytest.mark.parametrize(
    ("y", "task", "names"),
    [
        (np.array([1, 2] * 30), "binary", ("1", "2")),
        (np.array([-1.0, 1.0] * 30), "binary", ("-1.0", "1.0")),
        (np.array(["no", "yes"] * 30), "binary", ("no", "yes")),
        (np.array(["eel", "cat", "dog"] * 20, dtype=object), "multiclass", ("cat", "dog", "eel")),
    ],
)
def test_labels_become_the_places_of_their_names(
    y: Any, task: Any, names: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    data = from_arrays("mine", X, y, task=task)
    assert data.class_names == names
    assert set(np.unique(data.train.y)) == set(range(len(names)))
    order = np.random.default_rng(0).permutation(len(y))[: len(data.test)]
    assert [names[int(place)] for place in data.test.y.ravel()] == [str(label) for label in y[order]]
    assert f"{names[0]} is 0, {names[1]} is 1" in caplog.text


@pytest.mark.parametrize(
    ("y", "task", "says"),
    [
        (np.zeros(60), "binary", "all 60 labels are 0.0"),
        (np.full(60, 3), "multiclass", "all 60 labels are 3"),
        (np.array(["a"] * 60), "multiclass", "all labels are a"),
        (np.array([1, 2, 3] * 20), "binary", r"3 different labels \(1, 2, 3\); a binary task has two"),
        (np.array(["a", "b"] * 30), "regression", "labels are text, such as 'a'"),
    ],
)
def test_labels_that_are_not_of_the_task_are_refused(y: Any, task: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        from_arrays("mine", X, y, task=task)


def test_a_class_that_no_training_example_has_is_told(caplog: pytest.LogCaptureFixture) -> None:
    test = (X[:4], np.array([0, 1, 2, 2]))
    from_arrays("mine", X, np.array([0, 1] * 30), task="multiclass", test=test, class_names=("a", "b", "c"))
    assert "1 of the classes are in no training example, only in validation or test: c (2)" in caplog.text


def pictures(root: Path, broken: int) -> list[Path]:
    made = []
    for number in range(40):
        file = root / ("cat", "dog")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 9, 3), number * 5, np.uint8)).save(file)
        made.append(file)
    for file in made[:broken]:
        file.write_bytes(file.read_bytes()[:40])
    return made


def test_broken_pictures_are_named_before_anything_is_trained(tmp_path: Path) -> None:
    pictures(tmp_path / "some", 2)
    with pytest.raises(UsageError, match=r"2 of 40 pictures cannot be read: cat/0\.png .*, dog/1\.png .*remove them"):
        images.load(str(tmp_path / "some"), size=(8, 8))
    pictures(tmp_path / "whole", 0)
    assert len(images.load(str(tmp_path / "whole"), size=(8, 8)).train) > 20


def test_broken_pictures_are_skipped_counted_and_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pictures(tmp_path, 3)
    data = images.load(str(tmp_path), size=(8, 8), on_bad="skip")
    assert len(data.train) + len(data.validation) + len(data.test) == 37
    assert [said.split(" ")[0] for said in data.skipped] == ["cat/0.png", "cat/2.png", "dog/1.png"]
    assert caplog.text.count("3 of 40 pictures cannot be read") == 1
    assert data.digest == images.load(str(tmp_path), size=(4, 4), seed=1, on_bad="skip").digest


def test_a_record_with_a_broken_picture_is_numbered(tmp_path: Path) -> None:
    files = pictures(tmp_path / "pictures", 0)
    with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord")) as writer:
        for number, file in enumerate(files):
            content = file.read_bytes()[: 40 if number == 6 else None]
            features = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[content])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[number % 2])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    with pytest.raises(UsageError, match=r"1 of 40 records cannot be read: .*a\.tfrecord, record 7 at byte 748 "):
        tfrecord.load(str(tmp_path / "a.tfrecord"), size=(8, 8))
    whole = (tmp_path / "a.tfrecord").read_bytes()
    (tmp_path / "b.tfrecord").write_bytes(whole[: len(whole) - 20])
    with pytest.raises(UsageError, match=r"2 of 40 records .*record 40 at byte .*it is cut off"):
        tfrecord.load(str(tmp_path / "b.tfrecord"), size=(8, 8))


def test_looking_ends_in_time_and_says_how_far_it_came(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        readable("data", ["a"] * 2000, [b""] * 2000, lambda picture: None, seconds=0.0)
    assert "0 of 2,000 pictures were looked at" in caplog.text
