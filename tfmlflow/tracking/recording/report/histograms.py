"""Histograms of weights and gradients every so many epochs, on request."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmlflow.data.pipeline import example
from tfmlflow.data.record import Split

log = logging.getLogger(__name__)

BINS = 40
EXAMPLES = 64  # whose loss the gradients are of
VARIABLES = 60  # at most; the first and the last ones
VALUES = 200_000  # of a variable, beyond which every so many are counted
FILE, FOLDER = "histograms.json", "histograms"


class Histograms(keras.callbacks.Callback):
    """Counts the values of each trainable variable, and of its gradient.

    Gradients are of the compiled loss on one fixed batch of training examples as they are in the file, with dropout
    off, so that the training goes on as it would have.

    Args:
        every: Epochs between two.
        split: The training examples.
        epoch: Gives the number of the last epoch, from 1.
        gradients: Whether this process alone can tell them.

    Attributes:
        taken: (epoch, counts `(BINS,)`, edges `(BINS + 1,)`) by kind (`weight`, `gradient`) and variable.
    """

    def __init__(self, every: int, split: Split, epoch: Callable[[], int], gradients: bool = True) -> None:
        super().__init__()
        self.taken: dict[tuple[str, str], list[tuple[int, NDArray[np.int64], NDArray[np.float64]]]] = {}
        self._every, self._split, self._epoch = every, split, epoch
        self._gradients = gradients and split.own is None  # batches of one's own are not begun once more
        self._batch: Any = None
        self._graph: Any = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes them if it is time."""
        number = self._epoch()
        if number % self._every:
            return
        try:
            chosen = _chosen(self.model.trainable_weights)
            self._take("weight", number, {one.path: np.asarray(one) for one in chosen})
        except Exception as error:
            log.warning("there are no histograms of weights: %s: %s", type(error).__name__, error)
            return
        if not self._gradients:
            return
        try:
            self._take("gradient", number, self._of_loss(chosen))
        except Exception as error:
            self._gradients = False
            log.warning("there are no histograms of gradients: %s: %s", type(error).__name__, error)

    def _take(self, kind: str, epoch: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        for name, array in arrays.items():
            values = array.reshape(-1)
            values = (values[:: -(-values.size // VALUES)] if values.size else values).astype(np.float64)
            values = values[np.isfinite(values)]
            counts, edges = np.histogram(values, BINS)
            self.taken.setdefault((kind, name), []).append((epoch, counts, edges))

    def _of_loss(self, chosen: list[Any]) -> dict[str, NDArray[Any]]:
        if self._batch is None:
            count = min(EXAMPLES, len(self._split))
            self._batch = (example(self._split, count), self._split.y[:count])
            self._graph = tf.function(self._gradients_of, autograph=False)
        found = self._graph(*self._batch)
        by_id = dict(zip(map(id, self.model.trainable_weights), found, strict=True))
        return {
            one.path: np.asarray(tf.convert_to_tensor(by_id[id(one)])) for one in chosen if by_id[id(one)] is not None
        }

    def _gradients_of(self, x: Any, y: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            loss = self.model.compute_loss(x=x, y=y, y_pred=self.model(x, training=False), training=False)
        weights = [one.value for one in self.model.trainable_weights]
        gradients: list[Any] = tape.gradient(loss, weights)
        return gradients

    def shown(self) -> list[dict[str, Any]]:
        """For the page: counts of all epochs in the same bins, by variable."""
        return [
            {"kind": kind, "name": name, **_together(several)}
            for (kind, name), several in self.taken.items()
            if any(counts.sum() for _, counts, _ in several)
        ]

    def text(self) -> str:
        """All of them, as JSON."""
        said: dict[str, dict[str, Any]] = {}
        for (kind, name), several in self.taken.items():
            said.setdefault(kind, {})[name] = [
                {"epoch": epoch, "counts": counts.tolist(), "edges": edges.tolist()} for epoch, counts, edges in several
            ]
        return json.dumps(said)


def _chosen(weights: list[Any]) -> list[Any]:
    return weights if len(weights) <= VARIABLES else [*weights[: VARIABLES // 2], *weights[-VARIABLES // 2 :]]


def _together(several: list[tuple[int, NDArray[np.int64], NDArray[np.float64]]], rows: int = 40) -> dict[str, Any]:
    """Histograms with bins of their own, as such with common ones: a bin's count is spread evenly over its width."""
    several = several[:: -(-len(several) // rows)]
    low, high = min(edges[0] for _, _, edges in several), max(edges[-1] for _, _, edges in several)
    common = np.linspace(low, high, BINS + 1)
    counted = [
        np.diff(np.interp(common, edges, np.concatenate([[0], np.cumsum(counts)]))).round(1).tolist()
        for _, counts, edges in several
    ]
    return {"epochs": [epoch for epoch, _, _ in several], "edges": common.tolist(), "rows": counted}
