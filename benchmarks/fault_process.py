"""The process of a training of `faults.py`, and what it has said."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

PATIENCE = 60.0  # seconds that a process may take beyond the training


class Training:
    """A training in a process of its own, in `folder`.

    Args:
        options: As of `fault_training.py`.

    Attributes:
        ended_at: When it was gone, seconds since 1970.
    """

    def __init__(self, options: dict[str, Any], environment: dict[str, str], folder: Path) -> None:
        self._folder = folder
        self._said: list[str] = []
        self._changed = threading.Condition()
        program = Path(__file__).with_name("fault_training.py")
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(program), json.dumps(options)],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.ended_at = 0.0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._said.append(line.strip())
                self._changed.notify_all()

    def said(self, word: str) -> str | None:
        """The rest of the first line that begins with `word`."""
        with self._changed:
            return next((line[len(word) :].strip() for line in self._said if f"{line} ".startswith(f"{word} ")), None)

    def wait_for(self, word: str, timeout: float) -> str | None:
        """As `said`, once it is; None if it is not in time, or the process ends."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while (rest := self.said(word)) is None and time.monotonic() < deadline:
                if self._process.poll() is not None:
                    self._changed.wait(0.5)  # for its last words
                    return self.said(word)
                self._changed.wait(0.2)
            return rest

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def wait(self, until: float, from_last: bool) -> int | None:
        """The exit code; None if it had to be killed.

        Args:
            until: When our patience ends, seconds since 1970.
            from_last: Have it begin anew with the last step, if that comes in time but late.
        """
        code = self._wait(until - time.time())
        if code is None and from_last and (last := self.said("LAST")) is not None:
            code = self._wait(float(last) + PATIENCE - time.time())
        self.ended_at = time.time()
        self.kill()
        return code

    def _wait(self, seconds: float) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(max(0.1, seconds))
        return None

    def kill(self) -> None:
        """At once."""
        self._process.kill()
        self._process.wait()

    def metrics(self) -> list[dict[str, float]]:
        """Of each epoch that was finished."""
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in (self._folder / "metrics").read_text().splitlines()]
        return []

    def log(self) -> str:
        """The end of what it printed."""
        return (self._folder / "log").read_text(errors="replace")[-4000:]
