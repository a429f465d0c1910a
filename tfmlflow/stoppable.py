"""Commands that make or hold something outside of themselves, and take it away when they are stopped."""

from __future__ import annotations

import contextlib
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
