"""The end of a training in somebody's own script: its best model, what came out of it for people, and the run's end."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from tfmlflow.result import Result
from tfmlflow.tracking.recording import results
from tfmlflow.tracking.recording.epochs import EpochRecorder
from tfmlflow.tracking.recording.guard import Troubles
from tfmlflow.tracking.recording.own import diagnosis, held_out, report
from tfmlflow.tracking.recording.own.chance import apart
from tfmlflow.tracking.recording.own.run import Options, devices, quietly
from tfmlflow.tracking.recording.own.standalone import Standalone
from tfmlflow.tracking.recording.report.parts import Parts
from tfmlflow.tracking.run import note, result_note
from tfmlflow.trainer import Fitted, values
from tfmlflow.vocabulary import EndReason, Tag

log = logging.getLogger(__name__)


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
        about = {"data": own.data, "devices": devices(), "attempts": attempts}
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
                results.log_model(
                    *(session, model, best.epoch, reached, now, None, options.example, registered), fitted=own.fitted
                )
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
        results.log_model(
            *(session, model, own.progress.epoch, {}, now, None, options.example, None, results.LAST),
            fitted=own.fitted,
        )
    return {}
