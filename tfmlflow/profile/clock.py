"""Looks at the clock around every callback, step, evaluation and epoch of a training, which it ends after some."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from tfmlflow.profile.measured import Spent
from tfmlflow.trainer.fitting import Fitting

STEP_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_steps")
TEST_HOOKS = ("on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end")
EPOCH_HOOKS = ("on_epoch_begin", "on_epoch_end")
LEAST_EPOCHS = 3  # after the first one, which compiles


@dataclass
class Epoch:
    """What was seen of an epoch; seconds."""

    began: float
    groups: list[tuple[int, float]] = field(default_factory=list)  # first step of each group, and when it began
    steps: int = 0
    stepping: float = 0.0  # the time of all steps, callbacks among them
    evaluation: float = 0.0
    whole: float = 0.0
    spent: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))  # by (kind of hook, name)
    before: float = 0.0  # callbacks at the begin of the epoch
    calls_before: float = 0.0  # callbacks at the end of the first group

    def of(self, kind: str) -> float:
        """Seconds of all callbacks in hooks of one kind."""
        return sum(seconds for (hook, _), seconds in self.spent.items() if hook == kind)


class Clock(keras.callbacks.Callback):
    """Measures a training.

    Args:
        steps: That are to be seen, after the first epoch.
        seconds: After which it is enough all the same.

    Attributes:
        fitting: The training; whoever fits sets it.
        waited: Share of the time of an epoch's steps in which they have waited for data, if somebody has measured it.
    """

    def __init__(self, steps: int, seconds: float) -> None:
        super().__init__()
        self._least, self._most = steps, seconds
        self.fitting: Fitting | None = None
        self.waited: float | None = None
        self._epochs: list[Epoch] = []
        self._cut = self._over = False
        self._tested = self._since = 0.0
        self._wrapped: list[tuple[Any, str, Any]] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Puts a clock around the hooks of every other callback."""
        assert self.fitting is not None
        self._since = time.perf_counter()
        for callback in self.fitting.callbacks:
            if callback is self:
                continue
            for kind, hooks in (("step", STEP_HOOKS), ("test", TEST_HOOKS), ("epoch", EPOCH_HOOKS)):
                for hook in hooks:
                    base = getattr(keras.callbacks.Callback, hook, None)
                    if hasattr(callback, hook) and getattr(type(callback), hook, None) is not base:
                        timed = self._timed(getattr(callback, hook), kind, type(callback).__name__)
                        setattr(callback, hook, timed)
                        self._wrapped.append((callback, hook, timed))

    def _timed(self, hook: Callable[..., None], kind: str, name: str) -> Callable[..., None]:
        def timed(*arguments: Any, **named: Any) -> None:
            began = time.perf_counter()
            try:
                hook(*arguments, **named)
            finally:
                if self._epochs:
                    self._epochs[-1].spent[kind, name] += time.perf_counter() - began

        return timed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ends the epoch before."""
        self._end_epoch()
        self._epochs.append(Epoch(time.perf_counter()))

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Ends the group before; when it is enough, the one that begins is the epoch's last."""
        now, epoch = time.perf_counter(), self._epochs[-1]
        if len(epoch.groups) == 1:
            epoch.calls_before = epoch.of("step")
        if not epoch.groups:
            epoch.before = epoch.of("epoch")
        epoch.groups.append((batch, now))
        enough = batch >= self._least or now - epoch.groups[0][1] > self._most / LEAST_EPOCHS
        if enough and not self.model.stop_training:
            self._cut = self.model.stop_training = True

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """The epoch's steps are over."""
        self._end_steps()
        self._tested = time.perf_counter()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """The evaluation is over."""
        self._epochs[-1].evaluation = time.perf_counter() - self._tested

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Goes on, or ends the training."""
        self._end_steps()
        if self._cut:
            self._cut = self.model.stop_training = False
        seen = self._epochs[1:]
        late = time.perf_counter() - self._epochs[0].began > 3 * self._most
        enough = sum(one.steps for one in seen) >= self._least or time.perf_counter() - self._since > self._most
        if (enough and len(seen) >= LEAST_EPOCHS) or (late and seen):
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Takes the clocks away."""
        self._end_epoch()
        for callback, hook, timed in self._wrapped:
            if callback.__dict__.get(hook) is timed:
                delattr(callback, hook)

    def _end_steps(self) -> None:
        epoch = self._epochs[-1]
        if epoch.stepping or not epoch.groups:
            return
        assert self.fitting is not None
        pipeline, group = self.fitting.pipeline, int(self.model.steps_per_execution)
        last = epoch.groups[-1][0]
        epoch.steps = min(last + group, pipeline.full if last < pipeline.full else pipeline.steps)
        epoch.groups.append((epoch.steps, time.perf_counter()))
        epoch.stepping = epoch.groups[-1][1] - epoch.groups[0][1]
        share = pipeline.wait.share()
        if share is not None:
            self.waited = min(1.0, share * (time.perf_counter() - epoch.began) / epoch.stepping)

    def _end_epoch(self) -> None:
        if self._epochs and not self._epochs[-1].whole:
            self._epochs[-1].whole = time.perf_counter() - self._epochs[-1].began

    @property
    def _later(self) -> list[Epoch]:
        return self._epochs[1:] or self._epochs

    @property
    def step(self) -> float:
        """Seconds of a step without callbacks, the median over epochs."""
        return statistics.median(max(0.0, one.stepping - one.of("step")) / one.steps for one in self._later)

    @property
    def evaluation(self) -> float:
        """Seconds of an epoch's evaluation, without callbacks."""
        return statistics.median(max(0.0, one.evaluation - one.of("test")) for one in self._later)

    @property
    def first(self) -> float:
        """Seconds that the first group and the first evaluation have taken more than later ones."""
        first = self._epochs[0]
        group = first.groups[1][0] - first.groups[0][0]
        took = first.groups[1][1] - first.groups[0][1] - first.calls_before - group * self.step
        return max(0.0, took) + max(0.0, first.evaluation - first.of("test") - self.evaluation)

    @property
    def opening(self) -> float:
        """Seconds between an epoch's begin and its first step."""
        return min(
            self.rest,
            statistics.median(one.groups[0][1] - one.began - one.before for one in self._later if one.groups),
        )

    @property
    def rest(self) -> float:
        """Seconds of an epoch that are nobody's."""
        return statistics.median(
            max(0.0, one.whole - one.stepping - one.evaluation - one.of("epoch")) for one in self._later
        )

    @property
    def callbacks(self) -> dict[str, Spent]:
        """What each callback takes, by its class."""
        names = {name for one in self._later for _, name in one.spent}
        return {
            name: Spent(
                statistics.median(one.spent.get(("step", name), 0.0) / one.steps for one in self._later),
                statistics.median(
                    one.spent.get(("epoch", name), 0.0) + one.spent.get(("test", name), 0.0) for one in self._later
                ),
            )
            for name in sorted(names)
        }
