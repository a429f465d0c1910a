"""The run of a loop of one's own: what `tfmlflow.track` gives, and writes to as the callback does."""

from __future__ import annotations

import functools
import itertools
import json
import logging
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import mlflow

from tfmlflow.errors import UsageError
from tfmlflow.tracking.provenance import datasets
from tfmlflow.tracking.provenance.fit_call import FitCall
from tfmlflow.tracking.recording import media, own_run
from tfmlflow.tracking.recording.guard import Troubles, guarded
from tfmlflow.tracking.recording.late import LatePoints
from tfmlflow.tracking.recording.standalone import Standalone, lasting
from tfmlflow.tracking.run.session import Session
from tfmlflow.vocabulary import EndReason

log = logging.getLogger(__name__)

TABLES = "mlflow.loggedArtifacts"  # tag by which MLflow's pages know of tables


class Tracked:
    """A run that a loop of one's own writes to. Nothing of it waits for the store, and none of it fails the loop.

    As a context manager it ends the run by what happened inside: FINISHED, FAILED with the traceback, or KILLED after a
    signal. `end` does so where there is no `with`. An active MLflow run is adopted, and stays its owner's to end.

    Args:
        name: Of a new run.
        params, tags: Of the run.
        log_every: Steps between two points of `batch/*` in the store, each their mean; `history.parquet` has every one.
        system_metrics: Sample CPU, memory and GPUs meanwhile.
        drain_timeout: Seconds to wait for the store at the end.
        diff: Record what the working tree differs by from its commit.

    Raises:
        UsageError: Another run is being tracked, or the store answers, and refuses.

    Example:
        with tfmlflow.track("gan", params={"latent": 64}) as run:
            for step in range(1, 101):
                run.log({"batch/loss": 1 / step}, step=step)
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        log_every: int = 1,
        system_metrics: bool = True,
        drain_timeout: float = 30.0,
        diff: bool = True,
    ) -> None:
        if log_every < 1:
            raise ValueError(f"log_every={log_every}: must be at least 1")
        active = mlflow.active_run()
        if any(active is not None and one.session.opened.run_id == active.info.run_id for one in lasting()):
            raise UsageError("tfmlflow.track: a run is being tracked already; end it first, or log to it")
        self._own = Standalone(name, drain_timeout, system_metrics, self, lasts=True)
        self._troubles = Troubles(self.session.missing)
        self._points = LatePoints(self.session, log_every, self._refused)
        self.session.before_end = self._points.close
        self._made = itertools.count(1)
        self._tables: list[dict[str, str]] = []
        options = own_run.Options(False, None, None, name, None, system_metrics, drain_timeout, diff)
        self._meanwhile(lambda: own_run.environment(self.session, options))
        self.log_params(params or {})
        self.set_tags(tags or {})

    @property
    def session(self) -> Session:
        """The run being written."""
        return self._own.session

    @property
    def run_id(self) -> str:
        """Id of the MLflow run."""
        return self.session.run_id

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record metrics at a step; costs microseconds.

        Args:
            metrics: Numbers, tensors (read later, in another thread), or vectors, whose numbers become `<name>/0`, ...
                Names as `batch/loss` for every step, `train/loss` and `val/loss` for an epoch.
            step: Of the training, or number of the epoch or episode; None: the one after the metric's last.
        """
        self._points.take(metrics, step)

    @guarded
    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record params, nested or by dotted names; secrets among them are masked."""
        self.session.params(params)

    @guarded
    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags."""
        self.session.tags(tags)

    @guarded
    def log_text(self, text: str, artifact_file: str) -> None:
        """Store a text as the file `artifact_file`."""
        path = Path(artifact_file)
        self.session.text(path.name, text, path.parent.as_posix())

    @guarded
    def log_figure(self, figure: Any, artifact_file: str) -> None:
        """Store a figure of matplotlib (`.png`, `.pdf`, `.svg`) or plotly (`.html`, `.json`)."""
        self._store(artifact_file, lambda file: media.figure(figure, file))

    @guarded
    def log_table(self, data: Any, artifact_file: str) -> None:
        """Store columns by name, or a DataFrame, as a table that MLflow compares between runs.

        Args:
            data: `{"text": ["a", "b"], "label": [0, 1]}`, or a DataFrame.
            artifact_file: Its name, ending in `.json`.
        """
        self._store(artifact_file, lambda file: media.table(data, file))
        self._tables.append({"path": artifact_file, "type": "table"})
        self.session.tags({TABLES: json.dumps(self._tables)})

    @guarded
    def log_image(self, image: Any, key: str, step: int = 0) -> None:
        """Store a picture that MLflow shows by step, next to those of other runs.

        Args:
            image: `(height, width)` or `(height, width, channels)`, uint8 or float in [0, 1]; or a picture of Pillow's.
            key: What it shows; the same at each step.
            step: Of the training.
        """
        media.log_image(self.session, image, key, step)

    @guarded
    def log_artifact(self, path: str | Path, artifact_path: str = "") -> None:
        """Store a copy of a file, or of a folder's files, as they are now.

        Args:
            path: Of the file or folder.
            artifact_path: Folder in the run.
        """
        source = Path(path)
        if not source.exists():
            raise FileNotFoundError(f"{path} does not exist")
        for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if file.is_file():
                inside = file.parent.relative_to(source.parent).as_posix() if source.is_dir() else ""
                folder = "/".join(part for part in (artifact_path, inside) if part not in ("", "."))
                self._store(f"{folder}/{file.name}".lstrip("/"), functools.partial(shutil.copyfile, file))

    @guarded
    def log_dataset(self, x: Any, y: Any = None, *, digest: str | None = None) -> None:
        """Record what is trained on: sizes, shapes, and of arrays a digest of their content, in another thread.

        Args:
            x, y: Arrays `(n, ...)`, several of them, or a `tf.data.Dataset`.
            digest: Of the content, where it is known.
        """

        def describe() -> None:
            if (record := datasets.of_fit(FitCall(x, y), digest)) is not None:
                self.session.dataset(record)

        self._meanwhile(describe)

    @guarded
    def log_model(
        self,
        model: Any,
        name: str = "best",
        *,
        step: int = 0,
        metrics: Mapping[str, float] | None = None,
        example: Any = None,
    ) -> None:
        """Store a Keras model with its weights as they are now, as a LoggedModel.

        Args:
            model: A built `keras.Model`.
            name: Of the LoggedModel.
            step: Where the training is.
            metrics: What the model has reached.
            example: Input `(n, *input_shape)`, stored with it; without it the signature is read off the model.
        """
        from tfmlflow.tracking.recording import results

        reached, now = dict(metrics or {}), self.session.now()
        self.session.metrics(reached, step, now)
        results.log_model(self.session, model, step, reached, now, None, example, None, name)

    def flush(self) -> bool:
        """Wait until this machine's disk has everything that was said; whether it has."""
        self._points.read()
        return self.session.flush()

    def end(self, status: str = "FINISHED") -> None:
        """End the run: FINISHED, FAILED or KILLED; once only."""
        reasons = {"FINISHED": EndReason.COMPLETED, "FAILED": EndReason.ERROR, "KILLED": EndReason.SIGNAL}
        if status not in reasons:
            raise ValueError(f"status={status!r}: must be FINISHED, FAILED or KILLED")
        if not self.session.ended:
            self._own.finish(status, reasons[status])

    def trouble(self, where: str, error: Exception) -> None:
        """Something went wrong in here: said once, noted in the run; the loop goes on."""
        self._troubles.note(where, error)

    def __enter__(self) -> Tracked:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.session.ended or self.session.foreign:
            return
        if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            self.end()
        else:
            self._own.fail(error)

    def _refused(self, key: str, what: str) -> None:
        log.warning("the metric %s is %s, which cannot be recorded", key, what)
        self.session.missing(f"the metric {key}, which is {what}")

    def _store(self, artifact_file: str, write: Callable[[Path], Any]) -> None:
        """Let `write` make the file, out of the way of others of its name, and send it."""
        path = Path(artifact_file)
        folder = self.session.staging / f"made-{next(self._made)}"
        folder.mkdir(mode=0o700, parents=True)
        write(folder / path.name)
        self.session.artifact(folder / path.name, path.parent.as_posix() if path.parent != Path() else "")

    def _meanwhile(self, task: Callable[[], None]) -> None:
        thread = threading.Thread(target=own_run.quietly, args=(task,), name="tfmlflow-describe", daemon=True)
        thread.start()
        self.session.unfinished.append(thread)


track = Tracked
