"""Which checkpoints of a training there are: written in the background, the last and the best of them kept."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from tfmlflow import whole_file
from tfmlflow.objective import Objective
from tfmlflow.tracking.checkpoints import checkpoint
from tfmlflow.tracking.checkpoints.policy import CheckpointPolicy
from tfmlflow.tracking.run import checkpoint_index
from tfmlflow.tracking.run.checkpoint_index import FILE, FOLDER, Entry
from tfmlflow.tracking.run.session import Session
from tfmlflow.trainer.phases.phases import phase_of

log = logging.getLogger(__name__)

PHASE = "phase"  # and of the phase in which it was taken: its number, its first epoch, what it trains
EPOCHS = "epochs"  # what a checkpoint's file tells of the epochs up to it: their metrics


class Checkpoints:
    """Takes checkpoints of a model, and keeps the last and the best of them here and in the store.

    The training thread copies the variables; a thread writes them to the disk, from where the shipper takes them.

    Args:
        session: The run.
        objective: Decides which are the best.
        policy: Which are taken and kept.
        known: Those that are in the run already; kept up to date.
    """

    def __init__(
        self,
        session: Session,
        objective: Objective,
        policy: CheckpointPolicy,
        known: list[Entry] | None = None,
    ) -> None:
        self._session, self._objective, self._every = session, objective, policy.every
        self._keep_last, self._keep_best = policy.last, policy.best
        self._folder, self._stays = policy.folder or session.staging / FOLDER, policy.folder is not None
        self._entries = known if known is not None else []
        self._written: set[str] = set()
        self._taken_at, self._taken_step = time.monotonic(), max((entry.step for entry in self._entries), default=0)
        self._pending: list[tuple[Entry, dict[str, Any], Mapping[str, Any]]] = []
        self._changed = threading.Condition()  # guards what is written, waiting and at work
        self._thread: threading.Thread | None = None

    def due(self, step: int) -> bool:
        """Whether it is time for one within the epoch, after the global step `step`."""
        every = self._every
        if every is None or every.unit == "epoch":
            return False
        if every.unit == "step":
            return step // every.every > self._taken_step // every.every
        return time.monotonic() - self._taken_at >= 60 * every.every

    def after_steps(self, model: keras.Model, epoch: int, step: int) -> None:
        """Take one within the epoch."""
        self._take(model, Entry(self._name(step), epoch, step))

    def after_epoch(
        self, model: keras.Model, epoch: int, step: int, value: float | None, logs: Sequence[Mapping[str, float]] = ()
    ) -> None:
        """An epoch is over, of which the objective is `value`; take a checkpoint if it is time, or a good one.

        Args:
            model, epoch, step, value: Its state, and what it has reached.
            logs: Metrics of all epochs up to it, which go into the file.
        """
        if self._every is None:
            return
        due = self._every.unit == "epoch" and epoch % self._every.every == 0
        entry = Entry(self._name(step), epoch, step, value if self._keep_best else None)
        with self._changed:
            good = self._is_good(entry)
        if due or good:
            self._take(model, entry, _about(model, logs))

    def save_now(self, model: keras.Model, epoch: int, step: int, logs: Sequence[Mapping[str, float]] = ()) -> None:
        """Take one and wait until it is on the disk: the process is about to leave."""
        if self._every is None:
            return
        self.finish()
        if not any(entry.step == step for entry in self._entries):
            entry = Entry(self._name(step), epoch, step)
            self._write(entry, checkpoint.snapshot(model), _about(model, logs))

    def finish(self) -> None:
        """Wait until all are on the disk."""
        with self._changed:
            self._changed.wait_for(lambda: self._thread is None)

    @property
    def _mode_max(self) -> bool:
        return self._objective.mode == "max"

    @staticmethod
    def _name(step: int) -> str:
        return f"step-{step:08d}.npz"

    def _take(self, model: keras.Model, entry: Entry, about: Mapping[str, Any] | None = None) -> None:
        self._taken_at, self._taken_step = time.monotonic(), entry.step
        taken = (entry, checkpoint.snapshot(model), about or {})
        with self._changed:  # where the disk is slower than the training, a newer one replaces what still waits
            self._pending = [other for other in self._pending if self._is_good(other[0])] + [taken]
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="tfmlflow-checkpoints", daemon=True)
                self._thread.start()

    def _is_good(self, entry: Entry) -> bool:
        """Whether it is among the best, written or waiting, so that no newer one replaces it."""
        others = [*self._entries, *(waiting for waiting, *_ in self._pending if waiting is not entry)]
        better = [o for o in others if o.objective is not None and self._beats(o.objective, entry.objective)]
        return entry.objective is not None and len(better) < self._keep_best

    def _beats(self, value: float, than: float | None) -> bool:
        return than is None or value == than or self._objective.better(value, than)

    def _work(self) -> None:
        """Write what waits, and end: a thread that waited for more would keep a copy of the model."""
        while True:
            with self._changed:
                if not self._pending:
                    self._thread = None
                    self._changed.notify_all()
                    return
                taken = self._pending.pop(0)
            try:
                self._write(*taken)
            except Exception as error:
                log.warning("the checkpoint %s cannot be written: %s: %s", taken[0].file, type(error).__name__, error)

    def _write(self, entry: Entry, arrays: dict[str, Any], about: Mapping[str, Any]) -> None:
        try:
            file = checkpoint.write(self._folder / entry.file, arrays, {**asdict(entry), **about})
            entry.sha256 = _sha256(file)
            self._written.add(entry.file)
            with self._changed:
                self._entries[:] = [*(other for other in self._entries if other.file != entry.file), entry]
                gone = self._choose()
            known = checkpoint_index.text(self._entries, indent=1)
            if self._stays:
                whole_file.write(self._folder / FILE, known, mode=0o666)
            # One file each time: an older index must not be sent with what a newer one says.
            index = whole_file.write(self._session.staging / FOLDER / f"index-{entry.step}" / FILE, known)
        except OSError as error:
            self._session.disk_trouble(error, f"checkpoints in {self._folder}")
            return
        self._session.artifact(file, FOLDER, keep=self._stays)
        self._session.artifact(index, FOLDER)
        self._session.tags(checkpoint_index.as_tag(self._entries))
        for entry in gone:
            self._session.withdraw(entry.file, FOLDER)
        if gone and self._session.flush() and self._stays:  # not before it is on the disk that there is a newer one
            for entry in gone:
                self._delete(entry)

    def _delete(self, entry: Entry) -> None:
        """Delete a file of ours: of one that only the store names, the content must be what the store says."""
        file = self._folder / entry.file
        if entry.file in self._written or (file.is_file() and _sha256(file) == entry.sha256):
            file.unlink(missing_ok=True)

    def _choose(self) -> list[Entry]:
        """Give the roles; returns those that have none any more."""
        known = [entry for entry in self._entries if entry.objective is not None]
        known.sort(key=lambda entry: entry.objective or 0.0, reverse=self._mode_max)
        last = sorted(self._entries, key=lambda entry: entry.step)[-self._keep_last :] if self._keep_last else []
        for entry in self._entries:
            entry.roles = ["last"] * (entry in last) + ["best"] * (entry in known[: self._keep_best])
        gone = [entry for entry in self._entries if not entry.roles]
        self._entries[:] = [entry for entry in self._entries if entry.roles]
        return gone


def _about(model: keras.Model, logs: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    phase = {PHASE: trained} if (trained := phase_of(model)) is not None else {}
    return {EPOCHS: [dict(each) for each in logs]} | phase


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
