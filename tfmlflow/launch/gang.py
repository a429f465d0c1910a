"""Processes that live and die together: their output in one place, each line with the name of who has said it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence

from tfmlflow.launch.engine import Engine, Running
from tfmlflow.launch.member import Ended, Member
from tfmlflow.launch.noise import Noise

POLL = 0.1  # seconds between two looks
GRACE = 20.0  # seconds after a signal within which the chief may save what it has
FOLLOWERS = 5.0  # seconds that the others have after it


class Gang:
    """Processes that are started together; when one of them fails, the others are ended.

    Args:
        members: Who, the chief first.
        engine: Where; it has an address for each.
        say: Takes a line of somebody's output.
        restarts: How often one that the others can spare is started again.

    Attributes:
        restarts: How often that may still be.
    """

    def __init__(
        self, members: Sequence[Member], engine: Engine, say: Callable[[str], None], restarts: int = 0
    ) -> None:
        self.restarts, self._engine = restarts, engine
        self._places = {member.name: place for place, member in enumerate(members)}
        self._say, self._readers = say, list[threading.Thread]()
        self._members = {member.name: member for member in members}
        self._processes: dict[str, Running] = {}
        self._heard: set[str] | None = None  # whose output is still shown; None: everybody's
        try:
            for member in members:
                self._start(member)
        except BaseException:
            self.end(signal.SIGKILL)
            raise

    def _start(self, member: Member) -> None:
        member.output.parent.mkdir(parents=True, exist_ok=True)
        process = self._engine.start(self._places[member.name], member)
        self._processes[member.name] = process
        reader = threading.Thread(target=self._read, args=(member, process), daemon=True)
        reader.start()
        self._readers.append(reader)

    def wait(self) -> Ended | None:
        """Wait until all have left; who was the first to fail, None if nobody did. The others are ended then."""
        while True:
            if self._failed():
                time.sleep(2 * POLL)  # of several that leave at once, one that was killed is the cause
                first = min(self._failed(), key=lambda ended: ended.code > 0)
                if not self._spares(first):
                    self.end(signal.SIGTERM, first.name)
                    return first
            elif all(process.poll() == 0 for process in self._processes.values()):
                self._finish()
                return None
            elif self._is_served():
                self.end(signal.SIGTERM)  # one that was started again so late that it finds nobody
                return None
            time.sleep(POLL)

    def _is_served(self) -> bool:
        """Whether the chief of those that serve it has ended well, and they have had time to leave."""
        chief = next(iter(self._processes.values()))
        if chief.poll() != 0 or not any(member.spare for member in self._members.values()):
            return False
        _wait(list(self._processes.values()), FOLLOWERS)
        return True

    def _failed(self) -> list[Ended]:
        """Those that have, the chief first."""
        return [Ended(name, code) for name, process in self._processes.items() if (code := process.poll())]

    def _spares(self, ended: Ended) -> bool:
        """Whether the others go on: without it, or with another in its place."""
        others = [name for name, one in self._members.items() if one.spare and name != ended.name]
        wrong = ended.code == 2  # the command
        if not self._members[ended.name].spare or wrong or (not others and self.restarts == 0):
            return False
        if self.restarts > 0:
            self.restarts -= 1
            self._say(f"{ended}; starting it again, {self.restarts} restart(s) left")
            self._start(self._members[ended.name])
        else:
            self._say(f"{ended}; the others go on without it")
            del self._processes[ended.name], self._members[ended.name]
        return True

    def end(self, number: int, heard: str | None = None) -> None:
        """End those that are still there: by a signal, and by SIGKILL where that does not help.

        The first one, the chief, has time to save what there is before the others leave it.

        Args:
            number: Of the signal.
            heard: Whose output is still shown, what the others say being in their files; the chief's if not given.
        """
        self._heard = {heard or next(iter(self._processes), "")}
        processes = list(self._processes.values())
        for some, patience in ((processes[:1], GRACE), (processes[1:], FOLLOWERS)):
            for process in some:
                process.send(number)
            _wait(some, patience if number != signal.SIGKILL else 0)
            for process in some:
                process.send(signal.SIGKILL)
        _wait(processes, GRACE)
        self._finish()

    def _finish(self) -> None:
        for reader in self._readers:
            reader.join(2.0)  # a shipper that outlives its trainer may hold the pipe

    def _read(self, member: Member, process: Running) -> None:
        noise = Noise()
        with member.output.open("ab") as file:
            for line in process.lines():
                file.write(line)
                file.flush()
                text = line.decode(errors="replace").rstrip()
                if (self._heard is None or member.name in self._heard) and not noise.is_in(text):
                    self._say(f"[{member.name}] {text}")


def _wait(processes: Sequence[Running], seconds: float) -> None:
    """Until all have ended, at most so long."""
    deadline = time.monotonic() + seconds
    while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
        time.sleep(POLL)
