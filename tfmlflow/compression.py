"""A stored model made small: config -> origin -> data -> model -> methods -> both sides measured -> a run beside it.

What `compress=` does in the place of a training.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from tfmlflow.command.job import current
from tfmlflow.config import compression as said
from tfmlflow.config.check import check
from tfmlflow.config.inherited import given, inherit
from tfmlflow.config.own.arguments import kept_data
from tfmlflow.errors import JobFailed, UsageError
from tfmlflow.hardware import environment
from tfmlflow.vocabulary import EndReason

COMPARED, LOOKED_AT = 256, 512  # test examples whose outputs are compared; training examples that methods may look at

UNSAID = tuple(f"compress.{key}" for key in ("from", "trust", "seconds", "max_loss", "metric"))  # in names of runs

Part = Callable[..., Callable[..., Any]]


class Ended(Exception):
    """The training of a method was ended before it was over."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def compressed(cfg: DictConfig, part: Part) -> float | None:
    """Compress a stored model as the checked `cfg` says, and return the objective of what came out.

    Args:
        cfg: Of the command; data, seed, objective, loss and metrics are the origin's, but for what was typed.
        part: Makes a group's `_target_` with its keys.

    Raises:
        UsageError: There is no such model, its data are others now, or a method cannot be applied to it.
        JobFailed: The loss became NaN.
    """
    from tfmlflow.tracking.models import origin as origins

    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    job, reference = current(), cfg.compress["from"]
    origin, asked, composed = origins.find(reference, cfg.tracking.uri), cfg.objective.metric, _plain(cfg)
    cfg = inherit(cfg, origin.settings, job.overrides, reference)
    with open_dict(cfg):
        cfg.trainer.early_stopping.patience = None  # the best epoch may be only one after the last zeros
        cfg.tracking.checkpoint_every = None
        if cfg.tracking.run_name == "auto":
            cfg.tracking.run_name = _name(cfg, job.overrides, origin.name or reference)
    check(cfg)
    environment.load(cfg.hardware.log_level)

    import keras

    from tfmlflow import trainer
    from tfmlflow.compress import measured
    from tfmlflow.compress.compared import Compared, Side
    from tfmlflow.compress.litert import LiteRT
    from tfmlflow.compress.work import Work
    from tfmlflow.data.augment.change import require_fit
    from tfmlflow.data.pipeline import Pipeline, example
    from tfmlflow.fingerprint import fingerprint as mark
    from tfmlflow.tracking.beginning import source
    from tfmlflow.tracking.compressed import Compression
    from tfmlflow.tracking.models import model_import
    from tfmlflow.tracking.provenance.provenance import program

    keras.utils.set_random_seed(cfg.seed)
    runtime, settings = part(cfg.hardware)(), _plain(cfg)
    if runtime.replicas > 1 or runtime.processes > 1:
        raise UsageError(f"hardware={cfg.hardware.name}: compress={cfg.compress.name} works on one device; use auto")

    stored = model_import.load(origin.reference, cfg.tracking.uri, cfg.compress.trust, said="compress.trust=true")
    data = _data(cfg, part, stored, "data" in given(job.overrides))
    data_are = _data_are(data, origin, "data" in given(job.overrides), reference)
    model_import.require_fit(stored, data)
    augment = part(cfg.augment)()
    require_fit(augment, data.train)
    objective = trainer.Objective.of(cfg.objective.metric, cfg.objective.mode)
    batch, before = cfg.data.batch_size, stored.model
    pipeline = Pipeline(data.train, batch, cfg.seed, augment, classes=data.classes if data.task == "multiclass" else 0)

    def reached(model: Any) -> tuple[dict[str, float], dict[str, float]]:
        chosen = settings["trainer"]["loss"], settings["trainer"]["metrics"], settings["trainer"]["label_smoothing"]
        trainer.compile_model(model, "sgd", data, *chosen)
        return trainer.evaluate(model, data.validation, batch), trainer.evaluate(model, data.test, batch)

    with Compression.open(settings, job, data, runtime, objective, parent=origin.run_id) as experiment:
        experiment.begin(settings, origin, data_are, mark(composed, program(source(job))) if origin.fixed else "")
        experiment.announce(before, pipeline)
        trained = [0]

        def fit(
            model: Any,
            callbacks: Sequence[Any] = (),
            epochs: int = 1,
            learning_rate: float = 1e-3,
            group: int | None = None,
        ) -> None:
            section: Any = OmegaConf.merge(cfg.trainer, {"epochs": epochs})
            if group is not None and section.steps_per_execution == "auto":
                section.steps_per_execution = min(group, pipeline.steps)
            fitted = part(section)(
                model=model,
                optimizer=part(cfg.optimizer, "learning_rate")(learning_rate=learning_rate),
                data=data,
                runtime=runtime,
                pipeline=pipeline,
                objective=objective,
                batch_size=batch,
                callbacks=[*callbacks, *([trainer.StopOnRequest(job.stop_requested)] if job.stop_requested else [])],
                tracking=experiment.callbacks,
                console=experiment.console,
            )
            if fitted.reason not in (EndReason.COMPLETED, EndReason.EARLY_STOPPING):
                raise Ended(fitted.reason)
            trained[0] += fitted.epochs

        try:
            costs = _costs(measured.size(before))
            validation, test = reached(before)
            shown = example(data.test, COMPARED)
            outputs = before.predict(shown, verbose=0)
            work = Work(fit, example(data.train, LOOKED_AT), pipeline.steps)
            again = model_import.load(origin.reference, cfg.tracking.uri, cfg.compress.trust)
            source = model = again.model
            for step in said.steps(settings["compress"]):
                source, model = model, part(OmegaConf.create(step))(model, work)
            after = _costs(measured.size(model, source))
            validation_after, test_after = reached(model)
            agreement = measured.agreement(outputs, model.predict(shown, verbose=0), data.task)
            times = measured.latency({"before": before, "after": model}, shown, cfg.compress.seconds)
            metric = _judged(cfg.compress.metric, validation, objective)
            found = Compared(
                Side(costs | times["before"], validation, test),
                Side(after | times["after"], validation_after, test_after),
                metric,
                trainer.Objective.of(f"val/{metric}", objective.mode if metric == objective.metric[4:] else "auto").mode,
                cfg.compress.max_loss,
                agreement,
            )
        except Ended as ended:
            experiment.session.reason = reason = ended.reason
            found = None
        else:
            # a sweep ranks its jobs by what its own command says
            name = (objective.metric if job.number is None else asked).partition("/")[2]
            if not isinstance(model, LiteRT):
                model.compiled = False  # it is stored as it is, without an optimizer
            experiment.conclude(model, found, name, trained[0])
    experiment.farewell()
    if found is None:
        if reason == EndReason.NAN:
            raise JobFailed
        return None
    return found.after.validation.get(name)


def _costs(size: Any) -> dict[str, float]:
    return {name: float(value) for name, value in vars(size).items()}


def _data(cfg: DictConfig, part: Part, stored: Any, typed: bool) -> Any:
    from tfmlflow.data.returned import as_data

    kept = kept_data(cfg.data)
    loader = part(cfg.data, *kept)
    known = stored.preparation  # other data are prepared as those of the origin were
    takes = "prepared" in inspect.signature(loader).parameters
    learned = {"prepared": known} if typed and known is not None and known.learned and takes else {}
    return as_data(loader(**learned), cfg.data._target_, cfg.seed).limited(cfg.data.limit)


def _data_are(data: Any, origin: Any, typed: bool, reference: str) -> str:
    """Whether the data are those of the origin, in words."""
    if not origin.digest:
        return "not known: the origin has not recorded a digest of its data"
    if data.digest == origin.digest:
        return "the same as the origin's" + (", split as was typed" if typed else ", and split alike")
    if typed:
        return f"others than the origin's: digest {data.digest}, the origin has {origin.digest}"
    raise UsageError(
        f"compress.from={reference}: data={data.name} are not those that it was trained on any more (digest "
        f"{data.digest[:8]}, the run has {origin.digest[:8]}), so nothing could be compared; to compress it on these all "
        f"the same, type them: data={data.name}"
    )


def _judged(metric: str, there: Any, objective: Any) -> str:
    """Plain name of the metric by which a result is accepted."""
    if metric == "auto":
        own = objective.metric.removeprefix("val/")
        return "accuracy" if "accuracy" in there else own if own in there else "loss"
    name = metric.removeprefix("val/")
    if name not in there:
        raise UsageError(f"compress.metric={metric}: the model is measured by {', '.join(f'val/{one}' for one in there)}")
    return name


def _name(cfg: DictConfig, overrides: Sequence[str], whose: str) -> str:
    varied = [
        f"{key.rsplit('.', 1)[-1]}={value}"
        for key, _, value in (word.lstrip("+~").partition("=") for word in overrides)
        if key.startswith("compress.") and key not in UNSAID
    ]
    return f"{' '.join([cfg.compress.name, *varied])} of {whose[:40]}"


def _plain(cfg: DictConfig) -> Any:
    return OmegaConf.to_container(cfg, resolve=True)
