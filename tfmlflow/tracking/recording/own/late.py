"""Points whose values may still be on their way from a device: taken at once, read several times a second elsewhere."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfmlflow.tracking.recording.intervals import Intervals
from tfmlflow.tracking.run.session import Session
from tfmlflow.trainer import values

READ = 0.25  # seconds between two readings
MOST = 100_000  # points that wait to be read; beyond, whoever brings more reads them
THINNED = "batch/"  # prefix of metrics that every step has


class LatePoints:
    """Takes numbers and tensors in microseconds; a thread reads and records them.

    Args:
        session: The run.
        log_every: Steps between two points of `batch/*` in the store, each their mean; the history has every step.
        refused: Told of a value that is no number: its name and what it is; once for each name.
        trouble: Told of what goes wrong while points are read.
    """

    def __init__(
        self,
        session: Session,
        log_every: int,
        refused: Callable[[str, str], None],
        trouble: Callable[[str, Exception], None],
    ) -> None:
        self._session, self._every, self._refused, self._trouble = session, log_every, refused, trouble
        self._taken: deque[tuple[Mapping[str, Any], int | None, float]] = deque()
        self._last: dict[str, int] = {}
        self._thinned: dict[str, Intervals] = defaultdict(lambda: Intervals(log_every))
        self._complained: set[str] = set()
        self._reading, self._over = threading.Lock(), threading.Event()
        threading.Thread(target=self._read_now_and_then, name="tfmlflow-points", daemon=True).start()

    def take(self, said: Mapping[str, Any], step: int | None) -> None:
        """Take points of one step; None: the one after each metric's last."""
        if self._over.is_set():
            return  # the run has ended
        kept = {str(key): _kept(value) for key, value in said.items()}
        self._taken.append((kept, None if step is None else int(step), self._session.now()))
        if len(self._taken) > MOST:
            self.read()

    def read(self) -> None:
        """Record everything that was taken."""
        with self._reading:
            series: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
            while self._taken:
                said, step, at = self._taken.popleft()
                for key, value in said.items():
                    for name, number in self._numbers(key, value).items():
                        place = self._last.get(name, 0) + 1 if step is None else step
                        self._last[name] = place
                        series[name].append((place, at, number))
            for name, points in series.items():
                self._record(name, points)

    def close(self) -> None:
        """Record the rest, and take no more; whatever fails in it, the run is to have its end."""
        self._over.set()
        try:
            self.read()
            for name, intervals in self._thinned.items():
                for step, mean in intervals.rest(self._last[name]):
                    self._session.series(name, [step], [self._session.now()], [mean], history=False)
        except Exception as error:
            self._trouble("log", error)

    def _read_now_and_then(self) -> None:
        while not self._over.wait(READ):
            try:
                if self._taken:
                    self.read()
            except Exception as error:  # a point that nothing was expected of; the next ones are read
                self._trouble("log", error)

    def _numbers(self, key: str, value: Any) -> dict[str, float]:
        single = values.number(value) if not isinstance(value, str) else None
        if single is not None:
            return {key: single}
        try:
            return {f"{key}/{place}": one for place, one in values.by_class(value).items()}
        except TypeError as error:
            if key not in self._complained:
                self._complained.add(key)
                symbolic = "Symbolic" in type(value).__name__
                self._refused(key, SYMBOLIC if symbolic else "a text" if isinstance(value, str) else str(error))
            return {}

    def _record(self, name: str, points: list[tuple[int, float, float]]) -> None:
        steps, at, numbers = zip(*points, strict=True)
        if self._every == 1 or not name.startswith(THINNED):
            return self._session.series(name, steps, at, numbers)
        self._session.series(name, steps, at, numbers, stored=False)
        for step, when, number in points:
            for end, mean in self._thinned[name].add(step - 1, [number]):
                self._session.series(name, [end], [when], [mean], history=False)
        return None


SYMBOLIC = "a tensor of a graph, which has no value yet; log what the tf.function returns"


def _kept(value: Any) -> Any:
    """The value as it is now: numbers and tensors never change, variables and arrays do."""
    if isinstance(value, int | float):
        return value
    if isinstance(value, np.ndarray):
        return value.copy()
    if hasattr(value, "assign"):  # a variable of TensorFlow's, or Keras's, which holds one
        held = value if hasattr(value, "read_value") else value.value
        return held.read_value() if hasattr(held, "read_value") else np.array(held)
    return value
