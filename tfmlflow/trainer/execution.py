"""How a step is run: how many in one call into the graph, and whether compiled by XLA."""

from __future__ import annotations

import math
from typing import Any

import keras

from tfmlflow.models.units import units

MOST_STEPS = 50  # beyond this Python's share is no longer measurable
GROUP_SECONDS = 0.5  # a group should end soon: progress, signals and batch metrics wait for it
OPERATIONS_PER_SECOND = 2e10  # what a small CPU does; only the order of magnitude matters
WORTH_COMPILING = 2000  # steps; XLA takes a second or two to compile
DENSE_ONLY = (
    keras.layers.InputLayer,
    keras.layers.Dense,
    keras.layers.Flatten,
    keras.layers.Activation,
    keras.layers.Dropout,
    keras.layers.BatchNormalization,
)


def steps_per_execution(wanted: int | str, model: keras.Model, batch_size: int, steps: int, allowed: bool) -> int:
    """Steps in one call into the graph.

    Args:
        wanted: A number, or auto: as many as should take half a second, at most 50.
        model: Decides what a step costs.
        batch_size: Examples a step.
        steps: Steps an epoch, which a group does not exceed.
        allowed: Whether the strategy can group steps.
    """
    if not allowed:
        return 1
    if wanted != "auto":
        return min(int(wanted), steps)
    seconds = 6 * batch_size * multiplications(model) / OPERATIONS_PER_SECOND
    return max(1, min(MOST_STEPS, steps, int(GROUP_SECONDS / max(seconds, 1e-9))))


def jit_compile(wanted: bool | str, model: keras.Model, steps: int, replicas: int) -> bool:
    """Whether XLA compiles the step; auto: models of dense layers in runs long enough to be worth it."""
    if wanted != "auto":
        return bool(wanted)
    dense = all(isinstance(layer, DENSE_ONLY) for layer in model.layers)
    return dense and replicas == 1 and steps >= WORTH_COMPILING


def multiplications(model: keras.Model) -> float:
    """Roughly the multiplications of one example's forward pass: parameters times the positions they work at."""
    total = 0.0
    for layer in (unit.layer for unit in units(model)):
        if isinstance(layer, keras.layers.Embedding):  # looked up, not multiplied
            continue
        shape: Any = getattr(getattr(layer, "output", None), "shape", None) or ()
        positions = math.prod(size or 1 for size in shape[1:-1])
        if isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional):
            positions = getattr(layer.input, "shape", (0, 1))[1] or 1
        total += layer.count_params() * max(1, positions)
    return total
