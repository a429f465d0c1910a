"""A process that does one task of `Pool`: loads TensorFlow, waits for the task, does it, leaves its result, ends.

    python -m tfmlflow.sweep.worker FOLDER

It ends with the process that has started it: a job nobody waits for would be done twice.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
import threading
from pathlib import Path

LOADED = ("keras", "mlflow", "tfmlflow.trainer", "tfmlflow.tracking.experiment", "tfmlflow.data.pipeline")


def main(folder: Path) -> int:
    """Do the task; the exit code is 0 if there was one."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    for name in LOADED:
        importlib.import_module(name)
    output = _line()
    if not output:
        return 1
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _print_to(output)
    import cloudpickle

    task = pickle.loads((folder / "task").read_bytes())
    result = task()
    sys.stdout.flush()
    unfinished = folder / "result.part"
    unfinished.write_bytes(cloudpickle.dumps(result))
    unfinished.replace(folder / "result")
    return 0


def _line() -> bytes:
    """What the pool says, byte by byte: a buffered stream that a thread reads is not to be closed at the end."""
    line = b""
    while (read := os.read(0, 1)) not in (b"", b"\n"):
        line += read
    return line


def _print_to(file: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _leave_with_parent() -> None:
    while os.read(0, 1024):
        pass
    if os.getppid() != PARENT:
        os.kill(os.getpid(), signal.SIGTERM)


PARENT = os.getppid()

if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
