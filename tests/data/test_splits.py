"""Splits are disjoint, complete and a function of the seed; the digest is a function of the content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfmlflow.data import Data
from tfmlflow.data.digest import LENGTH, of_arrays, of_files
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets import diabetes, digits
from tfmlflow.errors import UsageError


def numbered(examples: int = 100, **options: Any) -> Data:
    """Example i is the number i, so that one can see where it went."""
    return from_arrays("numbered", np.arange(examples), np.arange(examples) % 3, task="multiclass", **options)


@pytest.mark.parametrize("seed", [0, 1, 77])
def test_every_example_is_in_exactly_one_split(seed: int) -> None:
    data = numbered(seed=seed)
    parts = [data.train.x, data.validation.x, data.test.x]
    assert [len(part) for part in parts] == [72, 8, 20]
    assert sorted(np.concatenate(parts)) == list(range(100))


def test_labels_stay_with_their_examples() -> None:
    data = numbered(seed=3)
    for split in (data.train, data.validation, data.test):
        assert np.array_equal(split.y, split.x % 3)


def test_the_same_seed_splits_the_same_way() -> None:
    first, again = numbered(seed=5), numbered(seed=5)
    assert np.array_equal(first.train.x, again.train.x)
    assert np.array_equal(first.test.x, again.test.x)


def test_the_split_does_not_depend_on_what_was_drawn_before() -> None:
    first = numbered(seed=5)
    np.random.seed(123)
    np.random.random(10)
    assert np.array_equal(first.train.x, numbered(seed=5).train.x)


def test_another_seed_splits_another_way() -> None:
    assert set(numbered(seed=0).test.x) != set(numbered(seed=1).test.x)


def test_a_test_set_of_its_own_stays_whole_and_in_order() -> None:
    own = (np.arange(1000, 1010), np.zeros(10, int))
    data = numbered(test=own, seed=9, validation_share=0.25)
    assert data.test.x.tolist() == list(range(1000, 1010))
    assert len(data.validation) == 25
    assert sorted([*data.train.x, *data.validation.x]) == list(range(100))


def test_a_class_that_only_the_test_set_has_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    assert numbered(test=(np.arange(4), np.array([0, 1, 4, 4]))).classes == 5
    assert "1 of the classes are in no training example, only in validation or test: 4 (2)" in caplog.text


@pytest.mark.parametrize(
    ("task", "y", "shape", "dtype", "classes"),
    [
        ("multiclass", np.arange(30) % 4, (24,), "int32", 4),
        ("binary", np.arange(30) % 2, (24, 1), "int32", 2),
        ("binary", (np.arange(30) % 2 == 0), (24, 1), "int32", 2),
        ("regression", np.linspace(0, 1, 30), (24, 1), "float32", 0),
        ("regression", np.ones((30, 3)), (24, 3), "float32", 0),
    ],
)
def test_targets_have_the_shape_that_losses_expect(
    task: Any, y: np.ndarray[Any, Any], shape: tuple[int, ...], dtype: str, classes: int
) -> None:
    data = from_arrays("x", np.zeros((30, 2)), y, task=task, test=(np.zeros((5, 2)), y[:5]), validation_share=0.2)
    assert data.train.y.shape == shape
    assert data.train.y.dtype == dtype
    assert data.classes == classes
    assert data.outputs == (3 if y.ndim > 1 else 1)


@pytest.mark.parametrize(
    ("options", "purpose"),
    [({"validation_share": 0.001}, "validation"), ({"test_share": 0.001}, "test"), ({"test_share": 0.999}, "train")],
)
def test_an_empty_split_is_refused_with_the_keys_to_change(options: dict[str, float], purpose: str) -> None:
    with pytest.raises(UsageError, match=rf"the {purpose} split of 100 .*data\.validation_share.*data\.test_share"):
        numbered(**options)


@pytest.mark.parametrize("load", [digits.load, diabetes.load])
def test_the_digest_is_the_same_however_the_data_are_split(load: Any) -> None:
    digests = {load(seed=0).digest, load(seed=1).digest, load(validation_share=0.3, test_share=0.1).digest}
    assert len(digests) == 1
    assert len(digests.pop()) == LENGTH == 32


def test_one_changed_pixel_far_into_the_data_changes_the_digest() -> None:
    x = np.zeros((3000, 28, 28), np.uint8)
    y = np.arange(3000) % 2
    before = from_arrays("x", x, y, task="multiclass").digest
    x[2999, 27, 27] = 1
    after = from_arrays("x", x, y, task="multiclass").digest
    assert before != after


def test_one_changed_label_or_test_pixel_changes_the_digest() -> None:
    def digest(label: int = 1, pixel: int = 0) -> str:
        x, y, test = np.zeros((300, 4), np.uint8), np.arange(300) % 2, np.zeros((50, 4), np.uint8)
        y[-1], test[-1, -1] = label, pixel
        return from_arrays("x", x, y, test=(test, np.zeros(50, int)), task="multiclass").digest

    assert len({digest(), digest(label=0), digest(pixel=1)}) == 3


def test_the_digest_tells_shapes_types_and_the_borders_of_texts_apart() -> None:
    digests = {
        of_arrays(np.zeros((2, 6), np.uint8)),
        of_arrays(np.zeros((3, 4), np.uint8)),
        of_arrays(np.zeros((2, 6), np.int8)),
        of_arrays(np.zeros(2, np.float32)),
        of_arrays(np.array(["ab", "c"], dtype=object)),
        of_arrays(np.array(["a", "bc"], dtype=object)),
        of_arrays(np.array([b"ab", b"d"], dtype=object)),
    }
    assert len(digests) == 7


def test_the_digest_does_not_depend_on_the_order_in_memory() -> None:
    x = np.arange(24).reshape(4, 6)
    assert of_arrays(x) == of_arrays(np.asfortranarray(x))
    assert of_arrays(x[:, ::2]) == of_arrays(x[:, ::2].copy())


def test_the_digest_of_files_depends_on_names_and_on_every_byte(tmp_path: Path) -> None:
    def digest(name: str, content: bytes) -> str:
        file = tmp_path / name
        file.write_bytes(content)
        return of_files([file], tmp_path)

    large = bytes(3 << 20)
    digests = {digest("a", large), digest("b", large), digest("a", large[:-1] + b"x")}
    assert len(digests) == 3
    assert digest("a", large) in digests


def test_a_limit_keeps_that_many_training_examples_and_leaves_the_rest() -> None:
    data = numbered()
    few = data.limited(10)
    assert np.array_equal(few.train.x, data.train.x[:10])
    assert np.array_equal(few.test.x, data.test.x)
    assert few.digest == data.digest
    assert data.limited(None) is data
    assert data.limited(1000) is data
