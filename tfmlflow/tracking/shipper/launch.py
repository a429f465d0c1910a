"""Starts a shipper if none is at work for a store in a spool, and waits for it at the end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from tfmlflow import whole_file
from tfmlflow.duration import duration
from tfmlflow.masking import masked
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.journal.spool import Spool, identity

log = logging.getLogger(__name__)

STORE = "TFMLFLOW_SHIPPER_STORE"  # the store's address, login and all, is handed over in the environment alone
POLL = 0.05  # seconds
NOT_FOR_IT = ("MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI")
KEEP = 2.0  # seconds between two looks whether a shipper is at work
BEAT = 2.0  # seconds between two of its signs of life
PATIENCE = 10.0  # seconds that a shipper may take to come up
SILENT = 60.0  # seconds without a sign of life after which it hangs: no request to a store takes so long
LOGIN = "the store refuses the login"
LOGIN_PAUSE = 600.0  # seconds until a login that was refused is tried again by itself

_started: dict[str, tuple[Started, float]] = {}  # by store: the process, and when it was started
_failed: dict[str, str] = {}  # by store: why none can be started


class Started(Protocol):
    """A shipper, on its way or at work."""

    def poll(self) -> int | None:
        """None while it is."""


@dataclass(frozen=True)
class ShipperState:
    """What is known of a store's shipper.

    Attributes:
        pid: None if there is none.
        away: Why the store takes nothing just now.
        stuck: Why it cannot work, although it is there.
        left: Why it has left although something was left.
    """

    pid: int | None = None
    away: str | None = None
    stuck: str | None = None
    left: str | None = None

    @property
    def why(self) -> str | None:
        """What keeps it from delivering."""
        return self.stuck or self.away or self.left


class Status:
    """Word of what the shipper of a store is doing, for `tfmlflow sync` and `tfmlflow runs`.

    Args:
        spool, uri: Whose.
    """

    def __init__(self, spool: Spool, uri: str) -> None:
        self._file, process = status_file(spool, uri), Process.current()
        self._who = {"pid": process.pid, "process": asdict(process), "uri": masked("uri", uri)}
        self._written: tuple[str, float] = ("", 0.0)  # what was said, and when

    def write(self, away: str | None, left: str) -> None:
        """Say that it lives, why its store is away, and why it has left; not more often than anybody looks."""
        said, now = {**self._who, "away": away, "left": left}, time.monotonic()
        if str(said) == self._written[0] and now - self._written[1] < BEAT:
            return
        with contextlib.suppress(OSError):  # a full disk: said at the next round
            whole_file.write(self._file, json.dumps({**said, "beat": now, "time": time.time()}), durable=False)
            self._written = (str(said), now)

    def remove(self) -> None:
        """There is none any more, and nothing to be said."""
        self._file.unlink(missing_ok=True)


def lock(spool: Spool, uri: str) -> FileLock:
    """Held by the one shipper of a store in a spool."""
    return FileLock(spool.root / f"shipper-{identity(uri)}.lock", timeout=0, mode=0o600)


def ensure(spool: Spool, uri: str, now: bool = True) -> bool:
    """Start a shipper unless one is at work; whether one was started.

    Args:
        spool, uri: Whose.
        now: Also if the last one has left because the store refused its login.
    """
    name = f"{spool.root} {identity(uri)}"
    if name in _started:
        process, when = _started[name]
        if process.poll() is None and time.monotonic() - when < PATIENCE:
            return False  # it is on its way
    if not now and _login_refused(spool, uri):
        return False
    probe = lock(spool, uri)
    try:
        probe.acquire()
        probe.release()
        process = start(spool, uri)
    except Timeout:
        return False
    except (OSError, NotImplementedError) as error:  # the spool is gone, there is no memory for a process
        if _failed.get(name) != str(error):
            log.warning("no shipper can be started for %s: %s; `tfmlflow sync` delivers later", spool.root, error)
        _failed[name] = str(error)
        return False
    _failed.pop(name, None)
    _started[name] = (process, time.monotonic())
    return True


def command(spool: Spool) -> list[str]:
    """What Python is started with."""
    return ["-P", "-m", "tfmlflow.tracking.shipper", str(spool.root)]


def environment(uri: str) -> dict[str, str]:
    """What a shipper finds in it: ours, and the store's address."""
    found = {key: value for key, value in os.environ.items() if key not in NOT_FOR_IT}
    package = str(Path(__file__).resolve().parents[3])
    return found | {
        STORE: uri,
        "PYTHONPATH": os.pathsep.join(filter(None, (package, found.get("PYTHONPATH")))),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def in_a_process(spool: Spool, uri: str) -> subprocess.Popen[bytes]:
    """Start a shipper that outlives this process."""
    return subprocess.Popen(
        [sys.executable, *command(spool)],
        env=environment(uri),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # MLflow prints addresses, logins and all
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


start: Callable[[Spool, str], Started] = in_a_process  # `inline.shippers` has another


def wait(folder: RunFolder, length: int, timeout: float, keep: Callable[[], None]) -> bool:
    """Wait until the store has the first `length` bytes of a journal and its files; whether it has in time.

    Args:
        folder: Of the run.
        length: Of its journal.
        timeout: Seconds.
        keep: Called now and then, to start another shipper should this one die.
    """
    began = kept = time.monotonic()
    while not folder.delivered and not _settled(folder, length):
        now = time.monotonic()
        if now - began >= timeout:
            return False
        if now - kept > KEEP:
            keep()
            kept = now
        time.sleep(POLL)
    return True


def _settled(folder: RunFolder, length: int) -> bool:
    settled = whole_file.read(folder.cursor).get("settled", 0)
    return isinstance(settled, int) and settled >= length


def state(spool: Spool, uri: str) -> ShipperState:
    """What a store's shipper says of itself, and how it is."""
    said = whole_file.read(status_file(spool, uri))
    if not said:
        return ShipperState(stuck=_failed.get(f"{spool.root} {identity(uri)}"))
    away, left = (value if isinstance(value, str) and value else None for value in (said.get("away"), said.get("left")))
    if left is not None:
        return ShipperState(away=away, left=f"its shipper has left: {left}")
    process, beat = _process(said.get("process")), said.get("beat")
    if process is None or not process.here or not process.alive:
        return ShipperState(away=away)  # it was killed, or is another machine's: its number may be somebody else's here
    pid = process.pid
    if process.stopped:
        return ShipperState(pid, away, f"its shipper, process {pid}, is stopped: kill -CONT {pid}")
    silent = time.monotonic() - beat if isinstance(beat, int | float) else 0.0
    if silent > SILENT:
        hangs = f"its shipper, process {pid}, has given no sign of life for {duration(silent)}: kill {pid}"
        return ShipperState(pid, away, hangs)
    return ShipperState(pid, away)


def _process(said: object) -> Process | None:
    """That of a shipper, as it has told."""
    try:
        return Process(**said) if isinstance(said, dict) else None
    except TypeError:  # of another version
        return None


def _login_refused(spool: Spool, uri: str) -> bool:
    said = whole_file.read(status_file(spool, uri))
    when = said.get("time")
    return said.get("left") == LOGIN and isinstance(when, int | float) and abs(time.time() - when) < LOGIN_PAUSE


def status_file(spool: Spool, uri: str) -> Path:
    """Where the shipper of a store says what it is doing: its process, beat, and why the store is away."""
    return spool.root / f"shipper-{identity(uri)}.json"
