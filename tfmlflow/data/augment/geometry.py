"""Random geometry and colour of images."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from tfmlflow.data.augment.change import Augmentation
from tfmlflow.data.augment.mixing import Mixing


def none() -> None:
    """No augmentation."""
    return None


def geometric(
    rotation: float = 0.0,
    translation: float = 0.0,
    zoom: float = 0.0,
    shear: float = 0.0,
    flip_horizontal: bool = False,
    flip_vertical: bool = False,
    cutout: float = 0.0,
    brightness: float = 0.0,
    contrast: float = 0.0,
    fill_mode: str = "constant",
    mixup: float = 0.0,
    cutmix: float = 0.0,
) -> Augmentation:
    """Random geometry and colour, drawn for each image of each step; then pairs are mixed.

    Args:
        rotation: Largest angle, degrees.
        translation: Largest shift along each axis, share of the image's size.
        zoom: Largest change of scale along each axis, share.
        shear: Largest shear, degrees.
        flip_horizontal: Mirror left to right half of the time.
        flip_vertical: Mirror upside down half of the time.
        cutout: Side of a square that is set to 0, share of the image's shorter side.
        brightness: Largest shift of all pixels, on the scale [0, 1], to which they are cut.
        contrast: Largest change of the distance from the image's mean, share; cut to [0, 1], too.
        fill_mode: What stands where there was no image: `constant` (0), `nearest`, `reflect` or `wrap`.
        mixup: Alpha of Beta(alpha, alpha), by which each example is blended with another of its batch, and its label
            with the other's; 0: off. Needs no images.
        cutmix: The same for a rectangle of the image that is the other's; labels are blended by area. With both on,
            each example is mixed by one of them, with even chances.

    Returns:
        A function of (images float32 `(batch, height, width, channels)`, seed `(2,)`) that keeps shape and dtype; the
        pipeline mixes, for it has the labels.
    """
    moves = any((rotation, translation, zoom, shear, flip_horizontal, flip_vertical))

    def apply(images: tf.Tensor, seed: tf.Tensor, places: Any, size: Any) -> tf.Tensor:
        draws = tf.random.experimental.stateless_split(tf.cast(seed, tf.int64), 4)
        if moves:
            images = _transform(images, draws[0], places, size)
        if brightness or contrast:
            images = _recolour(images, draws[1], places, size)
        if cutout:
            images = _cut(images, draws[2], places, size)
        return images

    def _transform(images: tf.Tensor, seed: tf.Tensor, places: Any, size: Any) -> tf.Tensor:
        height, width = tf.cast(tf.shape(images)[1], tf.float32), tf.cast(tf.shape(images)[2], tf.float32)
        u = tf.unstack(_drawn(8, seed, -1.0, places, size), num=8)
        angle, slant = u[0] * math.radians(rotation), tf.tan(u[1] * math.radians(shear))
        scale_x, scale_y = 1.0 + u[2] * zoom, 1.0 + u[3] * zoom
        if flip_horizontal:
            scale_x = scale_x * tf.sign(u[4])
        if flip_vertical:
            scale_y = scale_y * tf.sign(u[5])
        # The operation maps output pixels to input pixels about the top left corner; we turn about the centre.
        a0, a1 = tf.cos(angle) * scale_x, (slant - tf.sin(angle)) * scale_y
        b0, b1 = tf.sin(angle) * scale_x, tf.cos(angle) * scale_y
        centre_x, centre_y = (width - 1.0) / 2.0, (height - 1.0) / 2.0
        a2 = centre_x - a0 * centre_x - a1 * centre_y + u[6] * translation * width
        b2 = centre_y - b0 * centre_x - b1 * centre_y + u[7] * translation * height
        zero = tf.zeros_like(a0)
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1),
            output_shape=tf.shape(images)[1:3],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode=fill_mode.upper(),
        )

    def _recolour(images: tf.Tensor, seed: tf.Tensor, places: Any, size: Any) -> tf.Tensor:
        u = _drawn(2, seed, -1.0, places, size)[:, :, None, None, None]
        mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
        return tf.clip_by_value((images - mean) * (1.0 + u[0] * contrast) + mean + u[1] * brightness, 0.0, 1.0)

    def _cut(images: tf.Tensor, seed: tf.Tensor, places: Any, size: Any) -> tf.Tensor:
        shape = tf.shape(images)
        side = tf.cast(tf.minimum(shape[1], shape[2]), tf.float32) * cutout
        u = _drawn(2, seed, 0.0, places, size)[:, :, None]
        rows = tf.abs(tf.range(tf.cast(shape[1], tf.float32))[None] - u[0] * tf.cast(shape[1], tf.float32)) * 2 < side
        cols = tf.abs(tf.range(tf.cast(shape[2], tf.float32))[None] - u[1] * tf.cast(shape[2], tf.float32)) * 2 < side
        hole = tf.cast(rows[:, :, None, None] & cols[:, None, :, None], images.dtype)
        return images * (1.0 - hole)

    changes = any((moves, brightness, contrast, cutout))
    colours = {"brightness": brightness, "contrast": contrast}
    return Augmentation(
        apply if changes else None,
        Mixing(mixup, cutmix) if mixup or cutmix else None,
        tuple(f"{name}={strength}" for name, strength in colours.items() if strength),
    )


def _drawn(count: int, seed: tf.Tensor, least: float, places: Any, size: Any) -> tf.Tensor:
    """Numbers from `least` to 1 for each image, `(count, images)`: those of its place in a batch of `size`."""
    numbers = tf.random.stateless_uniform((count, size), seed, least, 1.0)
    return numbers if places is None else tf.gather(numbers, places, axis=1)
