"""Augmentation: what each strength does to a picture, and how far it may go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from omegaconf import OmegaConf

from tests.conftest import ROOT
from tfmlflow.data import augment
from tfmlflow.data.augment import geometric
from tfmlflow.data.own_batches import from_dataset
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.record import Split
from tfmlflow.errors import UsageError
from tfmlflow.run import part
from tfmlflow.tracking.recording import media

Images = np.ndarray[Any, Any]
ALL: dict[str, Any] = {
    "rotation": 30.0,
    "translation": 0.2,
    "zoom": 0.3,
    "shear": 10.0,
    "flip_horizontal": True,
    "flip_vertical": True,
    "cutout": 0.3,
    "brightness": 0.3,
    "contrast": 0.5,
}


def noise(*shape: int) -> Images:
    return np.random.default_rng(0).random(shape).astype(np.float32)


def applied(images: Images, seed: int = 0, step: int = 0, **strengths: Any) -> Images:
    return geometric(**strengths)(tf.constant(images), tf.constant([seed, step], tf.int64)).numpy()


def dots(row: int, column: int, size: int = 41, count: int = 200) -> Images:
    """Black pictures with one bright 3x3 dot."""
    images = np.zeros((count, size, size, 1), np.float32)
    images[:, row - 1 : row + 2, column - 1 : column + 2] = 1.0
    return images


def centres(images: Images) -> Images:
    """Where the dots are, `(count, 2)`, measured from the middle of the picture: down, right."""
    middle = (images.shape[1] - 1) / 2
    weight = images[..., 0] / images.sum(axis=(1, 2, 3))[:, None, None]
    along = np.arange(images.shape[1]) - middle
    return np.stack([(weight.sum(axis=2) * along).sum(axis=1), (weight.sum(axis=1) * along).sum(axis=1)], axis=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_shape_and_dtype_are_kept_and_values_stay_between_zero_and_one(channels: int) -> None:
    images = noise(16, 12, 20, channels)
    changed = applied(images, **ALL)
    assert changed.shape == images.shape
    assert changed.dtype == np.float32
    assert changed.min() >= 0.0
    assert changed.max() <= 1.0
    assert not np.array_equal(changed, images)


def test_the_same_seed_and_step_give_the_same_images() -> None:
    images = noise(8, 10, 10, 3)
    assert np.array_equal(applied(images, 4, 9, **ALL), applied(images, 4, 9, **ALL))


def test_another_step_or_seed_gives_other_images() -> None:
    images = noise(8, 10, 10, 3)
    results = [applied(images, seed, step, **ALL) for seed, step in ((4, 9), (4, 10), (5, 9))]
    assert not any(np.array_equal(results[i], results[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


@pytest.mark.parametrize("strength", sorted(ALL))
def test_each_strength_alone_changes_pictures_differently_within_a_batch(strength: str) -> None:
    images = np.repeat(noise(1, 16, 16, 3), 32, axis=0)
    changed = applied(images, **{strength: ALL[strength]})
    assert len({picture.tobytes() for picture in changed}) > 1


def test_zero_strengths_change_nothing() -> None:
    images = noise(8, 10, 10, 3)
    assert np.array_equal(applied(images), images)


def test_no_augmentation_is_none() -> None:
    assert augment.none() is None


@pytest.mark.parametrize(("strength", "axis"), [("flip_horizontal", 2), ("flip_vertical", 1)])
def test_flips_mirror_about_half_of_the_pictures(strength: str, axis: int) -> None:
    images = noise(200, 9, 12, 1)
    changed = applied(images, **{strength: True})
    mirrored = np.flip(images, axis=axis)
    kept = np.array([np.allclose(a, b, atol=1e-5) for a, b in zip(changed, images, strict=True)])
    flipped = np.array([np.allclose(a, b, atol=1e-5) for a, b in zip(changed, mirrored, strict=True)])
    assert np.all(kept ^ flipped)
    assert 60 < flipped.sum() < 140


def test_a_shift_stays_within_its_share_of_the_size_and_goes_all_ways() -> None:
    moved = centres(applied(dots(20, 20), translation=0.2))
    assert np.abs(moved).max() <= 0.2 * 41 + 0.01
    assert np.all(moved.max(axis=0) > 6)
    assert np.all(moved.min(axis=0) < -6)


def test_a_rotation_stays_within_its_angle_and_turns_about_the_middle() -> None:
    moved = centres(applied(dots(20, 35), rotation=30.0))
    angles = np.degrees(np.arctan2(moved[:, 0], moved[:, 1]))
    assert np.abs(angles).max() <= 31
    assert angles.max() > 20
    assert angles.min() < -20
    assert np.allclose(np.hypot(*moved.T), 15, atol=0.5)


def test_zoom_moves_along_the_axes_within_its_share() -> None:
    moved = centres(applied(dots(20, 30), zoom=0.2))
    assert np.abs(moved[:, 0]).max() < 0.1
    assert moved[:, 1].min() >= 10 / 1.2 - 0.3
    assert moved[:, 1].max() <= 10 / 0.8 + 0.3
    assert np.ptp(moved[:, 1]) > 2


def test_what_comes_from_outside_the_picture_is_black() -> None:
    changed = applied(np.ones((50, 16, 16, 1), np.float32), translation=0.5)
    assert changed.min() == 0.0


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_cutout_is_one_black_rectangle_of_at_most_its_side(share: float) -> None:
    height, width = 32, 40
    changed = applied(np.ones((200, height, width, 3), np.float32), cutout=share)
    side = share * height
    areas = []
    for picture in changed:
        hole = (picture == 0).all(axis=-1)
        rows, columns = hole.any(axis=1), hole.any(axis=0)
        assert np.array_equal(hole, rows[:, None] & columns[None, :])
        assert max(rows.sum(), columns.sum()) <= side
        areas.append(hole.sum())
    assert min(areas) > 0
    assert max(areas) >= (side - 1) ** 2
    assert set(np.unique(changed)) == {0.0, 1.0}


def test_brightness_shifts_a_whole_picture_by_at_most_its_strength() -> None:
    images = np.full((100, 6, 6, 3), 0.5, np.float32)
    changed = applied(images, brightness=0.2) - images
    assert np.abs(changed).max() <= 0.2 + 1e-6
    assert np.allclose(changed, changed[:, :1, :1, :1])
    assert changed.max() > 0.15
    assert changed.min() < -0.15


def test_contrast_stretches_about_the_mean_by_at_most_its_strength() -> None:
    images = 0.4 + 0.2 * noise(100, 6, 6, 1)
    changed = applied(images, contrast=0.5)
    ratio = changed.std(axis=(1, 2, 3)) / images.std(axis=(1, 2, 3))
    assert ratio.min() >= 0.5 - 1e-3
    assert ratio.max() <= 1.5 + 1e-3
    assert np.ptp(ratio) > 0.8
    assert np.allclose(changed.mean(axis=(1, 2, 3)), images.mean(axis=(1, 2, 3)), atol=1e-4)


@pytest.mark.parametrize("file", sorted((ROOT / "conf" / "augment").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_augmentation_option_works_on_a_batch(file: Path) -> None:
    function = part(OmegaConf.load(file))()  # type: ignore[arg-type]
    if file.stem == "none":
        assert function is None
    else:
        images = noise(4, 28, 28, 1)
        assert function(tf.constant(images), tf.constant([0, 0], tf.int64)).shape == images.shape


WRONG: list[tuple[dict[str, float], Images, str]] = [
    (
        {"brightness": 0.1, "contrast": 0.2},
        noise(40, 5, 5, 1) * 255,
        r"augment\.brightness=0\.1: needs images from 0 to 1, .* from 0\.\d+ to 25\d(\.\d)?; scale them to float32 "
        r"from 0 to 1, or give them as uint8, or set augment\.brightness and augment\.contrast to 0",
    ),
    ({"contrast": 0.2}, noise(40, 5, 5, 1) * 4 - 2, r"augment\.contrast=0\.2: .* go from -[12]\.\d+ to [12](\.\d+)?;"),
    (
        {"rotation": 5.0},
        np.ones((40, 5, 5, 1), np.int32),
        "augment: images of int32 can be neither moved nor recoloured",
    ),
]


@pytest.mark.parametrize(("options", "x", "says"), WRONG, ids=["pixels", "standardized", "whole numbers"])
def test_images_of_other_numbers_are_refused(options: dict[str, float], x: Images, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Pipeline(Split(x, np.zeros(40, np.int32)), 10, 0, geometric(**options))


def test_of_batches_of_one_s_own_the_first_is_looked_at() -> None:
    x = noise(20, 5, 5, 1) * 9
    batches = [(x[place : place + 10], np.arange(10) % 3) for place in (0, 10)]
    data = from_dataset("mine", batches, batches, batches, task="multiclass")
    with pytest.raises(
        UsageError, match=r"augment\.brightness=0\.1: .* to 8\.\d+; scale them to float32 from 0 to 1, or set"
    ):
        Pipeline(data.train, 10, 0, geometric(brightness=0.1))


def test_standardized_images_may_be_moved() -> None:
    x = noise(20, 5, 5, 1) * 4 - 2
    batch, _ = next(iter(Pipeline(Split(x, np.zeros(20, np.int32)), 20, 0, geometric(flip_horizontal=True)).dataset))
    assert float(tf.reduce_min(batch)) == pytest.approx(float(x.min()))


@pytest.mark.parametrize(("mode", "expected"), [("constant", 0.0), ("nearest", 1.0), ("reflect", 1.0), ("wrap", 1.0)])
def test_what_stands_outside_is_chosen(mode: str, expected: float) -> None:
    white = np.ones((64, 16, 16, 1), np.float32)
    assert applied(white, translation=0.4, fill_mode=mode).min() == pytest.approx(expected, abs=1e-5)


def test_a_pipeline_shows_its_first_images_before_and_after() -> None:
    images = (noise(12, 8, 10, 3) * 255).astype(np.uint8)
    split = Split(images, np.arange(12, dtype=np.int32))
    assert Pipeline(split, 4, seed=1).augmented() is None
    shown = Pipeline(split, 4, seed=1, augment=geometric(brightness=0.3)).augmented(5)
    assert shown is not None
    before, after = shown
    np.testing.assert_allclose(before, images[:5] / 255.0, atol=1e-6)
    assert after.shape == before.shape
    assert not np.array_equal(after, before)
    picture = media.grid(shown)
    cell = 96 // 10
    assert picture.shape == (2 * (8 * cell + 4), 5 * (10 * cell + 4), 3)
    np.testing.assert_allclose(picture[2, 2], before[0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(picture[8 * cell + 4 + 2, 2], np.clip(after[0, 0, 0], 0, 1), atol=1e-6)
