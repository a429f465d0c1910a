"""mixup and cutmix: what is mixed with what, how labels and weights follow, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfmlflow.data.augment import geometric
from tfmlflow.data.inputs import Inputs
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.record import Split
from tfmlflow.errors import UsageError

Arrays = list[tuple[np.ndarray[Any, Any], ...]]
CLASSES = 5


def flat(examples: int = 40, height: int = 20, width: int = 24) -> np.ndarray[Any, Any]:
    """Image i is i / examples everywhere."""
    return np.broadcast_to(np.arange(examples)[:, None, None, None] / examples, (examples, height, width, 1)).astype(
        np.float32
    )


def epoch(split: Split, number: int = 0, share: tuple[int, int] = (0, 1), size: int = 10, **options: Any) -> Arrays:
    pipeline = Pipeline(split, size, 3, geometric(**options), share, CLASSES if split.y.ndim == 1 else 0)
    pipeline.on_epoch_begin(number)
    return [tuple(part.numpy() for part in batch) for batch in pipeline.dataset]


def one_hot(indices: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.eye(CLASSES)[indices.astype(int)]


@pytest.mark.parametrize("weighted", [False, True])
def test_mixup_blends_two_examples_of_the_batch_and_their_labels_by_the_same_share(weighted: bool) -> None:
    """Example i is the pair (i, i squared), so that two and their share are found in what is mixed."""
    numbers = np.arange(40.0)
    x = np.stack([numbers, numbers**2], axis=1).astype(np.float32)
    weight = (1 + numbers % 3).astype(np.float32) if weighted else None
    split = Split(x, (np.arange(40) % CLASSES).astype(np.int32), weight=weight)
    plain = [x.numpy()[:, 0] for x, *_ in Pipeline(split, 10, 3).dataset]
    shares = []
    for chosen, (x, y, *weights) in zip(plain, epoch(split, mixup=0.4), strict=True):
        shift = next(
            s
            for s in range(1, 10)
            if all(_between(mixed, a, b) for mixed, a, b in zip(x, chosen, np.roll(chosen, -s), strict=True))
        )
        other = np.roll(chosen, -shift)
        share = (x[:, 0] - other) / (chosen - other)
        own, others = share, 1 - share
        if weight is not None:
            own, others = share * weight[chosen.astype(int)], (1 - share) * weight[other.astype(int)]
            np.testing.assert_allclose(weights[0], own + others, atol=1e-4)
        expected = own[:, None] * one_hot(chosen % CLASSES) + others[:, None] * one_hot(other % CLASSES)
        np.testing.assert_allclose(y, expected / (own + others)[:, None], atol=1e-4)
        shares += [*share]
    assert 0.3 < np.mean(shares) < 0.7
    assert np.mean((np.array(shares) < 0.1) | (np.array(shares) > 0.9)) > 0.25  # Beta(0.4, 0.4) is one for the ends


def _between(mixed: Any, a: float, b: float) -> bool:
    share = (mixed[0] - b) / (a - b)
    return bool(-1e-3 < share < 1.001 and abs(share * a**2 + (1 - share) * b**2 - mixed[1]) < 0.05)


def test_shares_are_drawn_from_the_beta_distribution() -> None:
    split = Split(np.arange(4000, dtype=np.float32)[:, None], np.zeros((4000, 1), np.float32))
    ones = Split(split.x * 0, np.arange(4000, dtype=np.float32)[:, None] % 2)
    (_, y), *_ = epoch(ones, size=4000, mixup=2.0)
    between = y[(y > 0) & (y < 1)]  # a pair of a 0 and a 1: its share
    assert between.std() == pytest.approx(np.sqrt(1 / 20), abs=0.01)  # of Beta(2, 2)
    assert between.mean() == pytest.approx(0.5, abs=0.02)


def test_cutmix_puts_a_rectangle_of_another_image_in_and_its_label_by_area() -> None:
    split = Split(flat(), (np.arange(40) % CLASSES).astype(np.int32))
    areas = []
    for x, y in epoch(split, cutmix=1.0):
        for image, label in zip(x[..., 0], y, strict=True):
            values, counts = np.unique(np.round(image * 40).astype(int), return_counts=True)
            assert len(values) <= 2
            np.testing.assert_allclose(
                label, (counts[:, None] * one_hot(values % CLASSES)).sum(0) / counts.sum(), atol=1e-5
            )
            if len(values) == 2:
                inside = np.round(image * 40).astype(int) == values[0]
                assert any(_rectangle(part) for part in (inside, ~inside))
                areas.append(counts.min() / counts.sum())
    assert len(areas) > 20
    assert max(areas) > 0.3


def _rectangle(part: np.ndarray[Any, Any]) -> bool:
    return np.array_equal(part, part.any(axis=1)[:, None] & part.any(axis=0)[None])


def test_with_both_on_each_example_is_mixed_by_one_of_them() -> None:
    split = Split(flat(), np.arange(40, dtype=np.int32) % CLASSES)
    kinds = [len(np.unique(np.round(image, 5))) for x, _ in epoch(split, mixup=1.0, cutmix=1.0) for image in x]
    assert 5 < kinds.count(1) < 35
    assert kinds.count(1) + kinds.count(2) == 40


@pytest.mark.parametrize("y", [np.arange(40, dtype=np.int32)[:, None] % 2, np.random.rand(40, 2).astype(np.float32)])
def test_labels_of_two_classes_and_numbers_are_blended_and_keep_their_shape(y: np.ndarray[Any, Any]) -> None:
    made = np.concatenate([y for _, y in epoch(Split(flat(), y), mixup=1.0)])
    assert (made.shape, made.dtype) == (y.shape, np.float32)
    assert made.min() >= y.min()
    assert made.max() <= y.max()
    assert not np.isin(made, y).all()


def test_the_same_seed_and_step_mix_alike_and_others_do_not() -> None:
    split = Split(flat(), np.zeros(40, np.int32))
    first, again, other = (epoch(split, number, mixup=0.5, cutmix=0.5) for number in (1, 1, 2))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0][0], other[0][0])


ALL = {"rotation": 30.0, "translation": 0.2, "zoom": 0.3, "shear": 10.0, "flip_horizontal": True, "cutout": 0.3}
EVERY = {**ALL, "brightness": 0.3, "contrast": 0.5, "mixup": 0.4, "cutmix": 1.0}


@pytest.mark.parametrize("options", [ALL, {"mixup": 0.4}, EVERY], ids=["geometry", "mixup", "all"])
def test_three_workers_together_see_what_one_sees(options: dict[str, Any]) -> None:
    """44 in batches of 10: parts of 3, 3 and 4, of the last one 1, 1 and 2."""
    rng = np.random.default_rng(0)
    x, weight = (rng.random((44, 12, 14, 3)) * 255).astype(np.uint8), rng.random(44).astype(np.float32)
    split = Split(x, (np.arange(44) % CLASSES).astype(np.int32), weight=weight)
    one, *parts = (epoch(split, 2, share, **options) for share in ((0, 1), (0, 3), (1, 3), (2, 3)))
    for number, batch in enumerate(one):
        for place, expected in enumerate(batch):
            found = np.concatenate([part[number][place] for part in parts])
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)  # TensorFlow rounds by the batch's form


def test_an_augmentation_of_one_s_own_is_drawn_by_each_worker_for_itself() -> None:
    def noise(x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return x + tf.random.stateless_normal(tf.shape(x), seed)

    split = Split(np.zeros((8, 4, 4, 1), np.float32), np.zeros(8, np.int32))
    drawn = [next(iter(Pipeline(split, 8, 0, noise, (number, 2)).dataset))[0].numpy() for number in (0, 1)]
    assert not np.array_equal(*drawn)


def test_the_picture_of_the_augmentation_shows_mixed_images() -> None:
    shown = Pipeline(Split(flat(), np.arange(40, dtype=np.int32)), 10, 1, geometric(cutmix=1.0), classes=40).augmented(
        8
    )
    assert shown is not None
    assert max(len(np.unique(image)) for image in shown[0]) == 1
    assert max(len(np.unique(image)) for image in shown[1]) == 2


REFUSED: list[tuple[dict[str, float], Inputs, str]] = [
    ({"cutmix": 1.0}, np.zeros((40, 4), np.float32), "augment.cutmix=1.0: needs images"),
    ({"rotation": 5.0}, np.zeros((40, 4), np.float32), "augment: needs images"),
    ({"mixup": 0.2}, np.zeros((40, 4), np.int32), "augment.mixup=0.2: the data are int32"),
    ({"mixup": 0.2}, {"a": np.zeros((40, 4)), "b": np.zeros((40, 4))}, "changes one input, the data have a, b"),
]


@pytest.mark.parametrize(("options", "x", "says"), REFUSED, ids=[says for *_, says in REFUSED])
def test_data_that_cannot_be_mixed_are_refused(options: dict[str, Any], x: Inputs, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Pipeline(Split(x, np.zeros(40, np.int32)), 10, 0, geometric(**options))
