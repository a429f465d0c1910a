"""Magnitude pruning while a model is trained on (Zhu and Gupta 2017, arXiv:1710.01878)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from tfmlflow.compress import masks, shrinking
from tfmlflow.compress.kernels import Kernel, chosen
from tfmlflow.compress.work import Refused, Work

RECURRENT = ("recurrent_kernel", "depthwise_kernel", "embeddings")  # whose last axis is not of units


def prune(
    model: keras.Model,
    work: Work,
    sparsity: float = 0.8,
    schedule: str = "polynomial",
    initial_sparsity: float = 0.0,
    begin: float = 0.0,
    end: float = 0.5,
    frequency: int = 10,
    structure: str | None = None,
    layers: Sequence[str] | None = None,
    skip: Sequence[str] = (),
    shrink: bool = True,
    epochs: int = 5,
    learning_rate: float = 1e-3,
) -> keras.Model:
    """Set the smallest weights to zero and keep them there, while the others learn to do without.

    Args:
        model: Is changed.
        work: Trains it.
        sparsity: Share of zeros in each kernel at the end; of `2:4` the structure says it.
        schedule: `polynomial`: from `initial_sparsity` with a third power, fast at first. `constant`: at once.
        initial_sparsity: Where a polynomial begins.
        begin, end: Shares of the training between which the sparsity rises; best weights are those of a later epoch.
        frequency: Steps between two choices of what is zero.
        structure: As of `masks.mask`.
        layers, skip: Patterns of names, as of `chosen`.
        shrink: Take units away that are zero, where what follows them is known to allow it.
        epochs: To train for; 0: prune at once, and train no more.
        learning_rate: Of the optimizer.

    Returns:
        The model with zeros, or with `structure=units` and `shrink` a smaller one.

    Raises:
        Refused: The model has nothing to prune, or a pattern names nothing.
    """
    kernels = chosen(model, layers, skip)
    if structure == "units":
        kernels = _of_units(model, kernels, keep_last=layers is None)
    if structure not in (None, "units"):
        kept, of = masks.several(structure)
        sparsity = initial_sparsity = 1 - kept / of
    rises = schedule == "polynomial" and structure in (None, "units")
    total = work.steps * epochs
    first, last = (begin * total, max(begin, end) * total) if rises else (begin * total, begin * total)
    follow = shrinking.followers(model) if structure == "units" else {}
    pruned = [Pruned(kernel, masks.mask(structure), follow.get(id(kernel.layer), ())) for kernel in kernels]

    def wanted(step: float) -> float:
        if step < first:
            return 0.0
        return polynomial(step, sparsity, initial_sparsity if rises else sparsity, first, last)

    try:
        if epochs:
            callback = Pruning(pruned, wanted, work.steps, last, frequency)
            work.fit(model, callbacks=[callback], epochs=epochs, learning_rate=learning_rate, group=frequency)
        for one in pruned:
            one.to(sparsity)
    finally:
        for one in pruned:
            one.release()
    return shrinking.shrunk(model) if structure == "units" and shrink else model


def polynomial(step: float, final: float, initial: float, begin: float, end: float) -> float:
    """Sparsity at a step: rises from `initial` to `final` between `begin` and `end`, with a third power."""
    if step >= end or end <= begin:
        return final
    return final + (initial - final) * (1 - (step - begin) / (end - begin)) ** 3


class Pruned:
    """A kernel whose smallest weights stay zero, whoever updates it.

    Args:
        kernel: Its variable gets a constraint, which optimizers apply after each update, in the graph.
        mask: What prunes it.
        beside: Variables of its units alone, `(units,)`, that are zero where the unit is.
    """

    def __init__(self, kernel: Kernel, mask: masks.Mask, beside: Sequence[Any] = ()) -> None:
        self._mask_of = mask
        self._kept = [Constrained(variable) for variable in (kernel.variable, *beside)]

    def to(self, share: float) -> None:
        """Choose anew what is zero."""
        kernel, *beside = self._kept
        values = keras.ops.convert_to_numpy(kernel.variable)
        mask = self._mask_of(values, share)
        kernel.apply(mask)
        for one in beside:
            one.apply(mask.reshape(-1, mask.shape[-1])[0])

    def release(self) -> None:
        """From now on everything may change again."""
        for one in self._kept:
            one.release()


class Constrained:
    """A variable with a mask."""

    def __init__(self, variable: Any) -> None:
        self.variable, self._before = variable, variable.constraint
        self._mask = keras.Variable(keras.ops.ones(variable.shape, variable.dtype), trainable=False)
        variable.constraint = self._constrain

    def _constrain(self, value: Any) -> Any:
        value = value if self._before is None else self._before(value)
        return value * self._mask

    def apply(self, mask: Any) -> None:
        """What is 0 in `mask` is 0 from now on."""
        self._mask.assign(mask)
        self.variable.assign(self.variable * self._mask)

    def release(self) -> None:
        """Without it again."""
        self.variable.constraint = self._before


class Pruning(keras.callbacks.Callback):
    """Chooses what is zero every few steps; no epoch is the best before the last sparsity is reached.

    Args:
        pruned: Kernels.
        wanted: From a step to a sparsity.
        steps: An epoch.
        last: Step from which the sparsity is the last one.
        every: Steps between two choices.

    Attributes:
        kept_best: What keeps the best epoch's weights; set by whoever trains.
    """

    def __init__(
        self, pruned: Sequence[Pruned], wanted: Callable[[float], float], steps: int, last: float, every: int
    ) -> None:
        super().__init__()
        self._pruned, self._wanted, self._steps, self._last, self._every = pruned, wanted, steps, last, every
        self._epoch, self._at, self._share = 0, 0, -1.0
        self.kept_best: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """The first choice."""
        self._choose(0)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Forgets a best epoch that had fewer zeros."""
        self._epoch = epoch
        if self.kept_best is not None and epoch * self._steps < self._last:
            self.kept_best.epoch = self.kept_best.value = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Chooses anew, if it is time."""
        step = self._epoch * self._steps + batch + 1
        if step - self._at >= self._every or batch + 1 == self._steps:
            self._choose(step)

    def _choose(self, step: int) -> None:
        share = self._wanted(step)
        if share != self._share:
            for one in self._pruned:
                one.to(share)
            self._share, self._at = share, step


def _of_units(model: keras.Model, kernels: Sequence[Kernel], keep_last: bool) -> list[Kernel]:
    """Without those that have no units of their own, and without the outputs of the model."""
    last = {id(layer) for layer in shrinking.last_layers(model)} if keep_last else set()
    found = [
        one
        for one in kernels
        if isinstance(one.layer, keras.layers.Dense | keras.layers.Conv1D | keras.layers.Conv2D | keras.layers.Conv3D)
        and one.path.rsplit("/", 1)[-1] not in RECURRENT
        and id(one.layer) not in last
    ]
    if not found:
        raise Refused(f"{model.name}: has no units to prune besides its outputs; leave compress.structure=units away")
    return found
