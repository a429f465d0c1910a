"""What becomes of commands that are stopped: while they load, and while they hold something outside of themselves."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

from tfmlflow.errors import Interrupted


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: by an exception, so that it cleans up; then it says so.

    Raises:
        Interrupted: One of both has come. Further ones are not heard.
    """

    def stop(number: int, frame: object) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)
        raise Interrupted(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    except Interrupted as stopped:
        print(f"stopped by {signal.Signals(stopped.signum).name}", file=sys.stderr)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Ctrl-C while libraries load: it leaves at once; an exception in the middle of them may come out as another."""

    def leave(number: int, frame: object) -> None:
        os.write(2, b"stopped by SIGINT\n")
        os._exit(130)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # ignored, or somebody else's
        yield
        return
    signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
