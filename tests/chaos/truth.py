"""Whether a run in a store is what its training has said: no more, no less, nothing twice.

told = Told.of(folder)                      from the journal, which stays for a day after delivery
run = assert_true(client, folder)           the run of this journal is complete and FINISHED
assert_only_run(client, "chaos")            and no second one was made
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from mlflow import MlflowClient
from mlflow.entities import FileInfo, LoggedModel, Run, ViewType

from tfmlflow import whole_file
from tfmlflow.tracking.journal import reader
from tfmlflow.tracking.journal.records import Artifact, Begin, Dataset, End, Model, Params, Points, Tags, Withdrawn
from tfmlflow.tracking.journal.run_folder import RunFolder
from tfmlflow.tracking.journal.spool import Spool

Point = tuple[str, int, int, float | str]  # key, step, time in milliseconds, value or "nan"

HISTORY = "history.parquet"
LONGEST_PARAM, LONGEST_TAG = 6000, 8000  # characters that MLflow keeps


@dataclass
class Told:
    """What a journal says.

    Attributes:
        stored: Points that belong into the store, models' included; the same one said twice is one.
        history: Points that belong into `history.parquet`.
        params, tags: By their names; a param is what was said first, a tag what was said last.
        artifacts: Paths that were not withdrawn.
        models, datasets, begins: As they were said.
        end: The last one.
    """

    stored: set[Point] = field(default_factory=set)
    history: Counter[Point] = field(default_factory=Counter)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: set[str] = field(default_factory=set)
    models: list[Model] = field(default_factory=list)
    datasets: list[Dataset] = field(default_factory=list)
    begins: list[Begin] = field(default_factory=list)
    end: End | None = None

    @classmethod
    def of(cls, folder: RunFolder) -> Told:
        """All of it."""
        told = cls()
        for _, record in reader.read(folder.journal):
            told._add(record)
        return told

    def _add(self, record: Any) -> None:
        match record:
            case Points():
                points = list(_points(record))
                if record.stored:
                    self.stored.update((key, step, time, _as_stored(value)) for key, step, time, value in points)
                if record.history:
                    self.history.update((key, step, time, _comparable(value)) for key, step, time, value in points)
            case Params():
                self.params = {key: value[:LONGEST_PARAM] for key, value in record.values.items()} | self.params
            case Tags():
                self.tags |= {key: value[:LONGEST_TAG] for key, value in record.values.items()}
            case Artifact():
                self.artifacts.add(f"{record.folder}/{Path(record.file).name}".lstrip("/"))
            case Withdrawn():
                self.artifacts.discard(f"{record.folder}/{record.name}".lstrip("/"))
            case Model():
                if record not in self.models:
                    self.models.append(record)
                self.stored.update(
                    (key, record.step, record.time, _as_stored(value)) for key, value in record.metrics.items()
                )
            case Dataset():
                if record not in self.datasets:
                    self.datasets.append(record)
            case Begin():
                self.begins.append(record)
            case End():
                self.end = record


def folders(spool: Path) -> list[RunFolder]:
    """The runs in a spool, oldest first."""
    return list(Spool(spool).runs())


def only_folder(spool: Path) -> RunFolder:
    """The one run in a spool."""
    (folder,) = folders(spool)
    return folder


def run_id(folder: RunFolder) -> str:
    """The MLflow run that a journal was delivered to."""
    found = whole_file.read(folder.cursor).get("run_id")
    assert found, f"{folder.path}: no run was created yet:\n{shipper_log(folder.path.parents[1])}"
    return str(found)


def wait_delivered(spool: Path, timeout: float = 60, count: int | None = None) -> None:
    """Until the store has all of every run in the spool, of which there are `count`."""
    deadline = time.monotonic() + timeout
    while True:
        found = folders(spool)
        if found and all(folder.delivered for folder in found) and (count is None or len(found) == count):
            return
        if time.monotonic() > deadline:
            left = [(folder.key, whole_file.read(folder.cursor)) for folder in found if not folder.delivered]
            raise AssertionError(f"not delivered after {timeout:.0f} s: {left}\n{shipper_log(spool)}")
        time.sleep(0.05)


def shipper_log(spool: Path) -> str:
    """The end of what the shippers of a spool have said."""
    try:
        return (spool / "shipper.log").read_text(errors="replace")[-4000:]
    except FileNotFoundError:
        return "no shipper was started"


def assert_true(
    client: MlflowClient, folder: RunFolder, status: str = "FINISHED", history: bool = True, system: bool = True
) -> Run:
    """The run of a journal holds what the journal says, each thing once, and nothing else.

    Args:
        client: Of the store, on a way without faults.
        folder: Of the run in the spool.
        status: That it has.
        history: Whether `history.parquet` is there.
        system: Whether `system/*` may be there.
    """
    told, run = Told.of(folder), client.get_run(run_id(folder))
    assert run.info.status == status, f"{run.info.status}\n{shipper_log(folder.path.parents[1])}"
    assert run.info.lifecycle_stage == "active"
    assert "tfmlflow.incomplete" not in run.data.tags, run.data.tags["tfmlflow.incomplete"]
    assert_points(told, stored_points(client, run, system))
    assert dict(run.data.params) == told.params
    wrong = {
        key: (value, run.data.tags.get(key)) for key, value in told.tags.items() if run.data.tags.get(key) != value
    }
    assert not wrong, f"tags said and stored: {wrong}"
    said = {(record.name, record.digest) for record in told.datasets}
    assert sorted((entry.dataset.name, entry.dataset.digest) for entry in run.inputs.dataset_inputs) == sorted(said)
    assert_artifacts(client, run, told, history)
    assert_models(client, run, told)
    return run


def assert_points(told: Told, stored: Counter[Point]) -> None:
    """The points of the store are those of the journal."""
    doubled = {point: count for point, count in stored.items() if count > 1}
    missing, more = told.stored - stored.keys(), stored.keys() - told.stored
    assert not doubled, f"{len(doubled)} points stand twice: {_some(doubled)}"
    assert not missing, f"{len(missing)} of {len(told.stored)} points are missing: {_some(missing)}"
    assert not more, f"{len(more)} points were never said: {_some(more)}"


def stored_points(client: MlflowClient, run: Run, system: bool = True) -> Counter[Point]:
    """Every point of a run in the store, without `system/*` if it may be there; the newest of each is looked at too."""
    found: Counter[Point] = Counter()
    for key, newest in run.data.metrics.items():
        if system and key.startswith("system/"):
            continue
        entries = client.get_metric_history(run.info.run_id, key)
        last = max((entry.step, entry.timestamp) for entry in entries)
        values = {_comparable(entry.value) for entry in entries if (entry.step, entry.timestamp) == last}
        assert _comparable(newest) in values, f"{key} is shown as {newest}, its last step says {values}"
        found.update((key, entry.step, entry.timestamp, _comparable(entry.value)) for entry in entries)
    return found


def assert_artifacts(client: MlflowClient, run: Run, told: Told, history: bool = True) -> None:
    """The files are those of the journal; checkpoints have their sha256, the history has every point."""
    found = files(client, run.info.run_id)
    assert found == told.artifacts | ({HISTORY} if history else set())
    with tempfile.TemporaryDirectory() as folder:
        if "checkpoints/index.json" in found:
            index = json.loads(_download(client, run, "checkpoints/index.json", folder).read_text())
            listed = {f"checkpoints/{entry['file']}": entry["sha256"] for entry in index}
            assert {path for path in found if path.endswith(".npz")} == listed.keys()
            for path, digest in listed.items():
                content = _download(client, run, path, folder).read_bytes()
                assert hashlib.sha256(content).hexdigest() == digest, f"{path} is not what was written"
        if history:
            assert history_points(_download(client, run, HISTORY, folder)) == told.history


def history_points(file: Path) -> Counter[Point]:
    """Every point of a `history.parquet`, without `system/*`."""
    table = pq.read_table(file)
    columns = [
        table["key"].cast(pa.string()).to_pylist(),
        table["step"].to_pylist(),
        table["time"].cast(pa.int64()).to_pylist(),
        table["value"].to_pylist(),
    ]
    rows = zip(*columns, strict=True)
    return Counter(
        (key, step, time, _comparable(value)) for key, step, time, value in rows if not key.startswith("system/")
    )


def assert_models(client: MlflowClient, run: Run, told: Told) -> list[LoggedModel]:
    """One LoggedModel for each that was said, ready, with files, an output of the run; one version if registered."""
    found = logged_models(client, run)
    assert sorted((model.name, str(model.status)) for model in found) == sorted(
        (record.name, "READY") for record in told.models
    )
    outputs = [output.model_id for output in run.outputs.model_outputs] if run.outputs else []
    assert sorted(outputs) == sorted(model.model_id for model in found)
    for model in found:
        assert "MLmodel" in {Path(entry.path).name for entry in client.list_logged_model_artifacts(model.model_id)}
    wanted = Counter(record.registration.name for record in told.models if record.registration is not None)
    for name, count in wanted.items():
        versions = client.search_model_versions(f"name = '{name}'")
        mine = [version.source for version in versions if version.run_id == run.info.run_id]
        assert len(mine) == len(set(mine)) == count, f"{name} has the versions {versions}"
    return found


def logged_models(client: MlflowClient, run: Run) -> list[LoggedModel]:
    """The models of a run, also those that were never finished."""
    wanted = f"source_run_id = '{run.info.run_id}'"
    return list(client.search_logged_models([run.info.experiment_id], filter_string=wanted))


def assert_only_run(client: MlflowClient, experiment: str) -> Run:
    """The one run of an experiment that exists once; deleted runs are counted too."""
    (run,) = runs(client, experiment)
    return run


def runs(client: MlflowClient, experiment: str) -> Sequence[Run]:
    """All runs of an experiment, of whatever status, deleted ones too."""
    found = client.get_experiment_by_name(experiment)
    assert found is not None, f"no experiment {experiment}"
    listed: Sequence[Run] = client.search_runs([found.experiment_id], run_view_type=ViewType.ALL, max_results=1000)
    return listed


def files(client: MlflowClient, run: str, path: str | None = None) -> set[str]:
    """Every artifact of a run, by its path."""
    entries: list[FileInfo] = client.list_artifacts(run, path)
    below = [files(client, run, entry.path) if entry.is_dir else {entry.path} for entry in entries]
    return set[str]().union(*below)


def _download(client: MlflowClient, run: Run, path: str, folder: str) -> Path:
    return Path(client.download_artifacts(run.info.run_id, path, folder))


def _points(record: Points) -> Iterable[tuple[str, int, int, float]]:
    columns = (record.steps.tolist(), record.times.tolist(), record.values.tolist())
    return ((record.key, step, time, value) for step, time, value in zip(*columns, strict=True))


def _as_stored(value: float) -> float | str:
    """MLflow keeps infinity as the largest number."""
    return math.copysign(sys.float_info.max, value) if math.isinf(value) else _comparable(value)


def _comparable(value: float) -> float | str:
    return "nan" if math.isnan(value) else value


def _some(points: Iterable[Point]) -> str:
    return ", ".join(str(point) for point in sorted(points, key=str)[:5])
