"""A real training to break things around: a tiny Keras model in a process of its own, slowed to a known pace.

`python -m tests.chaos.training --uri URI` trains once. With `--serve` it does so for every line of its input that holds
such arguments, so that several trainings pay for one start of TensorFlow. It says, one a line:

    READY            TensorFlow is loaded (with --serve)
    OPENED id s      fit begins; what the callback calls the run, and how long opening it took
    STEP n           step n begins; every 10th, and the first
    EPOCH n          epoch n is over
    ENDS             the last step is done; the callback has not begun to end the run
    ENDED s          the callback has ended the run, s seconds after ENDS
    FITTED id s      fit has returned, s seconds after ENDS, of which tf.data may take five to stop its threads;
                     what the callback calls the run by then
    LONGEST ms n     between the begins of step n and the next, with the end of an epoch that may lie between them;
                     tracing, in the first step and the first validation, is left out
    REQUESTS n       that the training's own thread has sent between its first step and ENDS
    DONE             the process leaves, or waits for the next line
"""

from __future__ import annotations

import argparse
import os
import queue
import shlex
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
SAY_EVERY = 10  # steps


def parser() -> argparse.ArgumentParser:
    """What a training can be told."""
    options = argparse.ArgumentParser(allow_abbrev=False)
    options.add_argument("--uri", help="Of the store.")
    options.add_argument("--experiment", default="chaos")
    options.add_argument("--spool", help="Instead of $TFMLFLOW_SPOOL.")
    options.add_argument("--steps", type=int, default=50, help="Of an epoch.")
    options.add_argument("--seconds", type=float, default=0.01, help="That each step takes at least.")
    options.add_argument("--epochs", type=int, default=2)
    options.add_argument("--validation", action="store_true")
    options.add_argument("--drain-timeout", type=float, default=30.0)
    options.add_argument("--log-every", type=int, default=1)
    options.add_argument("--checkpoint-every", default="1")
    options.add_argument("--register-as")
    options.add_argument("--no-model", action="store_true", help="Store no best model.")
    options.add_argument("--system-metrics", action="store_true")
    options.add_argument("--fail-at", type=int, help="Step that raises.")
    options.add_argument("--serve", action="store_true", help="Train for every line of the input.")
    return options


class Requests:
    """Counts the HTTP requests of the training's own thread while `on`."""

    on, count = False, 0

    @classmethod
    def hear(cls, event: str, _: object) -> None:
        """An audit hook."""
        if event == "http.client.send" and cls.on and threading.current_thread() is threading.main_thread():
            cls.count += 1


def say(*words: object) -> None:
    """One line."""
    print(*words, flush=True)


def train(options: argparse.Namespace) -> None:
    """One `fit`."""
    os.environ["MLFLOW_EXPERIMENT_NAME"] = options.experiment
    if options.spool:
        os.environ["TFMLFLOW_SPOOL"] = options.spool

    import keras
    import mlflow
    import numpy as np

    import tfmlflow

    class Pace(keras.callbacks.Callback):
        """Slows the steps down, says where the training is, and measures how long a step takes."""

        def __init__(self) -> None:
            super().__init__()
            self.began = time.perf_counter()
            self.step, self.epochs, self.ended = 0, 0, 0.0
            self.longest = (0.0, 0)
            self.last: float | None = None

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            now = time.perf_counter()
            if self.last is not None:
                self.longest = max(self.longest, (now - self.last, self.step))
            self.last = now if self.step else None  # the first step traces the model
            self.step += 1
            if self.step == 1:
                say("OPENED", callback.run_id, f"{now - self.began:.2f}")
                Requests.on, Requests.count = True, 0
            if self.step == 1 or self.step % SAY_EVERY == 0:
                say("STEP", self.step)
            if self.step == options.fail_at:
                raise RuntimeError("told to fail")
            time.sleep(options.seconds)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs += 1
            if self.epochs == 1:
                self.last = None  # the first validation traces the model
            say("EPOCH", self.epochs)

        def on_train_end(self, logs: Any = None) -> None:
            Requests.on = False
            self.ended = time.perf_counter()
            say("ENDS")

    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(8 * options.steps, 4)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    mlflow.set_tracking_uri(options.uri)
    every = options.checkpoint_every
    callback = tfmlflow.TrackingCallback(
        log_every=options.log_every,
        checkpoint_every=int(every) if every.isdigit() else None if every == "never" else every,
        log_model=not options.no_model,
        register_as=options.register_as,
        data_digest="chaos",
        run_name="chaos",
        system_metrics=options.system_metrics,
        drain_timeout=options.drain_timeout,
    )
    pace = Pace()

    def ended(logs: Any) -> None:
        say("ENDED", f"{time.perf_counter() - pace.ended:.2f}")

    checked = (x[:32], y[:32]) if options.validation else None
    try:
        model.fit(
            *(x, y),
            batch_size=8,
            epochs=options.epochs,
            validation_data=checked,
            verbose=0,
            callbacks=[pace, callback, keras.callbacks.LambdaCallback(on_train_end=ended)],
        )
        say("FITTED", callback.run_id, f"{time.perf_counter() - pace.ended:.2f}")
    finally:
        say("LONGEST", f"{1000 * pace.longest[0]:.1f}", pace.longest[1])
        say("REQUESTS", Requests.count)


def main() -> None:
    """Train as told."""
    options = parser().parse_args()
    sys.addaudithook(Requests.hear)
    if not options.serve:
        train(options)
        say("DONE")
        return
    import tensorflow as tf

    import tfmlflow

    loaded = tf.zeros(()), tfmlflow.TrackingCallback  # both are loaded lazily
    assert all(part is not None for part in loaded)
    say("READY")
    for line in sys.stdin:
        train(parser().parse_args(shlex.split(line)))
        say("DONE")


class Training:
    """A process that runs `main`, seen line by line, output and errors together.

    Args:
        spool: Of its trainings.
        arguments: As of `parser`.
        environment: Further variables.

    Attributes:
        lines: All that it has said up to where `until` was.
        times: When it said each of them, in seconds of `time.monotonic`.
    """

    def __init__(self, spool: Path, *arguments: str, **environment: str) -> None:
        from tests.conftest import clean_environment  # not in the training itself: it sets a spool of its own
        from tests.forked import started

        self.lines: list[str] = []
        self.times: list[float] = []
        self._said: queue.Queue[tuple[float, str | None]] = queue.Queue()
        given = {"TFMLFLOW_SPOOL": str(spool), "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **environment}
        variables = clean_environment() | {"CUDA_VISIBLE_DEVICES": "", "TFMLFLOW_SHIPPER_IDLE": "2"} | given
        words = ("-m", "tests.chaos.training", *arguments)
        (hears, tells), (reads, writes) = os.pipe(), os.pipe()
        with os.fdopen(hears, "rb") as stdin, os.fdopen(writes, "wb") as output:
            # In the folder where a store without a server puts its artifacts.
            self.process = started(words, spool.parent, variables, output, output, stdin=stdin)
        self._orders, self._output = os.fdopen(tells, "w"), os.fdopen(reads)
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._orders.close()

    @property
    def text(self) -> str:
        """All of it, for messages."""
        return "\n".join(self.lines)

    def order(self, arguments: Sequence[str]) -> None:
        """One more training of a process that serves; forgets what was said about earlier ones."""
        self.lines, self.times = [], []
        self._orders.write(shlex.join(arguments) + "\n")
        self._orders.flush()

    def until(self, words: str, timeout: float = 120) -> str:
        """What follows `words` on the next line that begins with them."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                at, line = self._said.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"{words!r} was not said within {timeout:.0f} s:\n{self.text}") from None
            if line is None:
                self._said.put((at, None))
                raise EOFError(f"ended with {self.process.wait()} before {words!r}:\n{self.text}")
            self._take(at, line)
            if line == words or line.startswith(words + " "):
                return line.removeprefix(words).strip()

    def ended(self, timeout: float = 120) -> int:
        """Its exit code, after all that it had to say."""
        self._orders.close()
        deadline = time.monotonic() + timeout
        while True:
            at, line = self._said.get(timeout=max(0.0, deadline - time.monotonic()))
            if line is None:
                return self.process.wait(max(0.0, deadline - time.monotonic()))
            self._take(at, line)

    def said_at(self, words: str) -> float | None:
        """When the last line with `words` in it was said, None if there is none."""
        found = [at for at, line in zip(self.times, self.lines, strict=True) if words in line]
        return found[-1] if found else None

    def _take(self, at: float, line: str) -> None:
        self.lines.append(line)
        self.times.append(at)

    def _listen(self) -> None:
        for line in self._output:
            self._said.put((time.monotonic(), line.rstrip("\n")))
        self._said.put((time.monotonic(), None))


if __name__ == "__main__":
    main()
