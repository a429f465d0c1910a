"""The folder of one run in the spool: what lies where."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from tfmlflow import whole_file
from tfmlflow.tracking.journal import format, reader
from tfmlflow.tracking.journal.records import Begin

NAMES = (  # all that we put there, beside `files`
    *("journal", "essentials", "system", "cursor", "store", "lock", "closing", "reserve", "delivered", "trouble"),
    *("wish", "dropped"),
)


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run. Its name is made by the spool, never taken from what a user or a store says."""

    path: Path

    @property
    def key(self) -> str:
        """The run's name in the spool."""
        return self.path.name

    @property
    def journal(self) -> Path:
        """What the training says."""
        return self.path / "journal"

    @property
    def essentials(self) -> Path:
        """The same without points, in case the journal is damaged."""
        return self.path / "essentials"

    @property
    def system(self) -> Path:
        """What the shipper measures of the trainer."""
        return self.path / "system"

    @property
    def cursor(self) -> Path:
        """How far the shipper has delivered."""
        return self.path / "cursor"

    @property
    def files(self) -> Path:
        """Files that wait for delivery."""
        return self.path / "files"

    @property
    def store(self) -> Path:
        """Hash of the store's address: whose shipper delivers this."""
        return self.path / "store"

    @property
    def closing(self) -> Path:
        """There while a trainer waits for the rest of its run to be delivered."""
        return self.path / "closing"

    @property
    def trouble(self) -> Path:
        """Why the shipper cannot deliver this run."""
        return self.path / "trouble"

    @property
    def wish(self) -> Path:
        """What a person wants to be done with it."""
        return self.path / "wish"

    @property
    def dropped(self) -> bool:
        """Whether a person has said that it need not be delivered."""
        return (self.path / "dropped").exists()

    def drop(self) -> None:
        """A person says so; what is there is removed."""
        (self.path / "dropped").touch(mode=0o600)
        self.remove()

    @property
    def length(self) -> int:
        """Bytes of the journal; 0 where it is gone."""
        try:
            return self.journal.stat().st_size
        except OSError:
            return 0

    @property
    def written(self) -> tuple[int, ...]:
        """Bytes of the copy of the journal and of the measurements."""
        return tuple(file.stat().st_size if file.is_file() else -1 for file in (self.essentials, self.system))

    @property
    def delivered(self) -> bool:
        """Whether the store has everything, the journal as long as it is now."""
        try:
            return int((self.path / "delivered").read_text()) == self.length
        except (OSError, ValueError):
            return False

    def mark_delivered(self, length: int) -> None:
        """The store has the first `length` bytes of the journal; it stays for a day."""
        whole_file.write(self.path / "delivered", str(length))

    @property
    def blank(self) -> bool:
        """Whether nothing was ever said in it, as far as its files tell."""
        for file in (self.journal, self.essentials):
            try:
                with file.open("rb") as stream:
                    content = stream.read(len(format.HEADER) + 1)
            except FileNotFoundError:
                continue
            except OSError:
                return False
            if not format.HEADER.startswith(content):
                return False
        return True

    def begin(self) -> Begin | None:
        """How the first training in it began; None if nothing was said, or it cannot be read."""
        for file in (self.essentials, self.journal):
            with contextlib.suppress(OSError, reader.OtherVersion):
                for _, record in reader.read(file):
                    if isinstance(record, Begin):
                        return record
        return None

    def remove(self) -> None:
        """Remove what we have put there, by name, and the folder if nothing else is in it."""
        shutil.rmtree(self.files, ignore_errors=True)
        for name in NAMES:
            with contextlib.suppress(OSError):
                (self.path / name).unlink()
        with contextlib.suppress(OSError):
            self.path.rmdir()
