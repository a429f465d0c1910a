"""Python processes that find TensorFlow loaded.

Loading it takes five seconds of a processor, and the tests need hundreds of processes. These are forked from one that
has loaded it (`forking_server`), and are processes of their own in all else: their pid, folder, environment, streams,
signals and exit code. What is about starting Python itself is tested with a fresh interpreter.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from tfmlflow.launch.local import Process
from tfmlflow.sweep.jobs.worker import LOADED
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.shipper import launch

_one_at_a_time = threading.Lock()
SERVER = Path(__file__).with_name("forking_server.py")
LIST = "forked.txt"
MEMBERS = "members.txt"  # in the folder of `tfmlflow launch`: pid and folder of each process of a training, a line each
ROOM = 4096  # bytes of command line that those that are forked can have of their own


def started(
    words: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    stdout: IO[bytes],
    stderr: IO[bytes],
    fresh: bool = False,
    stdin: IO[bytes] | None = None,
) -> Forked | subprocess.Popen[bytes]:
    """`python <words>`; `fresh`, or where Python finds something to do as it starts, by an interpreter of its own.

    With a file `forked.txt` beside that something, they are forked from one that has done it and has loaded the modules
    in the file.
    """
    path = env.get("PYTHONPATH", "")
    at_start = [Path(folder) for folder in path.split(os.pathsep) if Path(folder, "sitecustomize.py").exists()]
    modules = tuple((at_start[0] / LIST).read_text().split()) if at_start and (at_start[0] / LIST).exists() else ()
    if fresh or (at_start and not modules):
        command = [sys.executable, *words]
        given = stdin or subprocess.DEVNULL
        return subprocess.Popen(command, cwd=cwd, env=env, stdin=given, stdout=stdout, stderr=stderr)
    with _one_at_a_time:
        server = _server(path, modules) if at_start else _server("", tuple(LOADED))
    return Forked(server, words, cwd, env, stdout, stderr, stdin=stdin)


class Forked:
    """`python <words>`, with what tests use of `subprocess.Popen`.

    Args:
        server: Forks it.
        words: `-c text`, `-m module` or a file, and arguments.
        cwd: Its folder.
        env: Its environment.
        stdout, stderr: Files.
        session: Whether it has a session of its own.
        stdin: Another file; else it has nothing to read.
    """

    def __init__(
        self,
        server: socket.socket,
        words: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        stdout: IO[bytes],
        stderr: IO[bytes],
        session: bool = False,
        stdin: IO[bytes] | None = None,
    ) -> None:
        self.args = ["python", *words]
        self.returncode: int | None = None
        self._said = b""
        self._news, tells = os.pipe()
        order = json.dumps({"words": list(words), "folder": str(cwd), "environment": dict(env), "session": session})
        with Path(os.devnull).open("rb") as nothing:
            descriptors = [(stdin or nothing).fileno(), stdout.fileno(), stderr.fileno(), tells]
            socket.send_fds(server, [order.encode()], descriptors)
        os.close(tells)
        while b"\n" not in self._said:  # the first one waits for TensorFlow
            self._hear(None)
        pid, self._said = self._said.split(b"\n", 1)
        self.pid = int(pid)

    def poll(self) -> int | None:
        """The exit code, None while it is at work."""
        if self.returncode is None:
            if not self._said.endswith(b"\n"):
                self._hear(0.0)
            if self._said.endswith(b"\n"):
                self.returncode = int(self._said)
                os.close(self._news)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code.

        Raises:
            subprocess.TimeoutExpired: It is at work after `timeout` seconds.
        """
        deadline = time.monotonic() + (timeout if timeout is not None else 3600.0)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            if not self._said:
                self._hear(max(0.0, deadline - time.monotonic()))
        return code

    def send_signal(self, number: int) -> None:
        """A signal, if it is still there."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _hear(self, timeout: float | None) -> None:
        ready, _, _ = select.select([self._news], [], [], timeout)
        if ready:
            read = os.read(self._news, 64)
            if not read:
                raise RuntimeError("the process that tests fork has ended")
            self._said += read


def shipper(server: socket.socket | None, spool: Spool, uri: str) -> Forked:
    """What `launch.in_a_process` does; of the process that tests fork if no other is given."""
    if server is None:
        with _one_at_a_time:
            server = _server("", tuple(LOADED))
    with Path(os.devnull).open("wb") as nothing:
        variables = launch.environment(uri)
        return Forked(server, launch.command(spool), Path.cwd(), variables, nothing, nothing, session=True)


class Member(Process):
    """A forked one; where it has written its pid, tests find it.

    Args:
        server: Forks it.
        command, variables, folder, heeds: As of `Process`.
    """

    def __init__(
        self,
        server: socket.socket,
        command: Sequence[str],
        variables: Mapping[str, str | None],
        folder: str | None = None,
        heeds: bool = False,
    ) -> None:
        environment = {key: value for key, value in (os.environ | dict(variables)).items() if value is not None}
        read, write = os.pipe()
        with os.fdopen(write, "wb") as said:
            place = Path(folder) if folder else Path.cwd()
            self._process = Forked(server, command[1:], place, environment, said, said, True)  # type: ignore[assignment]
        self._said = os.fdopen(read, "rb")
        with Path(MEMBERS).open("a") as members:
            members.write(f"{self._process.pid} {environment['TFMLFLOW_OUTPUT']}\n")

    def lines(self) -> Iterator[bytes]:
        """As of `Process`."""
        yield from self._said


@functools.cache
def _server(path: str, modules: tuple[str, ...]) -> socket.socket:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    path = path or os.environ.get("PYTHONPATH", "")  # else what is installed would be tested, in place of what is here
    with its:
        command = [sys.executable, str(SERVER), "." * ROOM, str(its.fileno()), *modules]
        subprocess.Popen(command, pass_fds=[its.fileno()], process_group=0, env=os.environ | {"PYTHONPATH": path})
    return ours
