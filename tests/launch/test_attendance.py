"""Who is gone is known at once, and who comes back hears what was said meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tfmlflow.hardware.attendance import Attendance, Member
from tfmlflow.hardware.rendezvous import Meeting, come
from tfmlflow.launch.local import free_ports

NAMES = ("worker 0", "server 0")


class Other:
    """A process beside the chief, in a thread."""

    def __init__(self, meeting: Meeting, name: str) -> None:
        self.connection = come(meeting, name)
        self.told: list[dict[str, Any]] = []
        self.over: bool | None = None
        self._thread = threading.Thread(target=self._serve, args=(Member(name, self.connection),))
        self._thread.start()

    def _serve(self, member: Member) -> None:
        self.over = member.serve(self.told.append, lambda: None)

    def left(self) -> bool | None:
        """Whether it was told that it is over."""
        self._thread.join(5)
        return self.over


@pytest.fixture
def meeting() -> Meeting:
    (port,) = free_ports(1)
    return Meeting(
        "parameter_server", f"127.0.0.1:{port}", "the chief", dict.fromkeys(NAMES, "x:1"), 5.0, {"keras": "3"}
    )


@pytest.fixture
def all_here(meeting: Meeting) -> Iterator[tuple[Attendance, list[Other]]]:
    with ThreadPoolExecutor(3) as pool:
        others = [pool.submit(Other, meeting, name) for name in NAMES]
        chief = Attendance(meeting)
        yield chief, [one.result() for one in others]
        chief.close()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert true()


def test_all_hear_and_leave_when_it_is_over(all_here: tuple[Attendance, list[Other]]) -> None:
    chief, others = all_here
    assert (chief.here("worker"), chief.here("server")) == (["worker 0"], ["server 0"])
    chief.tell(run_id="abc")
    chief.close(over=True)
    assert [one.left() for one in others] == [True, True]
    assert [one.told for one in others] == [[{"run_id": "abc"}]] * 2
    assert chief.left == []


def test_a_chief_that_is_gone_lets_nobody_wait(all_here: tuple[Attendance, list[Other]]) -> None:
    chief, others = all_here
    chief.close()
    assert [one.left() for one in others] == [False, False]


def test_one_that_dies_is_noted_and_heard_again_when_it_is_back(
    all_here: tuple[Attendance, list[Other]], meeting: Meeting
) -> None:
    chief, (worker, _) = all_here
    chief.tell(run_id="abc")
    worker.connection.close()
    until(lambda: chief.left == ["worker 0"])
    assert (chief.here("worker"), chief.here("server")) == ([], ["server 0"])
    again = Other(meeting, "worker 0")
    until(lambda: chief.here("worker") == ["worker 0"])
    until(lambda: again.told == [{"run_id": "abc"}])
    chief.close(over=True)
    assert again.left() is True


def test_strangers_are_not_let_in(all_here: tuple[Attendance, list[Other]], meeting: Meeting) -> None:
    chief, _ = all_here
    with pytest.raises(Exception, match="did not answer worker 9"):
        come(Meeting("x", meeting.address, "the chief", {}, 0.5, {}), "worker 9")
    assert chief.here("worker") == ["worker 0"]
