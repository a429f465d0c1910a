"""The checkpoints that a process reads which goes on with the training."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import keras

from tfmlflow import whole_file
from tfmlflow.objective import Objective
from tfmlflow.tracking.checkpoints import checkpoint
from tfmlflow.tracking.checkpoints.checkpoints import EPOCHS, PHASE
from tfmlflow.tracking.run import checkpoint_index
from tfmlflow.tracking.run.checkpoint_index import Entry
from tfmlflow.trainer.callbacks.average import averages
from tfmlflow.trainer.callbacks.best import Before
from tfmlflow.trainer.phases.phases import require_phase
from tfmlflow.vocabulary import Tag

log = logging.getLogger(__name__)


def place(folder: Path, worker: int = 0) -> Path:
    """Where the chief's checkpoints are; the folders of other workers are within its own."""
    return (folder if worker == 0 else folder.parent) / checkpoint_index.FOLDER


def entries(folder: Path, began: float) -> list[Entry]:
    """The checkpoints that are in a folder, of a training that was begun at a moment, seconds since 1970."""
    index = folder / checkpoint_index.FILE
    if not whole_file.since(index, began):
        return []
    known = checkpoint_index.known({Tag.CHECKPOINTS: index.read_text(encoding="utf-8")}, lambda path: None)
    return [entry for entry in known if (folder / entry.file).is_file()]


def restore(folder: Path, began: float, steps: int, objective: Objective, model: keras.Model) -> Before | None:
    """Put the last whole epoch's checkpoint into a compiled model.

    Args:
        folder: Of the checkpoints.
        began: When the training was begun that has left them, seconds since 1970; older ones are of others.
        steps: Of an epoch.
        objective: Decides which of those that are kept as good is the best.
        model: Of the same make.
    """
    whole = [entry for entry in entries(folder, began) if entry.step == entry.epoch * steps]
    if not whole:
        log.warning("there is no whole epoch to go on after: the training begins anew")
        return None
    last = max(whole, key=lambda entry: entry.step)
    best = _best(whole, objective)
    weights = None
    if best is not None:
        checkpoint.restore(folder / best.file, model)
        for weight, average in averages(model.optimizer):  # the file has those that training goes on with
            weight.assign(average)
        weights = model.get_weights()
    about = checkpoint.restore(folder / last.file, model)
    require_phase(model, last.epoch, about.get(PHASE), f"{folder / last.file}")
    log.warning("going on after epoch %d, from %s", last.epoch, folder / last.file)
    epochs = about.get(EPOCHS, [])
    if best is None or weights is None:
        log.warning("which epoch was the best up to there is not known (tracking.keep_best): later ones alone compete")
        return Before(last.epoch, last.step, epochs)
    return Before(last.epoch, last.step, epochs, best.epoch, best.objective, weights)


def _best(known: Sequence[Entry], objective: Objective) -> Entry | None:
    """The best epoch's, of equals the first one's; None where none was kept for that."""
    good = [entry for entry in known if "best" in entry.roles]
    return min(good, key=lambda entry: (objective.order(entry.objective), entry.step), default=None)
