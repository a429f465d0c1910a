"""A word of the chief's, for all workers, whether they say the same, and a number of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfmlflow.hardware.runtime import Runtime

LONGEST = 512  # bytes


def broadcast(runtime: Runtime, text: str) -> str:
    """What the chief's `text` is; all workers must ask at the same point of the program."""
    if runtime.workers == 1:
        return text
    said = np.zeros(LONGEST, np.int32)
    if runtime.chief:
        content = np.frombuffer(text.encode()[:LONGEST], np.uint8)
        said[: len(content)] = content
    return bytes(_sum(runtime, said).astype(np.uint8)).rstrip(b"\0").decode(errors="ignore")


def others(runtime: Runtime, text: str) -> list[int]:
    """Numbers of the workers whose `text` is not the chief's; all must ask at the same point of the program.

    An empty one differs from none.
    """
    if runtime.workers == 1:
        return []
    mine = np.zeros(runtime.workers, np.int32)
    said = broadcast(runtime, text)
    mine[runtime.worker] = bool(said and text) and said != text
    return [int(number) for number in np.flatnonzero(_sum(runtime, mine))]


def gathered(runtime: Runtime, number: int) -> list[int]:
    """The `number` of each worker, in their order; all must ask at the same point of the program."""
    if runtime.workers == 1:
        return [number]
    mine = np.zeros(runtime.workers, np.int32)
    mine[runtime.worker] = number
    return [int(one) for one in _sum(runtime, mine)]


def _sum(runtime: Runtime, mine: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Of what each worker has."""
    strategy = runtime.strategy

    def together() -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(lambda: tf.constant(mine)), axis=None)

    total: np.ndarray[Any, Any] = tf.function(together, autograph=False)().numpy()
    return total
