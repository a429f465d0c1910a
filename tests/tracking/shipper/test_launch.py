"""What is told of a shipper at work: of the very process that has said so, or of none."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path

import pytest

from tests.tracking.shipper.spooled import dead_process
from tfmlflow import whole_file
from tfmlflow.tracking.journal.liveness import Process
from tfmlflow.tracking.journal.spool import Spool
from tfmlflow.tracking.shipper import launch
from tfmlflow.tracking.shipper.launch import ShipperState

URI = "http://store"
ME = Process.current()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path).ready()


def silent(spool: Spool, process: Process | None) -> ShipperState:
    """What is told of a shipper that has given its last sign of life long ago, and whose store was away."""
    said = {"pid": os.getpid(), "away": "no answer in time", "left": "", "beat": time.monotonic() - 1000}
    said |= {} if process is None else {"process": dataclasses.asdict(process)}
    whole_file.write(launch.status_file(spool, URI), json.dumps(said))
    return launch.state(spool, URI)


def test_one_that_hangs_is_named(spool: Spool) -> None:
    state = silent(spool, ME)
    assert state.pid == os.getpid()
    assert state.stuck is not None
    assert state.stuck.endswith(f"kill {os.getpid()}")


@pytest.mark.parametrize(
    "process",
    [
        None,
        dataclasses.replace(ME, started=ME.started - 100),
        dataclasses.replace(ME, machine="elsewhere boot pid:[1]"),
    ],
    ids=["of an earlier version", "a later process of its number", "another machine's"],
)
def test_nobody_is_told_to_end_a_process_that_is_somebody_elses(spool: Spool, process: Process | None) -> None:
    assert silent(spool, process) == ShipperState(away="no answer in time")


def test_one_that_is_dead_is_none(spool: Spool) -> None:
    assert silent(spool, dead_process()) == ShipperState(away="no answer in time")


def test_what_a_shipper_writes_names_its_process(spool: Spool) -> None:
    status = launch.Status(spool, URI)
    status.write(None, "")
    assert launch.state(spool, URI) == ShipperState(os.getpid())
    status.write("connection refused", "")
    assert launch.state(spool, URI).away == "connection refused"
    status.remove()
    assert launch.state(spool, URI) == ShipperState()
