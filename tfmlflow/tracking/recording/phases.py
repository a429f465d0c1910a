"""The phases of a training, in its run: which epoch was in which, and what each has trained."""

from __future__ import annotations

import keras

from tfmlflow.tracking.run.session import Session
from tfmlflow.trainer.phases.phases import phases
from tfmlflow.vocabulary import Metric


def record(session: Session, model: keras.Model, epoch: int) -> None:
    """Record the phase of an epoch, from 1; of a training in phases, else nothing.

    With a phase's first epoch come params: `phase.2.epoch`, `phase.2.layers`, `phase.2.learning_rate_factor`,
    `phase.2.trained_parameters`, `phase.2.frozen_parameters`.
    """
    known = phases(model)
    if known is None:
        return
    phase = known.at(epoch)
    session.metric(Metric.PHASE, float(phase.number), epoch)
    session.metric(Metric.TRAINED, float(phase.trained), epoch)
    if epoch == phase.epoch:
        said: dict[str, int | str] = {
            "epoch": phase.epoch,
            "trained_parameters": phase.trained,
            "frozen_parameters": phase.frozen,
        }
        if phase.layers:
            rates = ", ".join(f"{rate:.6g}" for rate in phase.rates)
            said |= {"layers": ", ".join(phase.layers), "learning_rate_factor": rates}
        if phase.norms:
            said["frozen_batch_norm_layers"] = phase.norms
        session.params({f"phase.{phase.number}.{key}": value for key, value in said.items()})


def marks(model: keras.Model, epochs: int) -> dict[int, str]:
    """What curves are marked with, by the epoch with which a further phase has begun.

    Args:
        model: That was trained.
        epochs: That it was trained for.
    """
    known = phases(model)
    later = known.all[1:] if known is not None else []
    return {phase.epoch: f"phase {phase.number}: {', '.join(phase.layers)}" for phase in later if phase.epoch <= epochs}
