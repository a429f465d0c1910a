"""What is in a record: a `tf.train.Example` with an encoded picture and the index of its class."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfmlflow.data.bad import why


@dataclass(frozen=True)
class Examples:
    """How records are taken apart.

    Attributes:
        image_key: Feature with the encoded picture, bytes.
        label_key: Feature with the class index, int64.
        channels: 1 grey, 3 colour.
    """

    image_key: str
    label_key: str
    channels: int

    def pictures(self, records: tf.Tensor) -> tf.Tensor:
        """Encoded pictures string `(n,)` of records string `(n,)`; runs inside a graph."""
        return tf.io.parse_example(records, {self.image_key: tf.io.FixedLenFeature((), tf.string)})[self.image_key]

    def look(self, records: Sequence[bytes], pool: Executor) -> list[int | str]:
        """Take records apart and decode their pictures once.

        Returns:
            Of each its class index, or why it cannot be used.
        """
        try:
            images, labels = self._parsed(records)
        except tf.errors.InvalidArgumentError:
            return [self._alone(record) for record in records]
        return list(pool.map(self._decoded, images, labels.tolist()))

    @property
    def said(self) -> str:
        """What records must be, in words."""
        return f"tf.train.Example records with {self.image_key!r} (bytes) and {self.label_key!r} (int64)"

    def _parsed(self, records: Sequence[bytes]) -> tuple[Any, Any]:
        features = {
            self.image_key: tf.io.FixedLenFeature((), tf.string),
            self.label_key: tf.io.FixedLenFeature((), tf.int64),
        }
        found = tf.io.parse_example(list(records), features)
        return found[self.image_key].numpy(), found[self.label_key].numpy()

    def _alone(self, record: bytes) -> int | str:
        """One of several of which some are broken."""
        try:
            images, labels = self._parsed([record])
        except tf.errors.InvalidArgumentError as error:
            return f"not of {self.said}: {why(error)}"
        return self._decoded(images[0], int(labels[0]))

    def _decoded(self, image: bytes, label: int) -> int | str:
        try:
            tf.io.decode_image(image, channels=self.channels, expand_animations=False)
        except Exception as error:
            return f"its picture: {why(error)}"
        return label
