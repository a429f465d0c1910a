"""Pictures in folders and in TFRecord files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfmlflow.data import Data, Split
from tfmlflow.data.pipeline import Pipeline, in_order
from tfmlflow.datasets import images, tfrecord
from tfmlflow.errors import UsageError

CLASSES = ("blue", "green", "red")


def png(shade: int, height: int = 10, width: int = 14, channels: int = 3) -> bytes:
    """A picture of one shade."""
    blob: bytes = tf.io.encode_png(np.full((height, width, channels), shade, np.uint8)).numpy()
    return blob


def shade(label: int, number: int) -> int:
    """Every picture has a shade of its own, which tells its class."""
    return 80 * label + number


def folders(root: Path, count: int = 10, classes: tuple[str, ...] = CLASSES, first: int = 0) -> Path:
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(first, first + count):
            (root / name / f"{number}.png").write_bytes(png(shade(label, number)))
    return root


def seen(split: Split, batch_size: int = 4) -> list[tuple[int, int]]:
    """(shade, label) of each example as the model sees it."""
    pairs = []
    for x, y in in_order(split, batch_size):
        assert x.dtype == tf.float32
        for picture, label in zip(x.numpy(), y.numpy().ravel(), strict=True):
            assert np.ptp(picture) < 1e-6
            pairs.append((round(float(picture.max()) * 255), int(label)))
    return pairs


def all_seen(data: Data) -> list[tuple[int, int]]:
    return sorted(seen(data.train) + seen(data.validation) + seen(data.test))


def test_a_folder_for_each_class_becomes_three_splits(tmp_path: Path) -> None:
    data = images.load(str(folders(tmp_path)), size=(6, 8))
    assert (data.task, data.classes, data.class_names) == ("multiclass", 3, CLASSES)
    assert data.input_shape == (6, 8, 3)
    assert (len(data.train), len(data.validation), len(data.test)) == (22, 2, 6)
    assert all_seen(data) == sorted((shade(label, number), label) for label in range(3) for number in range(10))


def test_batches_have_the_size_asked_for_and_one_epoch_shows_every_picture(tmp_path: Path) -> None:
    data = images.load(str(folders(tmp_path)), size=(6, 8), channels=1)
    batches = list(Pipeline(data.train, 5, seed=0).dataset)
    assert [x.shape.as_list() for x, _ in batches] == [[5, 6, 8, 1]] * 4 + [[2, 6, 8, 1]]
    shades = sorted(round(float(picture.max()) * 255) for x, _ in batches for picture in x.numpy())
    assert shades == sorted(shade for shade, _ in seen(data.train))


def test_folders_train_and_test_are_taken_as_such(tmp_path: Path) -> None:
    folders(tmp_path / "train", count=10)
    folders(tmp_path / "test", count=3, first=50)
    data = images.load(str(tmp_path), size=(4, 4), validation_share=0.2)
    assert (len(data.train), len(data.validation), len(data.test)) == (24, 6, 9)
    assert sorted(seen(data.test)) == sorted((shade(label, n), label) for label in range(3) for n in (50, 51, 52))
    assert data.class_names == CLASSES


def test_two_folders_are_a_binary_task(tmp_path: Path) -> None:
    data = images.load(str(folders(tmp_path, classes=("cat", "dog"))), size=(4, 4))
    assert (data.task, data.classes, data.class_names) == ("binary", 2, ("cat", "dog"))
    assert data.train.y.shape == (len(data.train), 1)


def test_pictures_of_several_formats_and_sizes_can_be_mixed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "deeper").mkdir(parents=True)
        for number in range(5):
            (tmp_path / name / f"{number}.PNG").write_bytes(png(100, 3 + number, 9))
        pixels = np.full((5, 5, 3), 100, np.uint8)
        (tmp_path / name / "deeper" / "x.jpeg").write_bytes(tf.io.encode_jpeg(pixels).numpy())
        (tmp_path / name / "notes.txt").write_text("not a picture")
    data = images.load(str(tmp_path), size=(4, 4))
    assert len(all_seen(data)) == 12
    assert {shade for shade, _ in all_seen(data)} <= {99, 100, 101}


def test_resizing_keeps_the_picture(tmp_path: Path) -> None:
    half = np.zeros((8, 8, 3), np.uint8)
    half[:, 4:] = 255
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(5):
            (tmp_path / name / f"{number}.png").write_bytes(tf.io.encode_png(half).numpy())
    x, _ = next(iter(in_order(images.load(str(tmp_path), size=(4, 4)).train, 1)))
    assert np.array_equal(x[0, :, :, 0], [[0, 0, 1, 1]] * 4)


def test_the_split_is_the_seeds_and_the_digest_the_contents(tmp_path: Path) -> None:
    def load(**options: Any) -> Data:
        return images.load(str(tmp_path), size=(4, 4), **options)

    folders(tmp_path)
    first = load(seed=1)
    assert np.array_equal(first.train.x, load(seed=1).train.x)
    assert not np.array_equal(first.train.x, load(seed=2).train.x)
    assert load(seed=2, test_share=0.4).digest == first.digest
    file = tmp_path / "red" / "9.png"
    file.write_bytes(file.read_bytes() + b"\0")
    changed = load().digest
    file.rename(tmp_path / "red" / "99.png")
    assert len({first.digest, changed, load().digest}) == 3


def test_the_digest_is_the_same_wherever_the_folder_lies(tmp_path: Path) -> None:
    here, there = folders(tmp_path / "here"), folders(tmp_path / "there")
    assert images.load(str(here)).digest == images.load(str(there)).digest


def test_fewer_than_two_classes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    Image.new("RGB", (3, 3)).save(tmp_path / "only" / "a.png")
    with pytest.raises(UsageError, match="of each of at least two classes; it has 1"):
        images.load(str(tmp_path))


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with pytest.raises(
        UsageError, match=r"a folder with pictures \(\.jpg.*\) of each of at least two classes; it has 0"
    ):
        images.load(str(tmp_path))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        images.load(str(tmp_path / "nowhere"))


def record(image: bytes, label: int, image_key: str = "image", label_key: str = "label") -> bytes:
    features = {
        image_key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        label_key: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    serialized: bytes = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    return serialized


def records(file: Path, numbers: range = range(10), **keys: str) -> Path:
    with tf.io.TFRecordWriter(str(file)) as writer:
        for number in numbers:
            for label in range(3):
                writer.write(record(png(shade(label, number)), label, **keys))
    return file


def test_records_become_three_splits(tmp_path: Path) -> None:
    data = tfrecord.load(str(records(tmp_path / "a.tfrecord")), size=(6, 8))
    assert (data.task, data.classes, data.input_shape) == ("multiclass", 3, (6, 8, 3))
    assert (len(data.train), len(data.validation), len(data.test)) == (22, 2, 6)
    assert all_seen(data) == sorted((shade(label, number), label) for label in range(3) for number in range(10))


def test_a_folder_or_a_pattern_takes_all_its_files(tmp_path: Path) -> None:
    records(tmp_path / "x.tfrecord-00000-of-00002", range(5))
    records(tmp_path / "x.tfrecord-00001-of-00002", range(5, 10))
    folder = tfrecord.load(str(tmp_path), size=(4, 4))
    pattern = tfrecord.load(str(tmp_path / "*-of-00002"), size=(4, 4))
    part = tfrecord.load(str(tmp_path / "*-00000-*"), size=(4, 4))
    assert folder.digest == pattern.digest != part.digest
    assert all_seen(folder) == all_seen(pattern)
    assert len(all_seen(part)) == 15


def test_the_features_can_have_other_names(tmp_path: Path) -> None:
    file = records(tmp_path / "a.tfrecord", image_key="jpg", label_key="cls")
    assert tfrecord.load(str(file), image_key="jpg", label_key="cls", size=(4, 4)).classes == 3


def test_the_seed_alone_decides_the_split_of_records(tmp_path: Path) -> None:
    file = str(records(tmp_path / "a.tfrecord"))
    first, again, other = (tfrecord.load(file, size=(4, 4), seed=seed) for seed in (1, 1, 2))
    assert seen(first.train) == seen(again.train) != seen(other.train)
    assert first.digest == other.digest


def test_records_without_the_features_are_refused_with_their_names(tmp_path: Path) -> None:
    file = records(tmp_path / "a.tfrecord")
    with pytest.raises(UsageError, match=r"'picture' .*'label'"):
        tfrecord.load(str(file), image_key="picture")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "no record in"), (b"not a record, but some bytes all the same", "1 of 1 records .*no TFRecord file")],
)
def test_a_file_without_records_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "a.tfrecord"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        tfrecord.load(str(file))


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no TFRecord file there"):
        tfrecord.load(str(tmp_path / "*.tfrecord"))
