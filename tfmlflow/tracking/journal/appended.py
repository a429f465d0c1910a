"""A file of frames that is only appended to: each time all of what is given, or nothing of it."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from tfmlflow.tracking.journal import format, reader
from tfmlflow.tracking.journal.format import Position

log = logging.getLogger(__name__)

BLOCK = 1024 * 1024  # bytes copied at once


class Appended:
    """A journal's file, for its one writer.

    Attributes:
        length: Bytes in it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None
        self.length = 0

    @property
    def is_open(self) -> bool:
        """Whether it was opened."""
        return self._descriptor is not None

    def open(self) -> Position:
        """Open it behind its last whole frame; the place of that.

        Raises:
            OSError: It cannot be written.
        """
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        try:
            place = reader.sound_end(self._file)
        except reader.OtherVersion as error:
            log.warning("%s; it is left aside", error)
            self._file.rename(self._file.with_name(f"{self._file.name}-of-another-version"))
            place = format.START
        self.length = place.offset
        self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._descriptor, self.length)
        if self.length == 0:
            self.append(format.HEADER)
        return place

    def append(self, content: bytes) -> None:
        """Write all of it or nothing, and wait until it is safe on the disk.

        Raises:
            OSError: There is no room.
        """
        if self._descriptor is None:
            self.open()
        assert self._descriptor is not None
        done = 0
        try:
            while done < len(content):
                done += os.pwrite(self._descriptor, content[done:], self.length + done)
            os.fsync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.length)
            raise
        self.length += done

    @property
    def deleted(self) -> bool:
        """Whether the file that is open is no longer the one that has its name."""
        if self._descriptor is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._descriptor), self._file.stat())
        except OSError:
            return True

    def restore(self) -> None:
        """Write a file that was deleted again, of what is still open of it.

        Raises:
            OSError: It cannot be written.
        """
        if self._descriptor is None or not self.deleted:
            return
        old = self._descriptor
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            done = 0
            while done < self.length and (block := os.pread(old, BLOCK, done)):
                done += os.pwrite(new, block[: self.length - done], done)
            os.fsync(new)
        except OSError:
            os.close(new)
            raise
        os.close(old)
        self._descriptor = new

    def close(self) -> None:
        """Close it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
