"""What a task of Slurm does for `tfmlflow launch`: it starts one process after the other, as files in a folder tell it.

The folder is on a file system that all machines see; no machine need reach the one that launches.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
from pathlib import Path

from tfmlflow.launch.local import Process, free_ports
from tfmlflow.whole_file import replacing

LOOK = 0.2  # seconds between two looks
SILENCE = 60.0  # seconds without a sign of whoever launches, after which its process is ended
LEAVE = 10.0  # seconds that a process then has after SIGTERM
ALIVE, OVER = "alive", "over"  # files by which whoever launches says that it lives, and that it is done


def serve(folder: str, here: bool) -> None:
    """Be a task.

    Args:
        folder: Of all tasks of a job.
        here: Whether all of them are on one machine.
    """
    import submitit

    task = Task(Path(folder), submitit.JobEnvironment().global_rank)
    host = "127.0.0.1" if here else socket.gethostname()
    write(task.folder / "address", f"{host}:{free_ports(1)[0]}")
    task.serve()


class Task:
    """One of several.

    Args:
        job: Folder of all of them.
        number: From 0.
    """

    def __init__(self, job: Path, number: int) -> None:
        self._job, self.folder = job, job / str(number)
        self.folder.mkdir(exist_ok=True)
        self._process: Process | None = None
        self._copier = threading.Thread()
        self._starts = self._signals = 0
        self._sign, self._seen = 0.0, time.monotonic()

    def serve(self) -> None:
        """Until whoever launches is done, or gone."""
        try:
            while not (self._job / OVER).exists() and self._launched():
                self._begin()
                self._pass_on()
                self._say_end()
                time.sleep(LOOK)
        finally:
            self._leave()

    def _launched(self) -> bool:
        """Whether somebody still launches; by changes, since clocks differ."""
        with contextlib.suppress(OSError):
            sign = (self._job / ALIVE).stat().st_mtime
            if sign != self._sign:
                self._sign, self._seen = sign, time.monotonic()
        return time.monotonic() - self._seen < SILENCE

    def _begin(self) -> None:
        order = self.folder / f"start-{self._starts}"
        if not order.exists():
            return
        told = json.loads(order.read_text())
        self._process = Process(told["command"], told["variables"], told["folder"], heeds=True)
        said = self.folder / f"said-{self._starts}"
        self._copier = threading.Thread(target=_copy, args=(self._process, said), daemon=True)
        self._copier.start()
        self._starts, self._signals = self._starts + 1, 0

    def _pass_on(self) -> None:
        """Signals, each a line of a file."""
        with contextlib.suppress(OSError):
            lines = (self.folder / f"signals-{self._starts - 1}").read_text().split()
            for number in lines[self._signals :]:
                if self._process is not None:
                    self._process.send(int(number))
            self._signals = len(lines)

    def _say_end(self) -> None:
        file = self.folder / f"code-{self._starts - 1}"
        if self._process is not None and (code := self._process.poll()) is not None and not file.exists():
            self._copier.join(2.0)  # a shipper that outlives its trainer may hold the pipe
            write(file, str(code))

    def _leave(self) -> None:
        if self._process is None:
            return
        self._process.send(signal.SIGTERM)
        deadline = time.monotonic() + LEAVE
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(LOOK)
        self._process.send(signal.SIGKILL)


def write(file: Path, text: str) -> None:
    """A file that is there whole, or not at all."""
    with replacing(file, durable=False) as fresh:
        fresh.write(text.encode())


def _copy(process: Process, file: Path) -> None:
    with file.open("ab") as said:
        for line in process.lines():
            said.write(line)
            said.flush()
