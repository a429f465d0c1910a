"""The process that `tests.forked` forks: it has loaded some modules and done nothing with them.

    python tests/forking_server.py ROOM DESCRIPTOR MODULE...

An order is one message on the socket: JSON with the command line, the folder and the environment, and with it the
descriptors of stdin, stdout, stderr and of a pipe that is told the pid, then the exit code. Those that it has forked
give it orders as well: a shipper that one of them starts is forked too.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

LONGEST = 1 << 20  # bytes of an order
POLL = 0.02  # seconds


def serve(orders: socket.socket) -> None:
    """Until nobody is there any more to give orders."""
    children: dict[int, int] = {}
    theirs, heard = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    while True:
        ready, _, _ = select.select([orders, heard], [], [], POLL if children else None)
        for source in ready:
            message, descriptors, _, _ = socket.recv_fds(source, LONGEST, 4)
            if not message:
                return
            *streams, tells = descriptors
            child = os.fork()
            if not child:
                orders.close()
                heard.close()
                for other in (tells, *children.values()):
                    os.close(other)
                become(json.loads(message), streams, theirs)
            for stream in streams:
                os.close(stream)
            children[child] = tells
            tell(tells, child)
        for child in list(children):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                tells = children.pop(child)
                tell(tells, os.waitstatus_to_exitcode(status))
                os.close(tells)


def tell(tells: int, number: int) -> None:
    """The one who has given the order, if it is still there."""
    with contextlib.suppress(BrokenPipeError):
        os.write(tells, b"%d\n" % number)


def become(order: dict[str, Any], streams: list[int], orders: socket.socket) -> NoReturn:
    """The process that was asked for, to its end."""
    if order["session"]:
        os.setsid()
    be_called(order["words"])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    if os.environ.get("PYTHONUNBUFFERED"):
        sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    if Path("hydra_plugins").exists():  # somebody's own: they are looked for anew
        from hydra.core.plugins import Plugins
        from hydra.core.singleton import Singleton

        Singleton._instances.pop(Plugins, None)
    if forked is not None:
        fork_shippers(orders)
        if "launch" in order["words"]:
            fork_members(orders)
    if "tracking.report=true" not in order["words"]:
        make_no_pictures()
    code, interrupted = 0, False
    try:
        program(order["words"])
    except SystemExit as error:
        if error.code is not None and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
        code = 0 if error.code is None else error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        code, interrupted = 1, isinstance(error, KeyboardInterrupt)
        sys.excepthook(*sys.exc_info())
    finally:  # what Python does at its end, but for unloading libraries
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        if interrupted:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        os._exit(code & 0xFF)


def be_called(words: Sequence[str]) -> None:
    """What `ps` shows, in the place of this file's command line, as far as there is room."""
    with contextlib.suppress(OSError), Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])
        said = b"\0".join(word.encode() for word in ("python", *words))[: end - start - 1]
        memory.seek(start)
        memory.write(said.ljust(end - start, b"\0"))


def fork_shippers(orders: socket.socket) -> None:
    """Have the shippers that this process starts forked as well: loading MLflow takes two seconds of a processor."""
    from tfmlflow.tracking.shipper import launch

    launch.start = lambda spool, uri: forked.shipper(orders, spool, uri)


def fork_members(orders: socket.socket) -> None:
    """Have the processes of a training that `tfmlflow launch` starts forked too: each takes six seconds to load."""
    from tfmlflow.launch import local

    local.Process = functools.partial(forked.Member, orders)  # type: ignore[assignment,misc]


def make_no_pictures() -> None:
    """Have trainings leave away curves and `report.html`, unless it is asked for: a second of a processor each."""
    if (listeners := sys.modules.get("tfmlflow.tracking.listeners")) is not None:
        listeners.report_of = lambda *_: None  # type: ignore[attr-defined]
    if (results := sys.modules.get("tfmlflow.tracking.recording.results")) is not None:
        results.draw = lambda *_, **__: None  # type: ignore[attr-defined]


def program(words: list[str]) -> None:
    """What `python <words>` does: `-c text`, `-m module` or a file, and arguments; of its options, `-P`."""
    import runpy

    here = [] if words[0] == "-P" else [str(Path.cwd())]
    words = words[1:] if words[0] == "-P" else words
    more = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    if words[0] == "-m":
        sys.path[:0] = [*here, *more]
        sys.argv[:] = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        return
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    if words[0] == "-c":
        name, text = "<string>", words[1]
        sys.path[:0] = ["", *more]
        sys.argv[:] = ["-c", *words[2:]]
    else:
        name, text = words[0], Path(words[0]).read_text()
        main.__file__ = name
        sys.path[:0] = [str(Path(name).resolve().parent), *more]
        sys.argv[:] = words
    exec(compile(text, name, "exec"), main.__dict__)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder is nobody's
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    gc.disable()
    for each in sys.argv[3:]:
        importlib.import_module(each)
    if "hydra" in sys.modules:  # it looks for its plugins once in a process
        importlib.import_module("hydra.core.plugins").Plugins.instance()
    forked: Any = None
    if "mlflow" in sys.modules:  # else those that are forked are to show that they do without
        importlib.import_module("tfmlflow.tracking.shipper.process")
        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
        forked = importlib.import_module("tests.forked")
        del sys.path[0], sys.modules["tests"], sys.modules["tests.forked"]  # somebody has `tests` of their own
    gc.freeze()
    gc.enable()
    serve(socket.socket(fileno=int(sys.argv[2])))
