"""The run of a training in somebody's own script: what it is told when it begins, and of an evaluation.

A failure in here is noted; the run gets its end all the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from tfmlflow.objective import Objective
from tfmlflow.tracking.provenance import datasets, description, fit_call, patch, provenance
from tfmlflow.tracking.provenance.fit_call import FitCall
from tfmlflow.tracking.recording.own.standalone import Standalone
from tfmlflow.tracking.run.session import Session
from tfmlflow.trainer import values
from tfmlflow.vocabulary import EndReason, Tag

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """Arguments of `TrackingCallback` that are about a run which it opens or adopts itself."""

    log_model: bool
    register_as: str | None
    data_digest: str | None
    run_name: str | None
    example: np.ndarray[Any, Any] | None
    system_metrics: bool
    drain_timeout: float
    diff: bool
    report: bool
    report_examples: bool
    class_names: tuple[str, ...]


def how_called(model: keras.Model) -> FitCall:
    """How the `fit` that calls this was called."""
    try:
        return fit_call.read(model, depth=2)
    except Exception as error:  # a frame that is none of Python's
        log.debug("the arguments of fit cannot be read", exc_info=error)
        return FitCall()


def learning_rate(model: keras.Model) -> Callable[[], float | None]:
    """Gives the present learning rate of a model's optimizer, None if it has no single one."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)

    def rate() -> float | None:
        return values.number(getattr(optimizer, "learning_rate", None))

    return rate


def opened(options: Options, fit: Any) -> Standalone:
    """The run to write to."""
    own = Standalone(options.run_name, options.drain_timeout, options.system_metrics, fit)
    own.progress.fits += 1
    return own


def describe(
    own: Standalone,
    model: keras.Model,
    fit: Mapping[str, Any],
    objective: Objective,
    mode: str | None,
    call: FitCall,
    options: Options,
) -> None:
    """Params, data, packages and code of a training."""
    session, first = own.session, own.progress.fits == 1
    if mode is None:
        log.warning(
            "monitor=%r: nothing tells whether more or less of it is better, so no epoch is the best, and the model of "
            "the last one is stored; say so with mode='max' or mode='min'",
            objective.monitor,
        )
    described = description.of(model, fit, objective, call)
    if mode is None:
        described["objective"]["mode"] = "unknown"
    # MLflow refuses to change a param: a further fit in the run has its own.
    session.params(described if first else {f"fit_{own.progress.fits}": described})
    own.described, own.data = described, datasets.facts(call)
    own.fitted = call.x.dtype if isinstance(call.x, np.ndarray) else None
    if options.report:
        own.call = replace(call, x=None, y=None)
    work = [lambda: _data(session, call, options)]
    if first:
        work.append(lambda: environment(session, options.diff))
    for task in work:  # reading large data, asking git: meanwhile the training begins
        thread = threading.Thread(target=quietly, args=(task,), name="tfmlflow-describe", daemon=True)
        thread.start()
        session.unfinished.append(thread)


def quietly(task: Callable[[], None]) -> None:
    """A run that cannot be described is one without its description."""
    try:
        task()
    except Exception as error:
        log.debug("the run cannot be described", exc_info=error)


def _data(session: Session, call: FitCall, options: Options) -> None:
    record = datasets.of_fit(call, options.data_digest)
    if record is not None:
        session.dataset(record)
        if fit_call.arrays(call.x) or options.data_digest:
            session.tags({Tag.DATA_DIGEST: record.digest})


def environment(session: Session, diff: bool) -> None:
    """Packages, machine and code, with `diff` what the working tree differs by from its commit."""
    session.text("packages.txt", provenance.packages(), "environment")
    session.text("machine.json", provenance.machine(tuple(devices())), "environment")
    folder = provenance.source_folder()
    if (commit := provenance.commit(folder)) is not None:
        session.tags({Tag.COMMIT: commit[0], Tag.GIT_DIRTY: str(commit[1]).lower()})
        if diff and (text := patch.of(folder).text):
            session.text("diff.patch", session.without_secrets(text), "environment", mask=False)


def devices() -> list[str]:
    """What TensorFlow has, by name."""
    import tensorflow as tf

    return [device.name for device in tf.config.list_logical_devices()]


def require(log_every: int, mode: str) -> None:
    """Refuse arguments of the callback that cannot be, and a Keras that it does not know.

    Raises:
        RuntimeError, ValueError: Names them.
    """
    if (other := keras.config.backend()) != "tensorflow":
        raise RuntimeError(f"Keras runs on {other}: TrackingCallback needs KERAS_BACKEND=tensorflow")
    if log_every < 1:
        raise ValueError(f"log_every={log_every}: must be at least 1")
    if mode not in ("auto", "min", "max"):
        raise ValueError(f"mode={mode!r}: must be auto, min or max")


def evaluated(
    before: Standalone | None, options: Options, fit: Any, logs: Mapping[str, Any], labels: Sequence[str]
) -> Standalone:
    """Record an evaluation as `test/<m>`: in the active run, else in that of the last training, else in its own."""
    own = Standalone(options.run_name, options.drain_timeout, False, fit, again=before)
    numbers = values.scalars(logs, labels)
    own.session.metrics({f"test/{name}": one for name, one in numbers.items()}, own.progress.epoch)
    own.finish("FINISHED", before.session.reason if before is not None else EndReason.COMPLETED)
    return own
