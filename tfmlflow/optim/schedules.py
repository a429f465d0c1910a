"""Learning-rate schedules whose lengths are shares of the run, not numbers of steps that somebody must recompute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True)
class Run:
    """What a schedule has to know of the run.

    Attributes:
        learning_rate: The optimizer's, at full height.
        steps_per_epoch: Optimizer steps an epoch.
        epochs: Epochs the run is planned for.
        monitor, mode: The objective in Keras's terms (`val_loss`, `min`).
    """

    learning_rate: float
    steps_per_epoch: int
    epochs: int
    monitor: str = "val_loss"
    mode: str = "min"

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.steps_per_epoch * self.epochs


@dataclass(frozen=True)
class Schedule:
    """What to give to the optimizer, and what must watch the training."""

    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule
    callbacks: tuple[keras.callbacks.Callback, ...] = ()


def constant(run: Run) -> Schedule:
    """The same learning rate at every step; `run` has it."""
    return Schedule(run.learning_rate)


def exponential(run: Run, decay_rate: float = 0.9, decay_epochs: float = 1, staircase: bool = False) -> Schedule:
    """`learning_rate * decay_rate ** (epoch / decay_epochs)`.

    Args:
        run: What is known of the training.
        decay_rate: Factor after `decay_epochs`, in (0, 1) to fall.
        decay_epochs: Epochs, whole or not.
        staircase: In whole powers, a step every `decay_epochs`.
    """
    steps = max(1, round(run.steps_per_epoch * decay_epochs))
    return Schedule(
        keras.optimizers.schedules.ExponentialDecay(run.learning_rate, steps, decay_rate, staircase=staircase)
    )


def step(run: Run, milestones: Sequence[float] = (0.5, 0.75), factor: float = 0.1) -> Schedule:
    """Multiplied by `factor` after each of `milestones`.

    Args:
        run: What is known of the training.
        milestones: Shares of the run, each in (0, 1).
        factor: In (0, 1).
    """
    boundaries = [
        max(1, round(share * run.steps)) - 1 for share in sorted(milestones)
    ]  # the last step with the old rate
    values = [run.learning_rate * factor**i for i in range(len(boundaries) + 1)]
    return Schedule(keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values))


def cosine(run: Run, final: float = 0.0) -> Schedule:
    """Half a cosine, from the optimizer's learning rate to `final` times that at the last step.

    Loshchilov and Hutter, SGDR, arXiv:1608.03983, without restarts.

    Args:
        run: What is known of the training.
        final: Share of the learning rate at the end, in [0, 1].

    Example:
        >>> schedule = cosine(Run(0.1, steps_per_epoch=10, epochs=2, monitor="val_loss", mode="min"))
        >>> [round(float(schedule.learning_rate(step)), 3) for step in (0, 10, 20)]
        [0.1, 0.05, 0.0]
    """
    return Schedule(keras.optimizers.schedules.CosineDecay(run.learning_rate, run.steps, alpha=final))


def warmup_cosine(run: Run, warmup: float = 0.1, final: float = 0.0) -> Schedule:
    """A linear rise from 0, then `cosine` over the rest.

    Args:
        run: What is known of the training.
        warmup: Share of the run that the rise takes, in [0, 1).
        final: Share of the learning rate at the end, in [0, 1].
    """
    rise = max(1, round(run.steps * warmup))
    return Schedule(
        keras.optimizers.schedules.CosineDecay(
            0.0, max(1, run.steps - rise), alpha=final, warmup_target=run.learning_rate, warmup_steps=rise
        )
    )


def plateau(
    run: Run,
    factor: float = 0.5,
    patience: int = 3,
    min_delta: float = 1e-4,
    cooldown: int = 0,
    min_learning_rate: float = 0.0,
) -> Schedule:
    """Multiplied by `factor` when the objective has not improved, as `keras.callbacks.ReduceLROnPlateau` does it.

    Args:
        run: What is known of the training, the objective among it.
        factor: In (0, 1).
        patience: Epochs without an improvement.
        min_delta: Smallest change of the objective that is one.
        cooldown: Epochs after a reduction in which none follows.
        min_learning_rate: Where it ends.
    """
    watch = keras.callbacks.ReduceLROnPlateau(
        monitor=run.monitor,
        mode=run.mode,
        factor=factor,
        patience=patience,
        min_delta=min_delta,
        cooldown=cooldown,
        min_lr=min_learning_rate,
    )
    return Schedule(run.learning_rate, (watch,))


def by_epoch(run: Run, function: Callable[[int, float], Any]) -> Schedule:
    """A function of your own, asked at each epoch's begin.

    Args:
        run: What is known of the training.
        function: `function(epoch from 0, learning rate so far)` gives the learning rate of that epoch.
    """
    return Schedule(run.learning_rate, (keras.callbacks.LearningRateScheduler(lambda e, lr: float(function(e, lr))),))
