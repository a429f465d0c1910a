"""A sweep at work: proposes jobs to a launcher, and takes note of what becomes of them."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn

from tfmlflow.duration import seconds
from tfmlflow.errors import Interrupted
from tfmlflow.job.outcome import Outcome
from tfmlflow.job.report import JobReport
from tfmlflow.sweep.jobs.interfaces import Launcher, Record, StreamingLauncher
from tfmlflow.sweep.jobs.pool import OUTPUT
from tfmlflow.sweep.leaderboard.progress import SweepProgress
from tfmlflow.sweep.plan import Plan
from tfmlflow.sweep.search.search import Proposal, Search
from tfmlflow.vocabulary import EndReason

log = logging.getLogger(__name__)

POLL = 0.5  # seconds between two looks for jobs of other processes that have ended


@dataclass(frozen=True)
class Job:
    """A job that was started.

    Attributes:
        number: In the sweep.
        proposal: What it tries.
        mark: Its fingerprint.
        began: By `time.monotonic`.
    """

    number: int
    proposal: Proposal
    mark: str
    began: float


class SweepRunner:
    """Runs the jobs of a sweep.

    Args:
        plan: What is to be done.
        search: Proposes the jobs.
        progress: Is told how it goes.
        folder: That the jobs' folders are in.
        finished: What was finished before, by fingerprint.
        code: Name of the code, as in fingerprints.
        record: The sweep's run.
        start: Names this start of the sweep to its jobs.
    """

    def __init__(
        self,
        plan: Plan,
        search: Search,
        progress: SweepProgress,
        folder: Path,
        finished: Mapping[str, Outcome],
        code: str,
        record: Record,
        start: str | None = None,
    ) -> None:
        self._plan, self._search, self._progress, self._folder = plan, search, progress, folder
        self._finished, self._code, self._start = dict(finished), code, start
        self._record, self._next_number = record, record.next_job
        self._running: dict[int, Job] = {}
        self._stopped = self._streaming = False
        self._settling = threading.Lock()
        self._again: list[Proposal] = []
        self._tries: Counter[str] = Counter()
        budget = plan.said["time_budget"]
        self._until = math.inf if budget is None else time.monotonic() + seconds(budget)

    def run(self, launcher: Launcher | StreamingLauncher, batch: int | None) -> None:
        """Until there are no more jobs, or one has failed and the sweep is to stop then.

        Args:
            launcher: Runs them; one that streams, as they are proposed.
            batch: How many are handed to another launcher at once; None: all.
        """
        for number, varied, outcome in self._search.earlier:
            self._progress.ended(number, varied, outcome)
        try:
            if isinstance(launcher, StreamingLauncher):
                self._streaming = True
                with self._record.attentive() as look:
                    for number, result in launcher.stream(self._next_overrides, look, self._until):
                        self._settle(self._running[number], result)
            else:
                self._run_batches(launcher, batch)
        except BaseException as error:
            self._progress.stopped()
            for job in list(self._running.values()):
                with contextlib.suppress(Exception):  # the first one counts
                    self._settle(job, error)
            raise

    def _run_batches(self, launcher: Launcher, size: int | None) -> None:
        while batch := list(islice(self._jobs(), size)):
            for job in batch:
                self._progress.started(job.number, job.proposal.varied, quiet=False)
            with self._watching(batch) if len(batch) > 1 or self._until < math.inf else _Nothing():
                try:
                    results: Sequence[Any] = launcher.launch(
                        [job.proposal.overrides for job in batch], initial_job_idx=batch[0].number
                    )
                except Exception as error:  # the launcher has died, and with it what was at work
                    results = [error] * len(batch)
            for job, result in zip(batch, results, strict=True):
                self._settle(job, result)

    def _jobs(self) -> Iterator[Job]:
        while (job := self._next()) is not None:
            yield job

    def _next_overrides(self) -> tuple[int, Sequence[str]] | None:
        job = self._next()
        if job is None:
            return None
        self._progress.started(job.number, job.proposal.varied, quiet=True)
        return job.number, job.proposal.overrides

    def _next(self) -> Job | None:
        """The next job that is not finished yet."""
        if time.monotonic() >= self._until and not self._stopped:
            self._stopped = True
            self._progress.stopped()
        while not self._stopped and (proposal := self._again.pop(0) if self._again else self._search.ask()) is not None:
            mark = self._plan.fingerprint(proposal.overrides, self._code)
            before = self._finished.get(mark)
            if before is not None and (before.reason != EndReason.PRUNED or self._plan.said["pruner"] != "none"):
                outcome = self._plan.judged(before)
                self._search.tell(proposal, outcome)
                self._progress.ended(outcome.job, proposal.varied, outcome)
                continue
            number, self._next_number = self._next_number, self._next_number + 1
            self._record.numbered(self._next_number)
            proposal.started(number)
            JobReport.end(self._folder / str(number), None)  # of an earlier start
            job = self._running[number] = Job(number, proposal, mark, time.monotonic())
            return job
        return None

    def _settle(self, job: Job, result: Any) -> None:
        with self._settling:
            if job.number not in self._running:
                return  # seen by the watch
            folder = self._folder / str(job.number)
            if isinstance(result, JobReturn):
                folder = Path(result.hydra_cfg.hydra.runtime.output_dir) if result.hydra_cfg is not None else folder
                result = result._return_value  # its property would print and raise
            report = JobReport.of(folder, self._start)
            interrupted = isinstance(result, Interrupted | KeyboardInterrupt)
            if interrupted and (report is None or report.status == "RUNNING"):
                report = replace(report or JobReport(), status="KILLED", reason=EndReason.SIGNAL)
            outcome = self._plan.judged(Outcome.of(report, result, time.monotonic() - job.began))
            if outcome.lost and self._tries[job.mark] < self._plan.said["retries"] and not self._stopped:
                self._tries[job.mark] += 1
                self._again.append(job.proposal)
                del self._running[job.number]
                return self._progress.again(job.number, job.proposal.varied, outcome)
            self._search.tell(job.proposal, outcome)
            del self._running[job.number]
            log = folder / OUTPUT if self._streaming else None
            self._progress.ended(job.number, job.proposal.varied, outcome, log)
            if outcome.done:
                self._finished[job.mark] = replace(outcome, before=True, job=job.number)
            if not outcome.done and self._plan.said["on_failure"] == "stop":
                self._stopped = True
                self._progress.stopped()

    def _watching(self, batch: Sequence[Job]) -> _Watch:
        def look() -> None:
            over = time.monotonic() >= self._until
            for job in batch:
                if over:  # a job that Hydra's launchers have begun ends itself then
                    JobReport.end(self._folder / str(job.number), EndReason.TIME_BUDGET)
                report = JobReport.of(self._folder / str(job.number), self._start)
                if report is not None and report.status != "RUNNING" and job.number in self._running:
                    self._settle(job, None)

        return _Watch(look)


class _Watch:
    """Calls `look` now and then, from a thread, until it is left."""

    def __init__(self, look: Any) -> None:
        self._look, self._over = look, threading.Event()
        self._thread = threading.Thread(target=self._work, name="tfmlflow-sweep", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(POLL):
            try:
                self._look()
            except Exception as error:  # what was seen is seen again when the batch has ended
                log.warning("a job cannot be noted meanwhile: %s: %s", type(error).__name__, error)
                return


class _Nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
