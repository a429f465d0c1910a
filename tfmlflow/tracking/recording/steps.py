"""The steps of a training, as they go by: their losses, learning rates and speed.

A step costs the training thread a look at the clock. Several times a second what the steps have left in the graph is
read at once.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfmlflow.tracking.recording.intervals import Intervals
from tfmlflow.tracking.recording.step_trace import StepTrace
from tfmlflow.tracking.run.session import Session
from tfmlflow.trainer.steps.watch import KINDS, UNMEASURED
from tfmlflow.vocabulary import Metric

READ = 0.25  # seconds between two looks into the graph
LATE = 0.5  # seconds after which another thread looks, since the step that is running takes long
SPEED = 1.0  # seconds between two points of perf/examples_per_second


class StepRecorder:
    """Records the steps of one `fit`.

    Args:
        session: The run.
        trace: Of the model, or None if it has no loss mean of Keras's.
        step: The last global step before this `fit`.
        log_every: Steps between two stored points.
        group: `steps_per_execution`.
        batch_size: Examples a step, if known, for a model whose steps leave no trace.
        rate: Gives the learning rate of such a model, None if it has none.

    Attributes:
        step: The last global step.
        fallback: What Keras says of each batch, of a model whose steps leave no trace; or arrays of the numbers of
            each step of a group.
        input_wait: Gives the share of the epoch that steps have waited for data.
    """

    def __init__(
        self,
        session: Session,
        trace: StepTrace | None,
        step: int,
        log_every: int,
        group: int,
        batch_size: int | None = None,
        rate: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.step, self.fallback = step, dict[int, Mapping[str, Any]]()
        self._session, self._trace, self._group = session, trace, group
        self._log_every, self._batch_size, self._rate = log_every, batch_size, rate
        self._thinned: dict[str, Intervals] = defaultdict(lambda: Intervals(log_every))
        self._untraced = 0  # examples of the epoch, reckoned
        self._clock = session.now() - time.perf_counter()
        self._marks: list[float] = []  # when groups began; the end of one is the begin of the next
        self._next_read, self._seen, self._batch = 0.0, self._now_seen(), -1
        self._before = self.step  # the last step of the epoch before
        self._leaves_trace = False  # whether its steps do; a class's own step may leave none
        self._spent, self._durations = 0.0, list[float]()
        self._epoch_began = self._speed_at = time.perf_counter()
        self._examples = 0
        self.input_wait: Callable[[], float | None] = lambda: None
        self._waited: float | None = None
        self._reading = threading.Lock()
        self._over = threading.Event()
        threading.Thread(target=self._look_after, name="tfmlflow-steps", daemon=True).start()
        self._most = max(1, (trace.size if trace is not None else 512) // group - 1)

    def begin_epoch(self) -> None:
        """The next steps are of a new epoch."""
        self._epoch_began = self._speed_at = time.perf_counter()
        self._examples, self._untraced, self._spent, self._durations = 0, 0, 0.0, []
        self._marks.clear()
        self.fallback.clear()
        self._seen, self._batch = self._now_seen(), -1
        self._before = self.step

    @property
    def reckoned(self) -> int:
        """The last global step, if all groups since the last look into the graph were full."""
        return self.step + max(0, len(self._marks) - 1) * self._group

    def begin_group(self) -> None:
        """The next group of steps begins, so the one before it is done."""
        now = time.perf_counter()
        self._marks.append(now)
        if now >= self._next_read or len(self._marks) > self._most:
            self.read()
            self._spent += time.perf_counter() - now

    def pause(self) -> None:
        """No step is running: the epoch is over, or the validation begins."""
        if self._marks:
            now = time.perf_counter()
            self._marks.append(now)
            self.read()
            self._marks.clear()
            first = self._speed_at == self._epoch_began  # a short epoch shall have a point too
            self._speed(time.perf_counter(), 0.0 if first else SPEED / 2)
            self._waited = self.input_wait()
            self._spent += time.perf_counter() - now

    def leave(self) -> None:
        """The training is over, perhaps in the middle of a step."""
        self._over.set()
        self.pause()

    def read(self) -> None:
        """Record what the groups that are done have left in the graph."""
        with self._reading:
            self._next_read = time.perf_counter() + READ
            self._read()

    def _look_after(self) -> None:
        """What is done shall not wait for a step that takes long, or never ends."""
        while not self._over.wait(LATE):
            if len(self._marks) > 1 and time.perf_counter() > self._next_read + LATE:
                self.read()

    def _read(self) -> None:
        done = len(self._marks) - 1
        if done < 1:
            return
        begun, ends = np.array(self._marks[:done]), np.array(self._marks[1 : done + 1])
        del self._marks[:done]
        steps = self._trace.read(self._seen) if self._trace is not None else None
        self._leaves_trace |= steps is not None and steps.count > 0
        if steps is None or (self.fallback and not self._leaves_trace):
            self._durations += (ends - begun).tolist()
            self._read_fallback()
            return self._speed(time.perf_counter(), SPEED)
        count, self._seen = steps.count, steps.seen
        if count <= 0:
            return self._read_told()
        self._durations += (ends - begun).tolist()
        groups = np.arange(1, count + 1) / count * done
        at = self._clock + np.interp(groups, np.arange(done + 1), [begun[0], *ends])
        self.step += count
        self._record(Metric.BATCH_LOSS, steps.losses, at)
        self._record(Metric.BATCH_LEARNING_RATE, steps.rates, at)
        self._read_told()
        self._speed(time.perf_counter(), SPEED)

    def _read_fallback(self) -> None:
        """What Keras has said of the groups: what the model's own step returns, or its loss, a mean since the epoch
        began.
        """
        before = self.step
        for batch in sorted(self.fallback):
            steps = batch - self._batch
            if steps > self._group:
                break  # Keras tells from several threads: the one before is still to come
            said = self.fallback.pop(batch)
            self._batch = batch
            self.step += steps
            told = {name: value for name, value in said.items() if np.ndim(value) == 1}  # of each step
            for name, value in (told or ({"loss": said["loss"]} if "loss" in said else said)).items():
                each = np.asarray(value)[-steps:] if told else np.full(steps, value)
                self._record_told(name, each, self.step)
        self._untraced += (self.step - before) * (self._batch_size or 0)
        rate = self._rate() if self.step > before else None
        if rate is not None:
            self._session.metric(Metric.BATCH_LEARNING_RATE, rate, self.step)

    def _read_told(self) -> None:
        """What steps that leave a trace have told besides their loss."""
        for batch in [batch for batch in sorted(self.fallback) if self._before + batch < self.step]:
            for name, values in self.fallback.pop(batch).items():
                if name != "loss" and np.ndim(values) == 1:
                    self._record_told(name, np.asarray(values), self._before + batch + 1)

    def end_epoch(self) -> None:
        """Record how the epoch went by."""
        took = time.perf_counter() - self._epoch_began
        if self._durations:
            p50, p95 = np.percentile(self._durations, [50, 95]) * 1000 / self._group
            self._session.metrics({"perf/step_ms_p50": float(p50), "perf/step_ms_p95": float(p95)}, self.step)
            self._session.metric("perf/tracking_overhead_share", self._spent / max(took, 1e-9), self.step)
        if self._waited is not None:
            self._session.metric("perf/input_wait_share", self._waited, self.step)

    def finish(self) -> None:
        """Record the unfinished intervals."""
        self._over.set()
        for key, intervals in self._thinned.items():
            for step, mean in intervals.rest(self.step):
                self._session.series(key, [step], [self._session.now()], [mean], history=False)

    def _record_told(self, name: str, each: np.ndarray[Any, Any], last: int) -> None:
        """What each step up to `last` has told, but for steps in which it was not measured."""
        at, seen = np.full(len(each), self._session.now()), np.full(len(each), True)
        if name.split("/")[0] in KINDS:
            seen = each != UNMEASURED
        if seen.all():
            self._record(f"batch/{name}", each, at, last)
        elif seen.any():
            steps = np.arange(last - len(each) + 1, last + 1)
            self._session.series(f"batch/{name}", steps[seen], at[seen], each[seen])

    def _record(
        self, key: str, values: np.ndarray[Any, Any], at: np.ndarray[Any, Any], last: int | None = None
    ) -> None:
        last = self.step if last is None else last
        steps, at = np.arange(last - len(values) + 1, last + 1), at[len(at) - len(values) :]
        if self._log_every == 1:
            self._session.series(key, steps, at, values)
            return
        self._session.series(key, steps, at, values, stored=False)
        means = list(self._thinned[key].add(int(steps[0]) - 1, values))
        if means:
            ends, thinned = zip(*means, strict=True)
            self._session.series(key, ends, at[np.array(ends) - steps[0]], thinned, history=False)

    def _now_seen(self) -> int:
        return self._trace.number if self._trace is not None else 0

    def _speed(self, now: float, least: float) -> None:
        if now - self._speed_at < least:
            return
        examples = self._untraced or (self._trace.examples if self._trace is not None else 0)
        if examples > self._examples:
            speed = (examples - self._examples) / (now - self._speed_at)
            self._session.metric("perf/examples_per_second", speed, self.step)
        self._examples, self._speed_at = examples, now
