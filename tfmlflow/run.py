"""One experiment from its config to its result. This is the page to read first.

config -> seed -> hardware -> data -> model -> optimizer -> trainer (+ tracking) -> evaluation -> result
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from tfmlflow.command.job import current
from tfmlflow.compression.compressed import compressed
from tfmlflow.config.own.arguments import fold_of, kept_data
from tfmlflow.config.together import several
from tfmlflow.config.together.compression import is_on
from tfmlflow.errors import JobFailed
from tfmlflow.garbage import none_while_loading
from tfmlflow.hardware import environment
from tfmlflow.vocabulary import EndReason


def run(cfg: DictConfig) -> float | None:
    """Train the experiment `cfg`, which was checked, and return its objective.

    Raises:
        UsageError: Something is wrong with data, model or hardware that only shows once they are there.
        JobFailed: The loss became NaN; the run holds everything up to there.
    """
    if is_on(cfg):
        return compressed(cfg, part)
    with none_while_loading():
        environment.load(cfg.hardware.log_level)
        import keras

        from tfmlflow import trainer
        from tfmlflow.data.augment.change import mixing_of, require_fit
        from tfmlflow.data.batches.in_memory import in_memory
        from tfmlflow.data.pipeline import Pipeline
        from tfmlflow.data.returned import as_data
        from tfmlflow.hardware.broadcast import broadcast
        from tfmlflow.optim.schedules import Run
        from tfmlflow.result import Result
        from tfmlflow.tracking.checkpoints import going_on
        from tfmlflow.tracking.companion import Companion
        from tfmlflow.tracking.experiment import Experiment
        from tfmlflow.tracking.models import pretrained

    keras.utils.set_random_seed(cfg.seed)
    runtime, job = part(cfg.hardware)(), current()
    settings: Any = OmegaConf.to_container(cfg, resolve=True)
    several.require_in_step(settings, runtime.replicas)
    if runtime.member is not None:
        with Companion(settings, job, runtime) as companion:
            companion.serve(runtime.member)
        return None
    kept = kept_data(cfg.data)
    data = as_data(part(cfg.data, *kept)(), cfg.data._target_, cfg.seed, *fold_of(cfg.data)).limited(cfg.data.limit)
    if "cache" in kept and cfg.data.get("cache"):
        data = in_memory(data)
    objective = trainer.Objective.of(cfg.objective.metric, cfg.objective.mode, _objects(cfg.trainer.metrics))
    augment = part(cfg.augment)()
    require_fit(augment, data.train)
    trainer.require(data, objective, mixed=mixing_of(augment) is not None, **settings["trainer"])
    unfreezing = trainer.Unfreezing.all_of(settings["trainer"].get("unfreeze", ()), cfg.optimizer.learning_rate)
    with runtime.scope():
        build = pretrained.begun(part(cfg.model), settings, data, unfreezing)
    batch = _batch_size(cfg, build, settings["trainer"], data, runtime, augment)

    with (
        runtime,
        Experiment.open(settings, job, data, runtime, objective, batch)
        if runtime.chief
        else Companion(settings, job, runtime) as experiment,
    ):
        experiment.join(broadcast(runtime, experiment.run_id))
        trainer.require_alike(runtime, data)
        classes = data.classes if data.task == "multiclass" else 0
        pipeline = Pipeline(data.train, batch.size, cfg.seed, augment, runtime.share, classes)
        with runtime.scope():
            model = build(data=data)
            trainer.ensure_built(model, data)
            plan = Run(
                float(cfg.optimizer.learning_rate),
                pipeline.steps,
                cfg.trainer.epochs,
                objective.monitor,
                objective.mode,
            )
            schedule = part(cfg.schedule)(run=plan)
            optimizer = part(cfg.optimizer, "learning_rate")(learning_rate=schedule.learning_rate)
        experiment.announce(model, pipeline)
        steering = [*schedule.callbacks, *([trainer.Phases(unfreezing)] if unfreezing else [])]
        if job.goes_on is not None:
            checkpoints = going_on.place(job.folder, runtime.worker)
            restore = partial(going_on.restore, checkpoints, job.goes_on, pipeline.steps, objective)
            steering.append(trainer.GoOn(restore, runtime))
        if job.should_prune is not None:
            steering.append(trainer.PruningCallback(objective, job.should_prune))
        if job.stop_requested is not None:
            steering.append(trainer.StopOnRequest(job.stop_requested))
        train = part(cfg.trainer, "unfreeze")
        if "profile" in cfg:
            train = part(cfg.profile)(train, settings, job)
        fitted = train(
            model=model,
            optimizer=optimizer,
            data=data,
            runtime=runtime,
            pipeline=pipeline,
            objective=objective,
            batch_size=batch.size,
            callbacks=steering,
            tracking=experiment.callbacks,
            console=experiment.console,
        )
        test = trainer.evaluate(model, data.test, batch.size, runtime) if fitted.best_epoch else {}
        result = Result.of(fitted, test, objective)
        experiment.close(model, result)
        broadcast(runtime, "")  # all have come to here: whoever leaves now is missed by nobody

    experiment.report(result)
    if result.reason == EndReason.NAN:
        raise JobFailed
    return result.objective


def part(section: DictConfig, *elsewhere: str) -> Callable[..., Any]:
    """What a group's `_target_` is, with the group's keys as arguments.

    Args:
        section: The group's config; `name` is for people and is left out.
        elsewhere: Keys that are used by somebody else.
    """
    settings: Any = OmegaConf.to_container(section, resolve=True)
    mine = {key: value for key, value in settings.items() if key not in ("name", *elsewhere)}
    made: Callable[..., Any] = instantiate(mine, _partial_=True, _convert_="all")
    return made


def _batch_size(cfg: DictConfig, build: Any, settings: Any, data: Any, runtime: Any, augment: Any) -> Any:
    """The batch size of the config, or what `auto` stands for on this hardware."""
    from tfmlflow import trainer

    if cfg.data.batch_size != "auto":
        return trainer.BatchSize(cfg.data.batch_size, "")
    optimizer = partial(part(cfg.optimizer, "learning_rate"), learning_rate=float(cfg.optimizer.learning_rate))
    probe = trainer.Probe(build, optimizer, data, runtime, cfg.seed, augment, settings)
    return trainer.batch_size(data, runtime, cfg.hardware.strict, probe)


def _objects(metrics: Any) -> list[Any]:
    """The metrics that are given by a `_target_`."""
    return [] if isinstance(metrics, str) else [instantiate(one) for one in metrics if not isinstance(one, str)]
