"""`python -m tfmlflow.tracking.shipper SPOOL`: started by `launch`, with the store's address in the environment."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from tfmlflow.garbage import none_while_loading
from tfmlflow.masking.log import Formatter
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.shipper import launch

if TYPE_CHECKING:
    from tfmlflow.tracking.shipper.process import Shipper

PRIORITY = 10  # added to the niceness
PATIENCE = 2.0  # seconds for which somebody may look whether the lock is held
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


class Told:
    """Signals to leave, also those that come while the shipper is still loading."""

    def __init__(self) -> None:
        self.times = 0
        self.shipper: Shipper | None = None
        signal.signal(signal.SIGTERM, self._told)
        for name in ("SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1"):  # meant for the training, if they reach us at all
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)

    def _told(self, number: int, frame: Any) -> None:
        self.times += 1
        if self.shipper is not None:
            self.shipper.leave()


def main(root: str) -> None:
    """Be the shipper, if nobody is it yet."""
    told = Told()
    os.umask(0o077)
    spool, uri = Spool(Path(root)), os.environ.pop(launch.STORE)
    held = launch.lock(spool, uri)
    with contextlib.suppress(Timeout), held.acquire(timeout=PATIENCE):
        with contextlib.suppress(OSError, AttributeError):
            os.nice(PRIORITY)
        patience = _patience()
        os.environ.update(SETTINGS)
        _log_to(spool.root / "shipper.log")

        with none_while_loading():
            from tfmlflow.tracking.shipper.process import Shipper

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        idle = float(os.environ.get("TFMLFLOW_SHIPPER_IDLE", "10"))
        shipper = told.shipper = Shipper(spool, uri, idle=idle, patience=patience)
        for _ in range(told.times):
            shipper.leave()
        began = time.monotonic()
        shipper.run()
        logging.info("leaves after %.0f s, %d runs left", time.monotonic() - began, shipper.left)


def _patience() -> float:
    """Seconds that the user gives a server for an answer, which are too many for one that hangs."""
    try:
        return float(os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", "0"))
    except ValueError:
        return 0.0


def _log_to(file: Path) -> None:
    with contextlib.suppress(OSError):  # a disk that is full
        handler = RotatingFileHandler(file, maxBytes=1_000_000, backupCount=1)
        handler.setFormatter(Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
        logging.basicConfig(level=logging.INFO, handlers=[handler])
    sys.excepthook = lambda kind, error, trace: logging.critical("dies", exc_info=(kind, error, trace))


if __name__ == "__main__":
    main(sys.argv[1])
