"""What can be said of a run: metrics, params, tags, files, data and models, made legal and without secrets."""

from __future__ import annotations

import contextlib
import logging
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmlflow.masking import MASK, masked, masked_text, secrets_in
from tfmlflow.tracking.journal.records import (
    Artifact,
    Dataset,
    Missing,
    Model,
    Params,
    Points,
    Registration,
    Tags,
    Withdrawn,
    as_param,
)
from tfmlflow.tracking.run.outbox import Outbox
from tfmlflow.tracking.store import names

log = logging.getLogger(__name__)


class RunLog:
    """Says things of one run; none of it waits for anything, none of it fails.

    Args:
        outbox: Takes what is said.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox, self._put = outbox, outbox.put
        self._secrets: set[str] = set()
        self._params: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._clock = time.time() - time.monotonic()  # so that a clock that is set back does not move what is said

    @property
    def staging(self) -> Path:
        """A folder for files on their way."""
        return self._outbox.files

    def now(self) -> float:
        """Seconds since 1970, by a clock that nobody sets."""
        return self._clock + time.monotonic()

    def _legal(self, name: str) -> str:
        """A name that MLflow takes, and that no other name was turned into."""
        legal = names.legal(name)
        for number in range(2, 1000):
            if self._names.setdefault(names.alike(legal), name) == name:
                break
            legal = names.numbered(names.legal(name), number)
        return legal

    def metric(self, key: str, value: float, step: int, at: float | None = None) -> None:
        """One point; `at` in seconds since 1970, now if not given."""
        self.series(key, [step], [at or self.now()], [value])

    def metrics(self, values: Mapping[str, float], step: int, at: float | None = None) -> None:
        """Several metrics at one step."""
        for key, value in values.items():
            self.metric(key, value, step, at)

    def series(
        self,
        key: str,
        steps: Sequence[int] | np.ndarray[Any, Any],
        at: Sequence[float] | np.ndarray[Any, Any],
        values: Sequence[float] | np.ndarray[Any, Any],
        stored: bool = True,
        history: bool = True,
    ) -> None:
        """Many points of one metric, `(n,)` each; `at` in seconds since 1970; the last two as of `Points`."""
        times = (np.asarray(at, np.float64) * 1000).astype(np.int64)
        numbers = np.asarray(values, np.float64)
        self._put(Points(self._legal(key), np.asarray(steps, np.int64), times, numbers, stored, history))

    def flush(self) -> bool:
        """Wait until the disk has what was said up to now; whether it has."""
        return self._outbox.flush()

    def disk_trouble(self, error: OSError, what: str) -> None:
        """`what` could not be written: said once, as long as it lasts."""
        self._outbox.disk_trouble(error, what)

    def soon(self) -> None:
        """Let the disk have what was said up to now."""
        self._outbox.soon()

    def params(self, values: Mapping[str, Any]) -> None:
        """Params, nested or by dotted names; secrets are masked."""
        self.keep_secret(values)
        flat = {self._legal(key): names.text(as_param(masked(key, value))) for key, value in names.flat(values).items()}
        fresh = {key: value for key, value in flat.items() if key not in self._params}
        self._params |= fresh
        self._put(Params(fresh))

    def keep_secret(self, values: Mapping[str, Any]) -> None:
        """The secrets among settings are to be masked in texts."""
        self._secrets |= secrets_in(names.flat(values))

    def tags(self, values: Mapping[str, Any]) -> None:
        """Tags."""
        self._put(Tags({names.legal(key): names.text(str(masked(key, value))) for key, value in values.items()}))

    def artifact(self, file: Path, folder: str = "", keep: bool = False) -> None:
        """A file; it is read when it is sent, so leave it in place. With `keep` it stays there afterwards."""
        if names.file(file.name) != file.name:
            legal = self.staging / names.file(file.name)
            try:
                shutil.copyfile(file, legal)
            except OSError as error:
                self.disk_trouble(error, file.name)
                return
            file, keep = legal, False
        if self.staging in file.parents:
            _close_to_others(file)
            if file.parent != self.staging:
                file.parent.chmod(0o700)
        self._put(Artifact(str(file.resolve()), names.legal(folder) if folder else "", keep))

    def withdraw(self, name: str, folder: str) -> None:
        """An artifact is no longer wanted, sent or not."""
        self._put(Withdrawn(names.file(name), names.legal(folder) if folder else ""))

    def text(self, name: str, content: str, folder: str = "", mask: bool = True) -> None:
        """A text as a file, secrets masked unless every byte counts."""
        file = self.staging / (names.legal(folder) if folder else "") / names.file(name)
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            said = self.without_secrets(masked_text(content)) if mask else content
            file.write_text(said, encoding="utf-8", errors="replace")
        except OSError as error:
            self.disk_trouble(error, name)
            return
        self.artifact(file, folder)

    def without_secrets(self, text: str) -> str:
        """`text` with the values of secret params masked."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def missing(self, what: str) -> None:
        """Something that was to be in the run is not: told in its tag `tfmlflow.incomplete`."""
        self._put(Missing(self.without_secrets(masked_text(what))[:500]))

    def dataset(self, record: Dataset) -> None:
        """Data that the run uses."""
        self._put(record)

    def model(
        self,
        folder: Path,
        name: str,
        step: int,
        metrics: Mapping[str, float],
        at: float,
        dataset: tuple[str, str] | None = None,
        registration: Registration | None = None,
    ) -> None:
        """A model saved in `folder`, which is deleted once stored.

        Its metrics stand in the run too; with the time `at` (seconds since 1970) at which `metrics` has put them there,
        MLflow stores them once.
        """
        _close_to_others(folder)
        finite = {self._legal(key): float(value) for key, value in metrics.items() if math.isfinite(value)}
        params = dict(self._params)
        self._put(Model(str(folder.resolve()), name, step, finite, int(at * 1000), params, dataset, registration))


def _close_to_others(path: Path) -> None:
    """A file or folder in the spool is its owner's alone."""
    with contextlib.suppress(OSError):
        for each in (path, *path.rglob("*")):
            each.chmod(0o700 if each.is_dir() else 0o600)
