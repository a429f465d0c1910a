"""Progress on the terminal: a bar that is redrawn, or a line an epoch where output goes to a file."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tfmlflow.duration import duration
from tfmlflow.trainer import values

LONG = 30.0  # seconds of an epoch, of which to make a graph takes few


class EpochLines(keras.callbacks.Callback):
    """Prints one line an epoch, and keeps a bar below the lines when the terminal can redraw.

    Args:
        console: Where to.
        mode: auto (a bar on a terminal), bar, lines or none.
    """

    def __init__(self, console: Console, mode: str = "auto") -> None:
        super().__init__()
        self._console = console
        self._mode = ("bar" if console.is_terminal else "lines") if mode == "auto" else mode
        self._bar: Progress | None = None
        self._epoch_began = self._second_began = 0.0
        self._first = 0
        self._done = 0
        self._traced: tuple[int, float] | None = None  # steps of the first call, and when it was over

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Draws the bar."""
        self._first, self._traced = -1, None
        if self._mode == "bar":
            self._bar = Progress(
                TextColumn("epoch {task.fields[epoch]}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[metrics]}", markup=False),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            total = (self.params.get("steps") or 0) * self.params["epochs"] or None
            self._task = self._bar.add_task("fit", total=total, epoch=f"1/{self.params['epochs']}", metrics="")
            self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Starts the epoch's clock."""
        self._epoch_began = time.monotonic()
        if self._first < 0:
            self._first = epoch
        if epoch == self._first + 1:
            self._second_began = self._epoch_began
        if self._bar is not None:
            self._bar.update(self._task, epoch=f"{epoch + 1}/{self.params['epochs']}")
        self._done = epoch * (self.params.get("steps") or 0)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Moves the bar."""
        self._traced = self._traced or (batch + 1, time.monotonic())
        if self._bar is not None:
            step = min(batch + 1, self.params.get("steps") or batch + 1)
            shown = f"loss {short(logs['loss'])}" if logs and "loss" in logs else ""
            self._bar.update(self._task, completed=self._done + step, metrics=shown)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Prints the epoch's line."""
        if self._mode == "none":
            return
        now, epochs = time.monotonic(), self.params["epochs"]
        left = self._an_epoch(epoch, now) * (epochs - epoch - 1)
        still = f", {duration(left)} left" if left else ""
        width = len(str(epochs))
        shown = {name: value for name, value in (logs or {}).items() if name != "learning_rate" and "/" not in name}
        numbers = "  ".join(f"{name} {short(value)}" for name, value in shown.items())
        self._console.print(
            f"epoch {epoch + 1:>{width}}/{epochs}  {numbers}  {now - self._epoch_began:.1f} s{still}",
            soft_wrap=True,
        )

    def _an_epoch(self, epoch: int, now: float) -> float:
        """Seconds that a further epoch takes: as the others, but for the first, whose first call makes the graph.

        Where that call has taken most of the first epoch's steps, the others tell nothing: 0, unless the epoch was so
        long that the graph is a small part of it.
        """
        if epoch > self._first:
            return (now - self._second_began) / (epoch - self._first)
        steps, whole = self.params.get("steps") or 0, now - self._epoch_began
        taken, over = self._traced or (steps, now)
        if taken <= steps / 2:
            return (now - over) * steps / (steps - taken)
        return whole if whole >= LONG else 0.0

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Takes the bar away."""
        self.stop()

    def stop(self) -> None:
        """Takes the bar away, also after an exception."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def short(value: Any) -> str:
    """A number in about six characters; of several the first ones."""
    number = values.number(value)
    if number is None:
        try:
            several = values.array(value).ravel()
        except TypeError as error:
            return f"({error})"
        return f"[{' '.join(short(one) for one in several[:3])}{' …' if several.size > 3 else ''}]"
    return f"{number:.4f}" if number == 0 or 1e-3 <= abs(number) < 1e4 else f"{number:.3g}"
