"""The spool's disk is full: the training goes on, says so once, and the run tells what it is missing."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import stores
from tests.chaos import truth
from tests.chaos.script import Script, Store, eventually, shippers

SIZE = 4 * 1024 * 1024  # bytes of the disk

# Arguments: epochs of 2,000 steps in groups of 10. GO is said when the disk may be filled; then it waits for the file.
TRAINING = """
import sys, time
from pathlib import Path
import keras, numpy as np, tfmlflow

class Wait(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        for number in (1, int(sys.argv[1]) - 1):
            if epoch == number:
                time.sleep(1)
                print(f"GO {epoch}", flush=True)
                while not Path(f"go-{epoch}").exists():
                    time.sleep(0.01)
    def on_train_end(self, logs=None):
        print("the last step is done", file=sys.stderr, flush=True)

x = np.random.default_rng(0).normal(size=(2000 * 4, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(1e-4), "mse", steps_per_execution=10)
callback = tfmlflow.TrackingCallback("loss", log_every=10, system_metrics=False)
model.fit(x, x.sum(1), batch_size=4, epochs=int(sys.argv[1]), verbose=0, callbacks=[Wait(), callback])
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk; where it cannot be had the tests are skipped, but not in CI as root."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if os.environ.get("CI"):
            pytest.fail(done.stderr)
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    yield place
    stores.stop_shippers(place / "spool")
    with contextlib.suppress(AssertionError):
        eventually(lambda: not shippers(place / "spool"), 10)
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left; returns the file to be deleted to have it back."""
    file = disk / "ballast"
    with file.open("ab", buffering=0) as stream:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    stream.write(b"\0" * size)
    assert os.statvfs(disk).f_bavail == 0
    return file


def warnings(script: Script) -> tuple[list[str], list[str]]:
    """The lines on stderr while the training went on, and after its last step."""
    before, _, after = script.errors.partition("the last step is done\n")
    return before.splitlines(), after.splitlines()


@pytest.mark.slow
def test_a_full_disk_costs_points_and_neither_the_training_nor_the_truth(
    tmp_path: Path, disk: Path, new_store: Store
) -> None:
    with Script(new_store(tmp_path / "run"), TRAINING, "10", spool=disk / "spool") as script:
        script.until("GO 1")
        fill(disk)
        (script.folder / "go-1").touch()
        (script.folder / "go-9").touch()
        assert script.ended() == 0, script.errors
        eventually(lambda: script.run.info.status != "RUNNING", 30, lambda: truth.shipper_log(script.spool))
        run = script.run
        assert (run.info.status, run.data.tags["tfmlflow.end_reason"]) == ("FINISHED", "completed")
        assert "points, since the disk is full" in run.data.tags["tfmlflow.incomplete"]
        assert run.data.metrics["batch/loss"] > 0
        during, after = warnings(script)
        assert len(during) == 1, during
        assert "the disk is full" in during[0]
        assert str(disk) in during[0]
        assert len(after) <= 1, after  # how much is missing, and nothing else
        eventually(lambda: not shippers(script.spool), 30, lambda: truth.shipper_log(script.spool))


@pytest.mark.stress
@pytest.mark.slow
def test_room_that_is_made_in_time_loses_nothing(tmp_path: Path, disk: Path, new_store: Store) -> None:
    with Script(new_store(tmp_path / "run"), TRAINING, "5", spool=disk / "spool") as script:
        script.until("GO 1")
        ballast = fill(disk)
        (script.folder / "go-1").touch()
        script.until("GO 4")
        ballast.unlink()
        (script.folder / "go-4").touch()
        assert script.ended() == 0, script.errors
        truth.wait_delivered(script.spool)
        run = script.run
        assert (run.info.status, run.data.tags["tfmlflow.end_reason"]) == ("FINISHED", "completed")
        assert "tfmlflow.incomplete" not in run.data.tags
        told = truth.Told.of(script.run_folder)
        truth.assert_points(told, truth.stored_points(script.client, run))
        losses = [step for key, step, _, _ in told.history if key == "batch/loss"]
        assert sorted(losses) == list(range(1, 10_001))
        file = script.client.download_artifacts(run.info.run_id, truth.HISTORY, str(tmp_path))
        assert truth.history_points(Path(file)) == told.history
        assert sum("the disk is full" in line for line in script.errors.splitlines()) == 1


@pytest.mark.stress
@pytest.mark.slow
def test_a_disk_that_is_full_from_the_start_does_not_keep_from_training(
    tmp_path: Path, disk: Path, new_store: Store
) -> None:
    fill(disk)
    with Script(new_store(tmp_path / "run"), TRAINING, "2", spool=disk / "spool") as script:
        (script.folder / "go-1").touch()
        assert script.ended() == 0, script.errors
        assert "GO 1" in script.said
        assert str(disk) in script.errors
        assert "Traceback" not in script.errors
        during, _ = warnings(script)
        assert len(during) == 1, during
