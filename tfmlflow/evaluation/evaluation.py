"""A stored model on a data set: config -> hardware -> data -> model -> metrics -> a run of their own."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from tfmlflow.garbage import none_while_loading
from tfmlflow.hardware import environment
from tfmlflow.job.job import take_run_id
from tfmlflow.run import part


def evaluate_model(cfg: DictConfig, reference: str, split: str, trust: bool = False) -> dict[str, float]:
    """Evaluate a stored model and record what it reached.

    Args:
        cfg: data, hardware, tracking and the trainer's loss and metrics are used.
        reference: Run id or model URI.
        split: train, validation or test.
        trust: Whether the model may run code of its own.

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
        from tfmlflow.tracking.models import model_import
        from tfmlflow.trainer.largest_batch import USUAL

    settings: Any = OmegaConf.to_container(cfg, resolve=True)
    runtime = part(cfg.hardware)()
    with runtime.scope():
        stored = model_import.load(reference, cfg.tracking.uri, trust)
        data = new_data.load(cfg, stored)
        trainer.compile_model(
            stored.model, "sgd", data, settings["trainer"]["loss"], settings["trainer"]["metrics"], 0.0
        )
    size = cfg.data.batch_size if cfg.data.batch_size != "auto" else USUAL
    metrics = trainer.evaluate(stored.model, getattr(data, split), size)
    record(settings, stored, data, split, metrics, adopt=take_run_id())
    return metrics
