"""The process that a pool's jobs come out of: it loads TensorFlow once and forks for each job.

    python -m tfmlflow.sweep.jobs.worker DESCRIPTOR

It does nothing with TensorFlow but load it, so that every job finds it fresh: no device is opened, no thread of
TensorFlow's runs. An order is a line of JSON with the folder of the task's files and the file to print to, or one to
end the process of a task. When that has begun, a line with the folder is written to the descriptor, and when it has
ended, one with its exit code too. With the end of the orders, or SIGTERM, it ends its children and itself: a job that
nobody waits for would be done twice.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib
import json
import os
import pickle
import select
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import cloudpickle

from tfmlflow import whole_file
from tfmlflow.garbage import none_while_loading
from tfmlflow.sweep.jobs.pool import RESULT, TASK

LOADED = [  # the program, and what its libraries load when they are first used
    "keras",
    "mlflow",
    "tfmlflow.run",
    "tfmlflow.result",
    "tfmlflow.trainer",
    "tfmlflow.models",
    "tfmlflow.config.check",
    "tfmlflow.data.pipeline",
    "tfmlflow.datasets.digits",
    "tfmlflow.optim.schedules",
    "tfmlflow.tracking.experiment",
    "hydra.main",
    "hydra._internal.hydra",
    "alembic.command",
    "git",
    "matplotlib.pyplot",
    "sklearn.datasets",
    "sqlalchemy.dialects.sqlite",
    "mlflow.tensorflow",
    "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
]
POLL = 0.05  # seconds
PATIENCE = 20.0  # seconds that children have after SIGTERM
INSISTENCE = 6.0  # seconds after which they are told again; a training that hangs heeds the second signal
DEATH = 1  # of prctl: the signal to be sent when the parent dies


def main(tells: int) -> None:
    """Do as ordered until there are no more orders; `tells` is the descriptor for what has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the children by themselves
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with none_while_loading():  # and what is loaded stays shared with the children: no collection of theirs touches it
        for name in LOADED:
            importlib.import_module(name)
        _know_packages()
    told_to_leave: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told_to_leave.append(number))
    children: dict[int, str] = {}
    ending: dict[int, float] = {}
    told_again: set[int] = set()
    rest, over = b"", False
    while not over and not told_to_leave:
        ready, _, _ = select.select([0], [], [], POLL)
        if ready:
            read = os.read(0, 65536)
            over = not read
            *orders, rest = (rest + read).split(b"\n")
            for order in map(json.loads, orders):
                if order.get("end"):
                    for child in [child for child, place in children.items() if place == order["place"]]:
                        os.kill(child, signal.SIGTERM)
                        ending[child] = time.monotonic()
                else:
                    children[_fork(order)] = order["place"]
                    _tell(tells, {"place": order["place"]})
        _hurry(ending, children, told_again)
        _tell_ended(children, tells)
    _end(children, tells)


def _know_packages() -> None:
    """What MLflow finds out of the installed packages when a process saves its first model, 0.6 s of reading."""
    with contextlib.suppress(Exception):  # not of MLflow's interface; a job that finds nothing does it itself
        importlib.import_module("mlflow.utils.requirements_utils")._init_packages_to_modules_map()


def _fork(order: dict[str, Any]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # the child shall not take it as the parent does
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        return child
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        with contextlib.suppress(OSError, AttributeError):  # Linux alone has it
            ctypes.CDLL(None).prctl(DEATH, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
        _connect(order["output"])
        os.environ.update(order["environment"])  # TensorFlow looks at it when it first asks for devices
        _work(Path(order["place"]))
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # as Python does: waits for its threads
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # without unloading TensorFlow, which takes seconds


def _connect(output: str) -> None:
    """What the job prints goes to a file; it has no input."""
    for descriptor, file, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND),
    ):
        opened = os.open(file, flags, 0o666)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.dup2(1, 2)


def _work(place: Path) -> None:
    task = pickle.loads((place / TASK).read_bytes())
    result = task()
    with whole_file.replacing(place / RESULT, durable=False) as stream:
        stream.write(cloudpickle.dumps(result))


def _tell_ended(children: dict[int, str], tells: int) -> None:
    for child in list(children):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            said = {"place": children.pop(child), "code": os.waitstatus_to_exitcode(status)}
            _tell(tells, said)


def _tell(tells: int, said: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(tells, json.dumps(said).encode() + b"\n")


def _hurry(ending: dict[int, float], children: dict[int, str], told_again: set[int]) -> None:
    """SIGTERM again to those that were told to end and are in the middle of something, in the end SIGKILL.

    Args:
        ending: When each was told to end.
        children: At work.
        told_again: Those that were told twice.
    """
    for child, told in list(ending.items()):
        if child not in children:
            del ending[child]
        elif time.monotonic() - told > PATIENCE:
            os.kill(child, signal.SIGKILL)
        elif time.monotonic() - told > INSISTENCE and child not in told_again:
            told_again.add(child)
            os.kill(child, signal.SIGTERM)


def _end(children: dict[int, str], tells: int) -> None:
    for child in children:
        os.kill(child, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while children and time.monotonic() < deadline:
        _tell_ended(children, tells)
        time.sleep(POLL)
    for child in children:
        os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
