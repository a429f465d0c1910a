"""What is read, and was left beside the checkpoints, for a process that goes on with the training."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import keras

from tfmlflow import whole_file
from tfmlflow.tracking.checkpoints import checkpoint
from tfmlflow.tracking.run import checkpoint_index
from tfmlflow.tracking.run.checkpoint_index import Entry
from tfmlflow.trainer.callbacks.going_on import Before
from tfmlflow.vocabulary import Tag

log = logging.getLogger(__name__)

BEST = "best.json"  # the best epoch up to now: its number, its objective and its metrics


def leave(folder: Path, epoch: int, value: float, logs: Mapping[str, float]) -> None:
    """Leave word of the best epoch up to now."""
    whole_file.write(folder / BEST, json.dumps({"epoch": epoch, "value": value, "logs": dict(logs)}), mode=0o666)


def entries(folder: Path, began: float) -> list[Entry]:
    """The checkpoints that are in a folder, of a training that was begun at a moment, seconds since 1970."""
    index = folder / checkpoint_index.FILE
    if not whole_file.since(index, began):
        return []
    known = checkpoint_index.known({Tag.CHECKPOINTS: index.read_text(encoding="utf-8")}, lambda path: None)
    return [entry for entry in known if (folder / entry.file).is_file()]


def restore(folder: Path, began: float, steps: int, model: keras.Model) -> Before | None:
    """Put the last whole epoch's checkpoint into a compiled model.

    Args:
        folder: Of the checkpoints.
        began: When the training was begun that has left them, seconds since 1970; older ones are of others.
        steps: Of an epoch.
        model: Of the same make.
    """
    whole = [entry for entry in entries(folder, began) if entry.step == entry.epoch * steps]
    if not whole:
        return None
    said, best, weights = whole_file.read(folder / BEST), None, list[object]()
    if isinstance(said.get("epoch"), int) and whole_file.since(folder / BEST, began):
        best = next((entry for entry in whole if entry.epoch == said["epoch"]), None)
    if best is not None:
        checkpoint.restore(folder / best.file, model)
        weights = model.get_weights()
    last = max(whole, key=lambda entry: entry.step)
    checkpoint.restore(folder / last.file, model)
    log.warning("going on after epoch %d, from %s", last.epoch, folder / last.file)
    if best is None:
        return Before(last.epoch)
    return Before(last.epoch, best.epoch, said["value"], said["logs"], weights)
