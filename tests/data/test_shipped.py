"""The data sets that come with scikit-learn, and the files in Keras's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import run
from tfmlflow.data import Data
from tfmlflow.data.pipeline import example, in_order
from tfmlflow.datasets import cifar10, diabetes, digits, fashion_mnist, imdb, mnist
from tfmlflow.errors import UsageError


def npz(file: Path, **arrays: np.ndarray[Any, Any]) -> str:
    np.savez(file, **arrays)
    return str(file)


def pictures(file: Path, *shape: int, train: int = 40, test: int = 20, labels: tuple[int, ...] = (-1,)) -> str:
    rng = np.random.default_rng(0)
    return npz(
        file,
        x_train=rng.integers(0, 256, (train, *shape), dtype=np.uint8),
        y_train=rng.integers(0, 10, train).astype(np.uint8).reshape(labels),
        x_test=rng.integers(0, 256, (test, *shape), dtype=np.uint8),
        y_test=rng.integers(0, 10, test).astype(np.uint8).reshape(labels),
    )


def mnist_from(file: Path) -> Data:
    return mnist.load(str(file))


def sizes(data: Data) -> tuple[int, int, int]:
    return len(data.train), len(data.validation), len(data.test)


def test_digits_are_small_grey_images_of_ten_classes() -> None:
    data = digits.load()
    assert (data.name, data.task, data.classes, data.input_shape) == ("digits", "multiclass", 10, (8, 8, 1))
    assert sizes(data) == (1294, 144, 359)
    assert data.class_names == tuple("0123456789")
    assert data.train.x.dtype == np.float32
    assert data.train.x.min() == 0.0
    assert data.train.x.max() == 1.0
    assert data.train.y.dtype == np.int32
    assert set(np.unique(data.train.y)) == set(range(10))


def test_diabetes_has_ten_normalized_measurements_and_one_number_to_predict() -> None:
    data = diabetes.load()
    assert (data.task, data.classes, data.outputs, data.input_shape) == ("regression", 0, 1, (10,))
    assert sizes(data) == (319, 35, 88)
    x = np.concatenate([data.train.x, data.validation.x, data.test.x])
    assert np.abs(x.mean(axis=0)).max() < 1e-5
    assert np.allclose(x.std(axis=0), 1.0, atol=1e-5)
    assert data.train.y.shape == (319, 1)
    assert data.train.y.dtype == np.float32
    assert 0.2 < data.train.y.min() < data.train.y.max() < 3.5
    assert data.feature_names[:3] == ("age", "sex", "bmi")


def test_shares_of_the_shipped_sets_can_be_chosen() -> None:
    assert sizes(digits.load(validation_share=0.5, test_share=0.5)) == (449, 450, 898)


def test_mnist_comes_from_a_file_with_its_own_test_set(mnist: Path) -> None:
    data = mnist_from(mnist)
    assert (data.task, data.classes, data.input_shape) == ("multiclass", 10, (28, 28, 1))
    assert sizes(data) == (54_000, 6_000, 10_000)
    assert data.train.x.dtype == np.uint8
    assert data.source == str(mnist)
    with np.load(mnist) as file:
        assert np.array_equal(data.test.x[..., 0], file["x_test"])
        assert np.array_equal(data.test.y, file["y_test"])
        counts = np.bincount(file["y_train"])
    assert np.array_equal(np.bincount(data.train.y) + np.bincount(data.validation.y), counts)


def test_the_model_sees_pixels_between_zero_and_one(mnist: Path) -> None:
    images = example(mnist_from(mnist).test, 100)
    assert images.dtype == np.float32
    assert images.min() == 0.0
    assert images.max() == 1.0


def test_fashion_mnist_names_its_clothes(tmp_path: Path) -> None:
    data = fashion_mnist.load(pictures(tmp_path / "fashion.npz", 28, 28))
    assert (data.name, data.input_shape, data.classes) == ("fashion_mnist", (28, 28, 1), 10)
    assert sizes(data) == (36, 4, 20)
    assert data.class_names[0] == "t-shirt"
    assert data.class_names[9] == "ankle boot"


def test_cifar10_keeps_its_colours_and_flattens_its_column_of_labels(tmp_path: Path) -> None:
    path = pictures(tmp_path / "cifar.npz", 32, 32, 3, labels=(-1, 1))
    data = cifar10.load(path)
    assert data.input_shape == (32, 32, 3)
    assert data.train.y.shape == (36,)
    assert data.class_names[5] == "dog"
    with np.load(path) as file:
        x, y = next(iter(in_order(data.test, 20)))
        assert np.allclose(x, file["x_test"] / 255.0, atol=1e-6)
        assert np.array_equal(y, file["y_test"].ravel())


def test_imdb_reviews_are_cut_and_padded_at_the_front(tmp_path: Path) -> None:
    rows = np.zeros((4, 6), np.int64)
    rows[0, :3] = [1, 5, 7]  # three words, then nothing
    rows[1] = [1, 11, 12, 13, 14, 15]  # more than fit
    rows[2, 2:] = [1, 4, 99, 6]  # padded at the front, with a rare word
    rows[3, :2] = [1, 8]
    path = npz(
        tmp_path / "imdb.npz",
        x_train=np.repeat(rows, 5, axis=0),
        y_train=np.tile([0, 1], 10),
        x_test=rows,
        y_test=np.array([0, 1, 1, 0]),
    )
    data = imdb.load(path, words=20, length=5)
    assert (data.task, data.classes, data.vocabulary, data.input_shape) == ("binary", 2, 20, (5,))
    assert data.input_dtype == "int32"
    assert data.class_names == ("negative", "positive")
    assert data.test.x.tolist() == [[0, 0, 1, 5, 7], [11, 12, 13, 14, 15], [0, 1, 4, 2, 6], [0, 0, 0, 1, 8]]
    assert data.test.y.tolist() == [[0], [1], [1], [0]]
    assert example(data.test).dtype == np.int32


def test_imdb_refuses_reviews_that_are_not_word_indices(tmp_path: Path) -> None:
    part = {"x": np.zeros((10, 5)), "y": np.zeros(10, int)}
    path = npz(tmp_path / "x.npz", **{f"{key}_{of}": part[key] for key in part for of in ("train", "test")})
    with pytest.raises(UsageError, match="float64; it needs word indices"):
        imdb.load(path)


def test_a_file_without_the_wanted_arrays_says_which_are_missing(tmp_path: Path) -> None:
    path = npz(tmp_path / "half.npz", x_train=np.zeros((2, 28, 28)), labels=np.zeros(2))
    with pytest.raises(UsageError, match=r"no array y_train, x_test, y_test in it; it has x_train, labels"):
        mnist.load(path)


def test_a_file_that_is_no_npz_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "notes.npz"
    file.write_text("not an archive")
    with pytest.raises(UsageError, match=r"not an npz file.*x_train, y_train, x_test, y_test"):
        mnist.load(str(file))


def test_examples_and_labels_of_different_number_are_refused(tmp_path: Path) -> None:
    image = np.zeros((4, 28, 28), np.uint8)
    path = npz(tmp_path / "x.npz", x_train=image, y_train=np.zeros(3, int), x_test=image, y_test=np.zeros(4, int))
    with pytest.raises(UsageError, match="x_train has 4 examples, y_train has 3"):
        mnist.load(path)


def test_arrays_that_are_no_images_are_refused_with_their_shape(tmp_path: Path) -> None:
    flat, labels = np.zeros((4, 784), np.uint8), np.zeros(4, int)
    path = npz(tmp_path / "x.npz", x_train=flat, y_train=labels, x_test=flat, y_test=labels)
    with pytest.raises(UsageError, match=r"shape \(4, 784\); data=mnist needs \(n, height, width\)"):
        mnist.load(path)


def test_a_label_beyond_the_classes_is_refused(tmp_path: Path) -> None:
    image = np.zeros((20, 28, 28), np.uint8)
    path = npz(tmp_path / "x.npz", x_train=image, y_train=np.arange(20), x_test=image, y_test=np.arange(20) % 10)
    with pytest.raises(UsageError):
        mnist.load(path)


def test_a_download_that_fails_names_the_file_to_put(tmp_path: Path) -> None:
    script = """
import importlib
for name in ("mnist", "fashion_mnist", "cifar10", "imdb"):
    try:
        importlib.import_module(f"tfmlflow.datasets.{name}").load()
    except Exception as error:
        print(f"<{type(error).__name__}> {error}")
"""
    nowhere = "http://127.0.0.1:9"  # nobody listens there
    done = run(
        "-c", script, cwd=tmp_path, fresh=True, KERAS_HOME=str(tmp_path), https_proxy=nowhere, http_proxy=nowhere
    )
    for name in ("mnist", "fashion_mnist", "cifar10", "imdb"):
        assert f"<UsageError> data={name}: the download failed" in done.stdout, done.stderr
        assert f"Put a file {name}.npz with the arrays x_train, y_train, x_test, y_test" in done.stdout
        assert f"data={name} data.path=/path/to/{name}.npz" in done.stdout
