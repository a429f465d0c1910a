"""Starts a shipper if none is at work for a store in a spool, and waits for it at the end."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tfmlflow import whole_file
from tfmlflow.tracking.journal.spool import RunFolder, Spool, identity

log = logging.getLogger(__name__)

STORE = "TFMLFLOW_SHIPPER_STORE"  # the store's address, login and all, is handed over in the environment alone
POLL = 0.05  # seconds
NOT_FOR_IT = ("MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI")
KEEP = 2.0  # seconds between two looks whether a shipper is at work

PATIENCE = 10.0  # seconds that a shipper may take to come up
_started: dict[str, tuple[subprocess.Popen[bytes], float]] = {}  # by store: the process, and when it was started


def lock(spool: Spool, uri: str) -> FileLock:
    """Held by the one shipper of a store in a spool."""
    return FileLock(spool.root / f"shipper-{identity(uri)}.lock", timeout=0, mode=0o600)


def ensure(spool: Spool, uri: str) -> bool:
    """Start a shipper unless one is at work; whether one was started."""
    name = f"{spool.root} {identity(uri)}"
    if name in _started:
        process, when = _started[name]
        if process.poll() is None and time.monotonic() - when < PATIENCE:
            return False  # it is on its way
    probe = lock(spool, uri)
    try:
        probe.acquire()
        probe.release()
    except Timeout:
        return False
    except OSError as error:
        log.warning("no shipper can be started in %s: %s", spool.root, error)
        return False
    environment = {key: value for key, value in os.environ.items() if key not in NOT_FOR_IT}
    package = str(Path(__file__).resolve().parents[3])
    environment |= {
        STORE: uri,
        "PYTHONPATH": os.pathsep.join(filter(None, (package, environment.get("PYTHONPATH")))),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tfmlflow.tracking.shipper", str(spool.root)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # MLflow prints addresses, logins and all
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _started[name] = (process, time.monotonic())
    return True


def wait(folder: RunFolder, length: int, timeout: float, keep: Callable[[], None]) -> bool:
    """Wait until the store has the first `length` bytes of a journal and its files; whether it has in time.

    Args:
        folder: Of the run.
        length: Of its journal.
        timeout: Seconds.
        keep: Called now and then, to start another shipper should this one die.
    """
    began = kept = time.monotonic()
    while not folder.delivered and whole_file.read(folder.cursor).get("settled", 0) < length:
        now = time.monotonic()
        if now - began >= timeout:
            return False
        if now - kept > KEEP:
            keep()
            kept = now
        time.sleep(POLL)
    return True


def status(spool: Spool, uri: str) -> dict[str, Any]:
    """What the shipper of a store says of itself: pid, uri, and why the store is away; empty if none is at work."""
    return whole_file.read(status_file(spool, uri))


def status_file(spool: Spool, uri: str) -> Path:
    """Where it says so."""
    return spool.root / f"shipper-{identity(uri)}.json"
