"""Keras callback that takes a training from phase to phase."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from weakref import WeakKeyDictionary

import keras
from rich.console import Console

from tfmlflow.errors import UsageError
from tfmlflow.models.units import Unit, containers, units
from tfmlflow.trainer.phases.phase import Unfreezing, is_norm, require_meant
from tfmlflow.trainer.phases.rates import GroupRates


@dataclass(frozen=True)
class Phase:
    """What is trained from some epoch on.

    Attributes:
        number: From 1.
        epoch: With which it begins, from 1.
        layers: What begins to be trained, as it was given; empty of the first phase, unless something does.
        rates: Rate of each of these, times the optimizer's.
        trained, frozen: Weights that are and are not changed by the optimizer.
        norms: Layers of batch normalization that stay as they are among those that begin.
    """

    number: int
    epoch: int
    layers: tuple[str, ...]
    rates: tuple[float, ...]
    trained: int
    frozen: int
    norms: int = 0


_of: WeakKeyDictionary[keras.Model, Phases] = WeakKeyDictionary()


def phases(model: keras.Model) -> Phases | None:
    """Those of a model's training; None where it has but one."""
    return _of.get(model)


class Phases(keras.callbacks.Callback):
    """Lets layers be trained from their epoch on.

    The optimizer is built once, with what it keeps of every weight that is ever trained, so that nothing of it is lost
    from phase to phase; only those that are trained just now are given to it. Which phase it is follows from the epoch
    alone, so that a training that is gone on with is in the right one.

    Args:
        unfreezing: In the order of their epochs.

    Attributes:
        console: For a line at each begin; None: none.
        remake: Lets whoever takes the steps trace them anew.
        all: The phases, in their order; known after `begin`.
        now: The present one.
    """

    def __init__(self, unfreezing: Sequence[Unfreezing]) -> None:
        super().__init__()
        self._unfreezing = list(unfreezing)
        self.console: Console | None = None
        self.remake: Callable[[], None] = lambda: None
        self.all: list[Phase] = []
        self.now: Phase | None = None
        self._units: list[Unit] = []
        self._weights: dict[int, list[Any]] = {}  # that an optimizer may change, by the `id` of the layer

    def begin(self, model: keras.Model) -> None:
        """Take over a compiled model, whose optimizer is not built yet, under its strategy's scope.

        Raises:
            UsageError: Nothing is called as a pattern says, or nothing would be trained.
        """
        self._learn(model)
        epochs = sorted({1, *(one.epoch for one in self._unfreezing)})
        self._put(epochs[-1])
        variables = model.trainable_variables
        grouped = {identity for epoch in epochs for identity in self._factors(epoch)}
        self._rates = GroupRates(model.optimizer, variables, [one for one in variables if id(one) in grouped])
        model.optimizer.build(variables)
        for epoch in epochs:
            self._put(epoch)
            self.all.append(self._phase(epoch, _count(model.trainable_variables), model))
        _of[model] = self
        self._enter(self.all[0])

    def at(self, epoch: int) -> Phase:
        """The phase of an epoch, from 1."""
        return [phase for phase in self.all if phase.epoch <= epoch][-1]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begins the epoch's phase, if it is another."""
        phase = self.at(epoch + 1)
        if phase is not self.now:
            self._enter(phase)
            self.remake()
        if phase.epoch == epoch + 1 and self.console is not None:
            self.console.print(f"phase {phase.number} of {len(self.all)}: {said(phase)}", soft_wrap=True)

    def _learn(self, model: keras.Model) -> None:
        """Which layers there are; those that are frozen are from here on frozen one by one."""
        self._units = units(model)
        for container in containers(model):
            if not container.trainable:
                container.trainable = True
        for unit in self._units:
            if not unit.trains:
                unit.layer.trainable = True
            self._weights[id(unit.layer)] = unit.layer.trainable_variables
        require_meant(self._unfreezing, model)

    def _enter(self, phase: Phase) -> None:
        self._put(phase.epoch)
        self._rates.put(self._factors(phase.epoch))
        self.now = phase

    def _put(self, epoch: int) -> None:
        """Freeze what is not trained in an epoch. What was never frozen is left as it is."""
        begun = [one for one in self._unfreezing if one.epoch <= epoch]
        for unit in self._units:
            if not unit.trains:
                unit.layer.trainable = any(one.trains(unit.path, is_norm(unit.layer)) for one in begun)

    def _factors(self, epoch: int) -> dict[int, float]:
        """Rates other than the optimizer's in an epoch, by the `id` of the variable; later ones stand."""
        found: dict[int, float] = {}
        for one in self._unfreezing:
            for unit in self._units if one.epoch <= epoch else ():
                if one.has(unit.path):
                    found |= {id(variable): one.factor for variable in self._weights[id(unit.layer)]}
        return {identity: factor for identity, factor in found.items() if factor != 1.0}

    def _phase(self, epoch: int, trained: int, model: keras.Model) -> Phase:
        begun = [one for one in self._unfreezing if one.epoch == epoch]
        norms = sum(
            is_norm(unit.layer) and not unit.layer.trainable and any(one.has(unit.path) for one in begun)
            for unit in self._units
        )
        layers = tuple(layer for one in begun for layer in one.layers)
        rates = tuple(one.factor for one in begun for _ in one.layers)
        return Phase(len(self.all) + 1, epoch, layers, rates, trained, model.count_params() - trained, norms)


def phase_of(model: keras.Model) -> dict[str, Any] | None:
    """The present phase of a model's training, for a checkpoint: JSON."""
    known = phases(model)
    return None if known is None or known.now is None else _as_json(known.now)


def require_phase(model: keras.Model, epoch: int, phase: Any, where: str) -> None:
    """Refuse to go on from a checkpoint that was taken in other phases than the model's.

    Args:
        model: That goes on.
        epoch: After which the checkpoint was taken, from 1.
        phase: What `phase_of` has given then.
        where: Names the checkpoint.

    Raises:
        UsageError: They are others.
    """
    known = phases(model)
    mine = None if known is None else _as_json(known.at(epoch))
    if mine != phase:
        raise UsageError(
            f"{where}: was taken in the phase {phase}, trainer.unfreeze makes it {mine}; go on with the same command"
        )


def _as_json(phase: Phase) -> dict[str, Any]:
    return asdict(phase) | {"layers": list(phase.layers), "rates": list(phase.rates)}


def said(phase: Phase) -> str:
    """What a phase is, in words."""
    groups = [
        name if rate == 1.0 else f"{name} at {rate:.4g} of the learning rate"
        for name, rate in zip(phase.layers, phase.rates, strict=True)
    ]
    begins = f"{', '.join(groups)} from epoch {phase.epoch}; " if groups else ""
    kept = f"; {phase.norms} layers of batch normalization stay as they are" if phase.norms else ""
    return f"{begins}{phase.trained:,} of {phase.trained + phase.frozen:,} parameters are trained{kept}"


def _count(variables: Sequence[Any]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)
