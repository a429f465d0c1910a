"""Output that a program outlives: a pipe that nobody reads any more (`| head`), a closed terminal, a full disk."""

from __future__ import annotations

import errno
import os
import sys
from typing import IO, Any

GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ECONNRESET)  # nobody will read it again


class LastingOutput:
    """A text stream that drops what cannot be written.

    Args:
        stream: sys.stdout or sys.stderr.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes it, or not."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
        except ValueError:  # the stream was closed
            pass
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Writes them, or not."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Writes what waits, or not."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)
        except ValueError:
            pass

    def _give_up(self, error: OSError) -> None:
        if error.errno not in GONE:
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # for what waits in the stream, and for C libraries
            os.close(nowhere)
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def outlive_output() -> None:
    """From now on no print, log line or progress bar of this process raises because it cannot be written."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, LastingOutput):
            setattr(sys, name, LastingOutput(stream))
