"""What a model says of held-out examples, one by one: as many as time and memory allow."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmlflow.data.inputs import each
from tfmlflow.data.pipeline import chosen_batches
from tfmlflow.data.record import Split

EXAMPLES, NUMBERS = 50_000, 10_000_000  # most examples, and most numbers that they are given
BATCH = 256
INPUTS = 4_000_000  # numbers of a batch, at most


class Unpredictable(ValueError):
    """A model does not give one row of numbers for each example."""


@dataclass(frozen=True)
class Outputs:
    """What was given of examples that were drawn without order, so that they stand for all.

    Attributes:
        places: Theirs in the split, int64 `(n,)`.
        targets: As in the split, `(n, ...)`.
        given: The model's outputs, float32 `(n, outputs)`.
        of: How many examples the split has.
        late: Whether the time was over before all that were wanted.
    """

    places: NDArray[np.int64]
    targets: NDArray[Any]
    given: NDArray[np.float32]
    of: int
    late: bool = False


class Forward:
    """A model's outputs in the graph, traced once for batches of any size.

    Args:
        model: Built. Dropout and the like are off.

    Attributes:
        batch: Examples that it is asked for at once, fewer where they are large.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self.batch = _batch(model)
        self._run = self._graph(False)
        self._converted = False

    def __call__(self, x: Any) -> NDArray[np.float32]:
        """Outputs of a batch, float32 `(batch, outputs)`.

        Raises:
            Unpredictable: There are several, or they are of another shape.
        """
        try:
            said = self._run(x)
        except tf.errors.ResourceExhaustedError:
            raise
        except Exception:
            if self._converted:
                raise
            self._run, self._converted = self._graph(True), True  # a layer of one's own may look at tensors
            said = self._run(x)
        if not tf.is_tensor(said):
            raise Unpredictable(f"the model gives a {type(said).__name__} of outputs")
        rows = np.asarray(said)
        if rows.ndim not in (1, 2) or rows.dtype.kind not in "fiu":
            raise Unpredictable(f"the model gives {rows.dtype} of the shape {rows.shape[1:]} for an example")
        return rows.reshape(len(rows), -1).astype(np.float32)

    def _graph(self, autograph: bool) -> Any:
        # Of functions with one code TensorFlow counts how often they are traced, and warns of the fifth model.
        asked = functools.partial(self._model, training=False)
        return tf.function(asked, reduce_retracing=True, autograph=autograph)


def predict(forward: Forward, split: Split, seconds: float, most: int = EXAMPLES, outputs: int = 1) -> Outputs:
    """What a model says of examples of a split, drawn by chance where they are not all.

    Args:
        forward: The model.
        split: Of the examples. Of one with batches of its own the first ones are taken.
        seconds: After which no further batch is begun.
        most: Examples.
        outputs: Of the model, about; very many mean fewer examples.

    Raises:
        Unpredictable: The model gives something else.
    """
    until = time.monotonic() + seconds
    wanted = max(BATCH, min(most, NUMBERS // max(1, outputs)))
    places, targets, given, late = list[NDArray[np.int64]](), list[Any](), list[Any](), False
    for some, x, y in _batches(split, wanted, forward.batch):
        if given and time.monotonic() > until:
            late = True
            break
        given.append(forward(x))
        places.append(some)
        targets.append(np.asarray(y))
    return Outputs(np.concatenate(places), np.concatenate(targets), np.concatenate(given), len(split), late)


def _batch(model: keras.Model) -> int:
    inputs = getattr(model, "inputs", None) or ()
    numbers = sum(int(np.prod([size or 1 for size in one.shape[1:]])) for one in inputs)
    return max(1, min(BATCH, INPUTS // max(1, numbers)))


def _batches(split: Split, most: int, size: int) -> Iterator[tuple[NDArray[np.int64], Any, Any]]:
    """Places, examples as the model sees them, and targets."""
    if split.own is not None:
        begin = 0
        for batch in split.own():
            count = len(tf.nest.flatten(batch[1])[0])
            yield np.arange(begin, begin + count), batch[0], batch[1]
            begin += count
            if begin >= most:
                return
        return
    order = np.random.default_rng(0).permutation(len(split))[:most]
    for begin, batch in enumerate(chosen_batches(split, order, size)):
        some = order[begin * size : (begin + 1) * size]
        yield some, batch[0], split.y[some]


def examples(split: Split, places: NDArray[np.int64]) -> Any:
    """Examples of a split as the model sees them, `(n, *input_shape)`, or several inputs by name."""
    return each(next(iter(chosen_batches(split, places, len(places))))[0], np.asarray)
