"""The run of a training in somebody's own script: what it is told when it begins and when it ends.

A failure in here is noted; the run gets its end all the same.
"""

from __future__ import annotations

import logging
import math
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmlflow.objective import Objective
from tfmlflow.result import Result
from tfmlflow.tracking.provenance import datasets, description, fit_call, patch, provenance
from tfmlflow.tracking.provenance.fit_call import FitCall
from tfmlflow.tracking.recording import results
from tfmlflow.tracking.recording.epochs import EpochRecorder
from tfmlflow.tracking.recording.guard import Troubles
from tfmlflow.tracking.recording.own import diagnosis, held_out, report
from tfmlflow.tracking.recording.own.chance import apart
from tfmlflow.tracking.recording.own.standalone import Standalone
from tfmlflow.tracking.recording.report.parts import Parts
from tfmlflow.tracking.run import note, result_note
from tfmlflow.tracking.run.session import Session
from tfmlflow.trainer import Fitted, values
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
    session.text("machine.json", provenance.machine(tuple(_devices())), "environment")
    folder = provenance.source_folder()
    if (commit := provenance.commit(folder)) is not None:
        session.tags({Tag.COMMIT: commit[0], Tag.GIT_DIRTY: str(commit[1]).lower()})
        if diff and (text := patch.of(folder).text):
            session.text("diff.patch", session.without_secrets(text), "environment", mask=False)


def _devices() -> list[str]:
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


@apart()
def concluded(
    own: Standalone,
    model: keras.Model,
    epochs: EpochRecorder,
    options: Options,
    troubles: Troubles,
    logs: Mapping[str, Any],
    stopped: bool,
) -> None:
    """Curves, the best model, and the end of the run.

    Args:
        own: The run.
        model, epochs: That were trained.
        options: What to store.
        troubles: Takes what goes wrong.
        logs: Keras's last ones; with a loss that is no number the run has failed.
        stopped: Whether the training ended before its last epoch.
    """
    loss = values.number(logs.get("loss", 0.0))
    lost = loss is not None and not math.isfinite(loss)
    reason = EndReason.NAN if lost else EndReason.EARLY_STOPPING if stopped else EndReason.COMPLETED
    parts, predicted = Parts(report.SECONDS), dict[str, Any]()
    try:
        predicted = _conclude(own, model, epochs, options, lost, parts)
    except Exception as error:
        troubles.note("on_train_end", error)
    finally:
        quietly(lambda: _tell(own, model, epochs, options, reason, predicted, parts))
        own.finish("FAILED" if lost else "FINISHED", reason)


def _tell(
    own: Standalone,
    model: keras.Model,
    epochs: EpochRecorder,
    options: Options,
    reason: EndReason,
    predicted: Mapping[str, Any],
    parts: Parts,
) -> None:
    """What came out, of what and by what, for people: description, diagnosis and report."""
    session, best = own.session, epochs.best
    best_epoch, logs = (best.epoch, best.logs) if best.epoch is not None else _best_of_this_fit(epochs)
    trained = len(epochs.logs) if own.progress.fits > 1 else own.progress.epoch
    result = Result.of(Fitted(reason, trained, best_epoch, logs, {}), {}, best.objective)
    said, evidence = diagnosis.judge(epochs, own.described, reason)
    if not own.adopted:  # else the description is its owner's, and so may be a file of the name
        parameters = f", {model.count_params():,} parameters" if model.built else ""
        known: dict[str, str | None] = {"Model": f"{model.name}{parameters}", "Script": Path(sys.argv[0]).name}
        known["Diagnosis"] = said.sentence if said.findings else None
        session.tags({Tag.NOTE: f"{result_note.text(result)}\n\n{note.lines(known)}"})
    folder = f"fit_{own.progress.fits}" if own.adopted else ""
    diagnosis.record(session, said, evidence, folder)
    if options.report:
        fits = own.progress.fits
        attempts = {"attempt": own.attempt, "fit of the run": fits, "epochs": result.epochs, "ended": reason}
        about = {"data": own.data, "devices": _devices(), "attempts": attempts}
        try:
            report.record(session, model, epochs, result, said, own.described, about, predicted, parts, folder)
        except Exception as error:
            log.warning("there is no report.html: %s: %s", type(error).__name__, error)
            session.missing(f"report.html: {type(error).__name__}: {error}")


def _best_of_this_fit(epochs: EpochRecorder) -> tuple[int | None, dict[str, float]]:
    """The best epoch of a fit whose run has a better one of an earlier fit, and its metrics; None of what has none."""
    objective, found = epochs.best.objective, tuple[int | None, dict[str, float]]((None, {}))
    curve = epochs.history.get(objective.metric, [])
    if not epochs.best.epoch and len(curve) == len(epochs.logs):
        for (number, value), logs in zip(curve, epochs.logs, strict=True):
            if objective.better(value, found[1].get(objective.monitor)):
                found = number, logs
    return found


def _conclude(
    own: Standalone, model: keras.Model, epochs: EpochRecorder, options: Options, lost: bool, parts: Parts
) -> dict[str, Any]:
    """Curves and the best model; what its weights say of held-out examples, for the report."""
    session = own.session
    now = session.now()
    if own.progress.fits == 1 and model.built:
        session.params({"model.parameters": model.count_params()})
    epochs.choose()
    best = epochs.best
    results.draw(session, epochs.history, best.epoch, epochs.matrices)
    reached = results.metrics(best)
    session.metrics(reached, best.epoch or 0, now)
    if best.epoch is not None and (options.log_model or options.report):
        last = model.get_weights()
        try:
            best.restore()
            if options.log_model:
                registered = results.registration(best, options.register_as, options.data_digest)
                results.log_model(session, model, best.epoch, reached, now, None, options.example, registered)
            parts.begin()
            if not options.report:
                return {}
            return held_out.predicted(model, own.call, options.class_names, parts, options.report_examples)
        finally:  # whatever comes, a signal too: the model is somebody's
            model.set_weights(last)
    earlier = own.progress.fits > 1 and own.progress.best is not None
    why = "an earlier fit of the run has the best epoch" if earlier else "no epoch is known to be the best"
    parts.left.append(f"predictions: {why}")
    if options.log_model and best.epoch is None and not epochs.stands and not lost and own.progress.epoch:
        log.warning("the model of the last epoch is stored as `last`, since no epoch is known to be the best")
        results.log_model(session, model, own.progress.epoch, {}, now, None, options.example, None, results.LAST)
    return {}


def evaluated(
    before: Standalone | None, options: Options, fit: Any, logs: Mapping[str, Any], labels: Sequence[str]
) -> Standalone:
    """Record an evaluation as `test/<m>`: in the active run, else in that of the last training, else in its own."""
    own = Standalone(options.run_name, options.drain_timeout, False, fit, again=before)
    numbers = values.scalars(logs, labels)
    own.session.metrics({f"test/{name}": one for name, one in numbers.items()}, own.progress.epoch)
    own.finish("FINISHED", before.session.reason if before is not None else EndReason.COMPLETED)
    return own
