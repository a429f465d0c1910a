"""A stored model made small: config -> origin -> data -> model -> methods -> both sides measured -> a run beside it.

What `compress=` does in the place of a training.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf, open_dict

from tfmlflow.command.job import current
from tfmlflow.compression import origin_data
from tfmlflow.compression.fit import Ended, Fit, Part
from tfmlflow.config.check import check
from tfmlflow.config.inherited import given, inherit
from tfmlflow.config.together import compression as said
from tfmlflow.errors import JobFailed, UsageError
from tfmlflow.garbage import none_while_loading
from tfmlflow.hardware import environment
from tfmlflow.vocabulary import EndReason, Tag

if TYPE_CHECKING:
    from tfmlflow.compress.compared import Compared
    from tfmlflow.compress.work import Refused

COMPARED, LOOKED_AT = 256, 512  # test examples whose outputs are compared; training examples that methods may look at

UNSAID = tuple(f"compress.{key}" for key in ("from", "trust", "seconds", "max_loss", "metric"))  # in names of runs

USUAL = 64  # batch size where the origin's was `auto`


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

    job, reference = current(), cfg.compress["from"]
    origin, asked, composed = origins.find(reference, cfg.tracking.uri), cfg.objective.metric, _plain(cfg)
    cfg = inherit(cfg, origin.settings, job.overrides, reference)
    with open_dict(cfg):
        if "early_stopping" in cfg.trainer:
            cfg.trainer.early_stopping.patience = None  # the best epoch may be only one after the last zeros
        cfg.tracking.checkpoint_every = None
        if cfg.data.batch_size == "auto":
            cfg.data.batch_size = USUAL
        if cfg.tracking.run_name == "auto":
            cfg.tracking.run_name = _name(cfg, job.overrides, origin.name or reference)
    check(cfg)
    with none_while_loading():
        environment.load(cfg.hardware.log_level)

        import keras

        from tfmlflow import trainer
        from tfmlflow.data.augment.change import require_fit
        from tfmlflow.data.pipeline import Pipeline
        from tfmlflow.job.fingerprint import fingerprint
        from tfmlflow.tracking.beginning import source
        from tfmlflow.tracking.compressed import Compression
        from tfmlflow.tracking.models import model_import
        from tfmlflow.tracking.provenance.provenance import program

    keras.utils.set_random_seed(cfg.seed)
    runtime, settings = part(cfg.hardware)(), _plain(cfg)
    if runtime.replicas > 1 or runtime.processes > 1:
        raise UsageError(f"hardware={cfg.hardware.name}: compress={cfg.compress.name} works on one device; use auto")
    load = partial(model_import.load, origin.reference, cfg.tracking.uri, cfg.compress.trust, "compress.trust=true")
    stored, typed = load(), "data" in given(job.overrides)
    data = origin_data.load(cfg, part, stored, typed)
    data_are = origin_data.likeness(data, origin, job.overrides, reference)
    model_import.require_fit(stored, data)
    augment = part(cfg.augment)()
    require_fit(augment, data.train)
    objective = trainer.Objective.of(cfg.objective.metric, cfg.objective.mode)
    classes = data.classes if data.task == "multiclass" else 0
    pipeline = Pipeline(data.train, cfg.data.batch_size, cfg.seed, augment, classes=classes)
    mark = fingerprint(composed, program(source(job))) if origin.fixed else ""

    with Compression.open(settings, job, data, runtime, objective, parent=origin.run_id) as experiment:
        experiment.begin(settings, origin, data_are, mark)
        experiment.announce(stored.model, pipeline)
        fit = Fit(cfg, part, data, runtime, pipeline, objective, experiment, job.stop_requested)
        name = (objective.metric if job.number is None else asked).partition("/")[2]  # a sweep ranks by its own
        refused: Refused | None = None
        try:
            model, found, refused = _compared(cfg, part, fit, stored.model, load().model)
            experiment.conclude(model, found, name, fit.epochs)
            if refused is not None:  # what was trained up to there is kept
                experiment.session.reason = EndReason.ERROR
                experiment.session.tags({Tag.ERROR: str(refused)})
                experiment.console.print(f"error: {refused}; what stands above is the model of the methods before it")
        except Ended as ended:
            experiment.session.reason = ended.reason
            found = None
    experiment.farewell()
    if refused is not None:
        raise JobFailed
    if experiment.session.reason == EndReason.NAN:
        raise JobFailed
    return None if found is None else found.after.validation.get(name)


def _compared(cfg: DictConfig, part: Part, fit: Fit, before: Any, model: Any) -> tuple[Any, Compared, Refused | None]:
    """What comes out of the methods, both sides measured on the same examples, and why a later method was left out.

    Args:
        cfg, part, fit: What is asked for, and how it is made.
        before: The origin's model, which stays as it is.
        model: The same, which methods may change.
    """
    import numpy as np

    from tfmlflow import trainer
    from tfmlflow.compress import measured
    from tfmlflow.compress.compared import Compared, Side
    from tfmlflow.compress.litert import LiteRT
    from tfmlflow.compress.work import Refused, Work
    from tfmlflow.data.pipeline import example
    from tfmlflow.tracking.models import model_export

    data, objective, settings = fit.data, fit.objective, _plain(cfg)

    def made(one: Any) -> Any:
        return part(one)() if OmegaConf.is_dict(one) else one  # of a `_target_`

    def reached(model: Any) -> tuple[dict[str, float], dict[str, float]]:
        metrics = cfg.trainer.metrics
        chosen = [made(one) for one in metrics] if OmegaConf.is_list(metrics) else metrics
        smoothing = settings["trainer"].get("label_smoothing", 0.0)
        trainer.compile_model(model, "sgd", data, made(cfg.trainer.loss), chosen, smoothing)
        batch = cfg.data.batch_size
        return trainer.evaluate(model, data.validation, batch), trainer.evaluate(model, data.test, batch)

    shown, costs = example(data.test, COMPARED), vars(measured.size(before))
    was, outputs = reached(before), before.predict(shown, verbose=0)
    metric = _judged(cfg.compress.metric, was[0], objective)
    mode = objective.mode if f"val/{metric}" == objective.metric else "auto"
    refused: Refused | None = None
    work, source = Work(fit, example(data.train, LOOKED_AT), fit.pipeline.steps), model
    for step in said.steps(settings["compress"]):
        try:
            source, model = model, part(OmegaConf.create(step))(model, work)
        except Refused as error:
            if not fit.epochs:
                raise
            refused = error
            break
    after = vars(measured.size(model, source if isinstance(model, LiteRT) else None))
    scores = model_export.scores(before, data.task, np.asarray(outputs)) if not isinstance(outputs, list | dict) else ""
    now = reached(model)
    agreed = measured.agreement(outputs, model.predict(shown, verbose=0), data.task, scores == "logits")
    times = measured.latency({"before": before, "after": model}, shown, cfg.compress.seconds)
    made_of = Compared(
        Side(costs | times["before"], *was),
        Side(after | times["after"], *now),
        metric,
        trainer.Objective.of(f"val/{metric}", mode).mode,
        cfg.compress.max_loss,
        agreed,
    )
    return model, made_of, refused


def _judged(metric: str, there: Any, objective: Any) -> str:
    """Plain name of the metric by which a result is accepted."""
    if metric == "auto":
        own = objective.metric.removeprefix("val/")
        return "accuracy" if "accuracy" in there else own if own in there else "loss"
    name = metric.removeprefix("val/")
    if name not in there:
        raise UsageError(
            f"compress.metric={metric}: the model is measured by {', '.join(f'val/{one}' for one in there)}"
        )
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
