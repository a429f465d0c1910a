"""Small files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def replacing(file: Path, mode: int = 0o600, durable: bool = True) -> Iterator[IO[bytes]]:
    """A stream whose content takes the place of `file` in one step, after it is safe on the disk.

    Args:
        file: Its folder is made if need be, for its owner alone.
        mode: Of a new file.
        durable: Wait until it is safe on the disk; false for what nobody needs after a loss of power.

    Raises:
        OSError: The disk is full; `file` is as it was.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}.part")  # nobody else's
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        unfinished.replace(file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write(file: Path, content: str, mode: int = 0o600, durable: bool = True) -> Path:
    """Let `content` take the place of a file, as of `replacing`."""
    with replacing(file, mode, durable) as stream:
        stream.write(content.encode())
    return file


def read(file: Path) -> dict[str, Any]:
    """What `write` has left, a JSON mapping; empty if it is not there, or was damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def since(file: Path, moment: float) -> bool:
    """Whether a file is there that was written after a moment, seconds since 1970."""
    try:
        return file.stat().st_mtime >= moment
    except OSError:
        return False
