"""Which checkpoints there are, here and in the store, and what is in them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from tests.tracking.trainings import STEPS, Kept, Scripted, artifacts, compiled, fitted, own_store
from tfmlflow.objective import Objective
from tfmlflow.tracking.checkpoints import checkpoint, going_on
from tfmlflow.tracking.run import checkpoint_index
from tfmlflow.tracking.run.progress import Progress
from tfmlflow.trainer.callbacks.average import AveragedWeights
from tfmlflow.trainer.callbacks.best import BestWeights
from tfmlflow.trainer.callbacks.going_on import GoOn


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with own_store(tmp_path_factory.mktemp("store")) as uri:
        yield uri


def index(folder: Path) -> dict[int, dict[str, Any]]:
    """By step; every entry is checked against its file."""
    entries = json.loads((folder / "index.json").read_text())
    for entry in entries:
        assert hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
        with np.load(folder / entry["file"]) as arrays:
            about = json.loads(arrays["about"].tobytes())
        assert all(about[name] == entry[name] for name in ("file", "epoch", "step", "objective"))
    assert {path.name for path in folder.iterdir()} == {"index.json", *(entry["file"] for entry in entries)}
    return {entry["step"]: entry for entry in entries}


def stored(run_id: str) -> dict[int, dict[str, Any]]:
    """In the store."""
    return index(Path(MlflowClient().download_artifacts(run_id, "checkpoints")))


def roles(entries: dict[int, dict[str, Any]]) -> dict[int, list[str]]:
    return {step: entry["roles"] for step, entry in sorted(entries.items())}


def scripted(values: list[float], name: str = "val_loss", folder: Path | None = None, **kwargs: Any) -> Any:
    given = {"checkpoint_every": 1, "checkpoint_dir": folder} | kwargs
    return fitted(compiled(), len(values), before=[Scripted(values, name), *given.pop("before", [])], **given)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([0.5, 0.4, 0.3, 0.2, 0.1], {4: ["last", "best"], 5: ["last", "best"]}),
        ([0.1, 0.2, 0.3, 0.4, 0.5], {1: ["best"], 2: ["best"], 4: ["last"], 5: ["last"]}),
        ([0.5, 0.1, 0.4, 0.2, 0.3], {2: ["best"], 4: ["last", "best"], 5: ["last"]}),
        ([0.5, float("nan"), 0.4, float("inf"), 0.9], {1: ["best"], 3: ["best"], 4: ["last"], 5: ["last"]}),
        ([0.3, 0.3, 0.3, 0.3, 0.3], {1: ["best"], 2: ["best"], 4: ["last"], 5: ["last"]}),
    ],
    ids=["falling", "rising", "mixed", "no numbers", "equal"],
)
def test_the_last_two_and_the_best_two_are_kept_here_and_in_the_store(
    tmp_path: Path, values: list[float], kept: dict[int, list[str]]
) -> None:
    callback = scripted(values, folder=tmp_path / "kept", keep_last=2, keep_best=2)
    expected = {epoch * STEPS: names for epoch, names in kept.items()}
    here, there = index(tmp_path / "kept"), stored(callback.run_id)
    assert roles(here) == roles(there) == expected
    assert here == there
    names = {f"checkpoints/{entry['file']}" for entry in here.values()} | {"checkpoints/index.json"}
    assert {path for path in artifacts(callback.run_id) if path.startswith("checkpoints")} == names


@pytest.mark.parametrize(("last", "best"), [(0, 2), (3, 0), (0, 0)])
def test_none_of_a_kind_may_be_wanted(last: int, best: int) -> None:
    callback = scripted([0.5, 0.1, 0.4], keep_last=last, keep_best=best)
    assert MlflowClient().get_run(callback.run_id).info.status == "FINISHED"
    if last or best:
        found = [role for names in roles(stored(callback.run_id)).values() for role in names]
        assert (found.count("last"), found.count("best")) == (min(last, 3), best)


def test_a_higher_objective_is_better_where_it_is_said(tmp_path: Path) -> None:
    values = [0.1, 0.9, 0.2, 0.8, 0.3]
    callback = scripted(values, "val_score", tmp_path / "kept", monitor="val_score", mode="max", keep_best=2)
    assert roles(index(tmp_path / "kept")) == {2 * STEPS: ["best"], 4 * STEPS: ["best"], 5 * STEPS: ["last"]}
    assert MlflowClient().get_run(callback.run_id).data.metrics["best/epoch"] == 2


def test_each_holds_the_weights_after_its_epoch(tmp_path: Path) -> None:
    kept = Kept()
    scripted([0.5, 0.1, 0.4], folder=tmp_path / "kept", keep_last=3, before=[kept])
    for entry in index(tmp_path / "kept").values():
        model = compiled()
        checkpoint.restore(tmp_path / "kept" / entry["file"], model)
        assert int(model.optimizer.iterations.numpy()) == entry["step"] == entry["epoch"] * STEPS
        for mine, theirs in zip(model.get_weights(), kept.weights[entry["epoch"]], strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_every_third_epoch_and_the_best_one_in_between(tmp_path: Path) -> None:
    values = [0.5, 0.6, 0.7, 0.1, 0.6, 0.7, 0.8]
    scripted(values, folder=tmp_path / "kept", keep_last=9, checkpoint_every="3 epochs")
    assert list(roles(index(tmp_path / "kept"))) == [1 * STEPS, 3 * STEPS, 4 * STEPS, 6 * STEPS]


class Slow(keras.callbacks.Callback):
    """Steps that take their time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        time.sleep(self._seconds)


def iterations(folder: Path) -> dict[int, int]:
    """The step of which each file's name tells, and the step whose weights are in it."""
    found = {}
    for file in sorted(folder.glob("step-*.npz")):
        with np.load(file) as arrays:
            found[int(file.stem.removeprefix("step-"))] = int(arrays["optimizer/00000"])  # Keras's own count
    return found


def test_every_third_step_whatever_the_speed(tmp_path: Path) -> None:
    fitted(
        compiled(),
        before=[Slow(0.05)],
        checkpoint_every="3 steps",
        keep_last=99,
        checkpoint_dir=tmp_path,
        fit={"steps_per_epoch": 19},
    )
    found = iterations(tmp_path)
    assert all(step == inside for step, inside in found.items())
    assert [step for step in found if step != 19] == [3, 6, 9, 12, 15, 18]


def test_minutes_go_by_the_clock_and_the_name_tells_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, ahead = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + ahead[0])

    class Jumps(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            time.sleep(0.02)
            if batch in (8, 20):
                ahead[0] += 61

    fitted(
        compiled(),
        before=[Jumps()],
        checkpoint_every="1 minute",
        keep_last=99,
        checkpoint_dir=tmp_path,
        drain_timeout=200,
    )
    found = iterations(tmp_path)
    assert found == {8: 8, 20: 20, **({STEPS: STEPS} if STEPS in found else {})}


def test_where_the_disk_is_slow_a_newer_one_replaces_what_waits_but_never_a_better_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, taken = list[str](), list[int]()
    real, copied = checkpoint.write, checkpoint.snapshot

    def slow(file: Path, *arguments: Any) -> Path:
        deadline = time.monotonic() + 60
        while len(taken) < 9 and time.monotonic() < deadline:  # as slow as nine epochs are
            time.sleep(0.05)
        written.append(file.name)
        return real(file, *arguments)

    def counted(model: keras.Model) -> dict[str, Any]:
        taken.append(1)
        return copied(model)

    monkeypatch.setattr(checkpoint, "write", slow)
    monkeypatch.setattr(checkpoint, "snapshot", counted)
    values = [0.5, 0.6, 0.1, 0.6, 0.7, 0.8, 0.9, 0.7, 0.6, 0.5, 0.4, 0.5]
    callback = scripted(values, folder=tmp_path / "kept", keep_last=12)
    assert len(taken) == 12
    assert len(written) < 8
    names = roles(index(tmp_path / "kept"))
    assert names[3 * STEPS] == ["last", "best"]
    assert names[12 * STEPS] == ["last"]
    assert roles(stored(callback.run_id)) == names


@pytest.mark.parametrize("seed", range(2))
def test_the_best_is_the_best_of_all_whatever_the_order(tmp_path: Path, seed: int) -> None:
    values = np.random.default_rng(seed).random(10).round(3).tolist()
    scripted(values, folder=tmp_path / "kept", keep_last=2, keep_best=3, checkpoint_every=4)
    names = roles(index(tmp_path / "kept"))
    best = sorted(range(1, 11), key=lambda epoch: values[epoch - 1])[:3]
    assert {step // STEPS for step, given in names.items() if "best" in given} == set(best)


def test_without_a_folder_of_ones_own_they_are_in_the_store_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    callback = scripted([0.5, 0.1, 0.4], keep_last=1)
    assert roles(stored(callback.run_id)) == {2 * STEPS: ["best"], 3 * STEPS: ["last"]}
    assert not list(callback.session.staging.glob("checkpoints/*.npz"))


def test_none_are_taken_where_none_are_wanted() -> None:
    callback = scripted([0.5, 0.4], checkpoint_every=None)
    assert not [path for path in artifacts(callback.run_id) if path.startswith("checkpoints")]


def entries(count: int) -> list[checkpoint_index.Entry]:
    return [
        checkpoint_index.Entry(f"step-{step:08d}.npz", step, step, 0.9 - step / 1000, "0" * 64, ["best"])
        for step in range(1, count + 1)
    ]


@pytest.mark.parametrize("count", [3, 60])
def test_a_training_that_goes_on_with_a_run_knows_its_checkpoints(count: int, tmp_path: Path) -> None:
    earlier = entries(count)
    (tmp_path / "index.json").write_text(checkpoint_index.text(earlier))
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "index.json"), "checkpoints")
        mlflow.set_tags(checkpoint_index.as_tag(earlier))
        mlflow.set_tags(Progress(epoch=count, step=count).as_tag())
    with mlflow.start_run(run.info.run_id):
        scripted([0.95], keep_last=1, keep_best=99)
    found = json.loads(Path(MlflowClient().download_artifacts(run.info.run_id, "checkpoints/index.json")).read_text())
    assert [entry["step"] for entry in found[:count]] == [entry.step for entry in earlier]
    assert len(found) == count + 1
    assert len(MlflowClient().get_run(run.info.run_id).data.tags["tfmlflow.checkpoints"]) <= 5000


@pytest.mark.parametrize(
    "wrong",
    [
        {"file": "../../model.keras"},
        {"file": "step-00000001.npz/../x"},
        {"file": "notes.txt"},
        {"file": None},
        {"epoch": "1"},
        {"step": None},
        {"objective": "low"},
        {"objective": float("nan")},
        {"sha256": 5},
    ],
    ids=str,
)
def test_what_makes_no_sense_in_a_stores_index_is_not_taken(wrong: dict[str, Any]) -> None:
    good, bad = (asdict(entry) for entry in entries(2))
    tags = {"tfmlflow.checkpoints": json.dumps([good, bad | wrong, 7, None])}
    assert [entry.file for entry in checkpoint_index.known(tags, lambda path: None)] == [good["file"]]


@pytest.mark.parametrize("tag", ["", "[", "{}", "7", "null", "checkpoints/index.json"])
def test_a_tag_that_makes_no_sense_tells_of_no_checkpoint(tag: str) -> None:
    assert checkpoint_index.known({"tfmlflow.checkpoints": tag}, lambda path: None) == []


def test_a_file_that_only_a_store_names_is_deleted_only_if_it_is_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    for step in (1, 2):
        (folder / f"step-{step:08d}.npz").write_text("somebody's own")
    ours, theirs = entries(2)
    ours.sha256 = hashlib.sha256(b"somebody's own").hexdigest()
    with mlflow.start_run():
        mlflow.set_tags(checkpoint_index.as_tag([ours, theirs]))
        run_id = mlflow.active_run().info.run_id
    with mlflow.start_run(run_id):
        scripted([0.1, 0.05], folder=folder, keep_last=1, keep_best=1)
    assert not (folder / ours.file).exists()
    assert (folder / theirs.file).read_text() == "somebody's own"


def test_under_averaged_weights_a_checkpoint_holds_those_that_training_goes_on_with(tmp_path: Path) -> None:
    kept = Kept()
    model = compiled(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    fitted(model, 2, before=[kept, AveragedWeights()], checkpoint_every=1, checkpoint_dir=tmp_path, keep_last=9)
    for entry in index(tmp_path).values():
        other = compiled(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
        checkpoint.restore(tmp_path / entry["file"], other)
        for mine, theirs in zip(other.get_weights(), kept.weights[entry["epoch"]], strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("name", "mode", "values"), [("val_loss", "min", [0.3, 0.1, 0.2, 0.1]), ("val_score", "max", [0.3, 0.9, 0.4, 0.1])]
)
def test_whoever_goes_on_takes_the_best_of_those_that_are_kept_as_good(
    tmp_path: Path, name: str, mode: str, values: list[float]
) -> None:
    kept = Kept()
    scripted(values, name, tmp_path / "kept", monitor=name, mode=mode, keep_best=4, before=[kept])
    objective = Objective(name.replace("_", "/"), mode)
    before = going_on.restore(tmp_path / "kept", 0.0, STEPS, objective, compiled())
    assert before is not None
    assert (before.epoch, before.best_epoch, before.best_value) == (4, 2, values[1])
    for mine, theirs in zip(before.best_weights, kept.weights[2], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_averaged_weights_of_the_best_epoch_are_those_of_an_undisturbed_training(tmp_path: Path) -> None:
    values, objective = [0.5, 0.1, 0.4, 0.3], Objective("val/loss", "min")

    def best(folder: Path, epochs: int, *steering: Any) -> list[np.ndarray[Any, Any]]:
        model, kept = (
            compiled(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)),
            BestWeights(objective),
        )
        for one in steering:
            one.kept_best = kept
        before = [*steering, Scripted(values), AveragedWeights(), kept]
        fitted(model, epochs, before=before, checkpoint_every=1, checkpoint_dir=folder)
        assert kept.restore()
        assert kept.epoch == 2
        return list(model.get_weights())

    undisturbed = best(tmp_path / "undisturbed", 4)
    best(tmp_path / "interrupted", 3)
    goes_on = GoOn(partial(going_on.restore, tmp_path / "interrupted", 0.0, STEPS, objective))
    for mine, theirs in zip(best(tmp_path / "after", 4, goes_on), undisturbed, strict=True):
        np.testing.assert_array_equal(mine, theirs)
