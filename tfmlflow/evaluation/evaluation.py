"""A stored model on a data set: config -> hardware -> data -> model -> metrics -> a run of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tfmlflow.config.evaluated import as_trained
from tfmlflow.garbage import none_while_loading
from tfmlflow.hardware import environment
from tfmlflow.job.job import take_run_id
from tfmlflow.run import part


def evaluate_model(
    cfg: DictConfig, reference: str, split: str, trust: bool = False, overrides: Sequence[str] = ()
) -> dict[str, float]:
    """Evaluate a stored model and record what it reached.

    Args:
        cfg: data, hardware, tracking and the trainer's loss and metrics are used. How data are split, loss and metrics
            are those of the model's run, but for what was typed.
        reference: Run id or model URI.
        split: train, validation or test.
        trust: Whether the model may run code of its own.
        overrides: What was typed.

    Returns:
        Metrics by plain names.

    Raises:
        UsageError: No such model, or the data do not fit it.
    """
    with none_while_loading():
        environment.load(cfg.hardware.log_level)

        from tfmlflow import trainer
        from tfmlflow.evaluation import new_data
        from tfmlflow.tracking.evaluated import record
        from tfmlflow.tracking.models import model_import, origin
        from tfmlflow.trainer import losses
        from tfmlflow.trainer.largest_batch import USUAL

    runtime = part(cfg.hardware)()
    with runtime.scope():
        stored = model_import.load(reference, cfg.tracking.uri, trust)
        said, digest = origin.recorded(stored.run_id, cfg.tracking.uri) if stored.run_id else ({}, "")
        cfg, changed, others = as_trained(cfg, said, overrides)
        settings: Any = OmegaConf.to_container(cfg, resolve=True)
        data = new_data.load(cfg, stored)
        loss, smoothing = settings["trainer"]["loss"], settings["trainer"].get("label_smoothing") or 0.0
        if loss == "auto" and stored.preparation is not None and stored.preparation.scores == "logits":
            loss = losses.of_logits(data.task)
        trainer.compile_model(stored.model, "sgd", data, loss, settings["trainer"]["metrics"], smoothing)
    theirs, named = said.get("data") or {}, settings["data"]
    same = theirs and all(theirs.get(key) == named.get(key) for key in ("name", "_target_", "path", "label"))
    if digest == data.digest and others:
        print(f"the data that it was trained on, split otherwise: {', '.join(others)}; it may have seen some of these")
    elif digest == data.digest and changed:
        print(f"the data that it was trained on, split as then: {' '.join(changed)}")
    elif digest and digest != data.digest and same:
        print("the data have changed since it was trained, and are split anew: it may have seen some of these examples")
    size = cfg.data.batch_size if cfg.data.batch_size != "auto" else USUAL
    metrics = trainer.evaluate(stored.model, getattr(data, split), size)
    record(settings, stored, data, split, metrics, adopt=take_run_id())
    return metrics
