"""The MLflow run of a whole sweep: the parent of its jobs' runs."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tfmlflow.analysis.pareto import Pareto
from tfmlflow.job.outcome import Outcome
from tfmlflow.masking import masked_overrides
from tfmlflow.tracking.models.origin import Origin
from tfmlflow.tracking.provenance import provenance
from tfmlflow.tracking.run import note
from tfmlflow.tracking.run.session import Session
from tfmlflow.tracking.run.start import given_tags, start
from tfmlflow.tracking.store import names, store
from tfmlflow.tracking.sweep import compared, earlier
from tfmlflow.vocabulary import File, Tag


class SweepRun:
    """A sweep's run, opened before its jobs and ended whatever happens.

    Args:
        session: The run.
        sweep: Its id.

    Attributes:
        next_job: Number of the next job: those of earlier starts of the sweep are taken.
    """

    def __init__(self, session: Session, sweep: str) -> None:
        self.session, self.sweep, self.key = session, sweep, session.key
        self._uri, self._opened = session.uri, session.opened
        self._view: str | None = None
        self._origin: Origin | None = None
        self._described: str | None = None  # what the description ends with; None where somebody else's stands
        self.next_job = int((self._opened.tags or {}).get(Tag.SWEEP_JOBS, 0))

    @classmethod
    def open(
        cls,
        settings: Mapping[str, Any],
        sweep: str,
        name: str,
        overrides: Sequence[str],
        adopt: str | None,
        origin: Origin | None = None,
    ) -> SweepRun:
        """Open it, or go on with that of an earlier start of the same sweep.

        Args:
            settings: The config of all jobs.
            sweep: Its id.
            name: For a new run.
            overrides: The command line.
            adopt: The run that `mlflow run` has opened for this command.
            origin: Whose model all jobs compress: the run, and those of the jobs, are its children.
        """
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        tracking = settings["tracking"]
        uri, group = store_uri(settings), experiment(settings, origin)
        tags = {Tag.SWEEP: sweep, Tag.SWEEP_PARENT: "true", Tag.OVERRIDES: masked_overrides(overrides)}
        known = adopt or earlier.start(uri, group, sweep)
        session = start(
            *(uri, group, name, tags if known else given_tags(tracking) | tags),
            adopt=known,
            parent=None if origin is None or known else origin.run_id,
            drain_timeout=tracking["drain_timeout"],
        )
        opened = session.opened
        made = cls(session, sweep)
        made._origin = origin
        if Tag.NOTE not in tracking["tags"] and (adopt is None or Tag.NOTE not in (opened.tags or {})):
            made._described = note.repeat(overrides, many=True)
        return made

    @property
    def run_id(self) -> str | None:
        """Of the run; None while the store is away."""
        return self._opened.run_id

    def finished(self, metric: str) -> dict[str, Outcome]:
        """What was finished before in the experiment, by fingerprint, the newest of each.

        Args:
            metric: The objective.
        """
        return earlier.finished(self._uri, self._opened.experiment_id, metric)

    def numbered(self, taken: int) -> None:
        """So many job numbers are taken."""
        self.session.tags({Tag.SWEEP_JOBS: taken})

    @contextlib.contextmanager
    def attentive(self) -> Iterator[Callable[[], None]]:
        """Signals are only noted, for the function that it gives to raise: a handler's own exception may come in the
        middle of somebody's callback, and be lost there.
        """
        signals = self.session.signals

        def look() -> None:
            signals.beat = time.monotonic()
            if signals.stop:
                raise signals.error()

        signals.deferred, signals.beat = True, time.monotonic()
        try:
            yield look
            look()
        finally:
            signals.deferred = False

    def result(self, metrics: Mapping[str, float], tags: Mapping[str, str], leaderboard: str) -> None:
        """What came out."""
        self.session.metrics(metrics, 0)
        self.session.tags(tags)
        self.session.text(File.LEADERBOARD, leaderboard)

    def report(self, run_ids: Sequence[str], title: str, metric: str, mode: str) -> None:
        """Store the comparison of the jobs' runs as files of this run; a failure is a warning."""
        self._view = compared.report(self.session, self.sweep, run_ids, title, metric, mode, self._origin is not None)

    def pareto(self, run_ids: Sequence[str]) -> Pareto | None:
        """Of the models that jobs have compressed; stored as a picture and a table. A failure is a warning."""
        return compared.pareto(self.session, run_ids)

    def link(self, words: str, run_id: str) -> str:
        """To a run of the sweep, for the description."""
        where = self._opened.experiment_id
        return words if where is None else note.link(words, note.run_path(where, run_id))

    def describe(self, leaderboard: str) -> None:
        """Write the description: the jobs as a table in Markdown, the command, and where more is to be seen."""
        if self._described is None:
            return
        links = [f"{note.link('Curves', self._view)}."] if self._view is not None else []
        if self._opened.experiment_id is not None and self.run_id is not None:
            page = note.run_path(self._opened.experiment_id, self.run_id)
            links += [f"{note.link('Report', f'{page}/artifacts/{File.REPORT}')}."]
        headline, _, table = leaderboard.partition("\n\n")
        parts = [" ".join([headline, *links]), table, self._described]
        self.session.tags({Tag.NOTE: "\n\n".join(part for part in parts if part)})

    def reused(self, run_ids: Sequence[str]) -> None:
        """Runs that have done some of its jobs before, and are not its children."""
        if not run_ids:
            return
        listed = ",".join(run_ids)
        if len(listed) <= names.LONGEST_TAG:
            self.session.tags({Tag.SWEEP_REUSES: listed})
            return
        self.session.text(File.REUSES, json.dumps(list(run_ids)))
        self.session.tags({Tag.SWEEP_REUSES: f"@{File.REUSES}"})

    def address(self) -> str:
        """Where a person finds the run."""
        return self.session.location

    def comparison(self, run_ids: Sequence[str]) -> str:
        """Where a person finds exactly these runs side by side."""
        if self._view is not None:
            return store.page(self._uri, self._view)
        return compared.page(self._uri, str(self._opened.experiment_id), run_ids)

    def __enter__(self) -> SweepRun:
        self.session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.__exit__(kind, error, trace)


def experiment(settings: Mapping[str, Any], origin: Origin | None) -> str:
    """The experiment that the runs of a sweep are in."""
    said = None if origin is None else origin.experiment
    return str(settings["tracking"]["experiment"] if said is None else said)


def store_uri(settings: Mapping[str, Any]) -> str:
    """The store that a config names."""
    return store.absolute(settings["tracking"]["uri"])


def source() -> tuple[str, str]:
    """Folder of the program, and a name of its code."""
    folder = provenance.source_folder()
    return str(Path(folder).resolve()), provenance.program(folder)
