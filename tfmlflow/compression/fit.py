"""Training in the middle of a compression, as a method asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tfmlflow.vocabulary import EndReason

Part = Callable[..., Callable[..., Any]]


class Ended(Exception):
    """The training of a method was ended before it was over."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Fit:
    """Trains a model on the origin's data, in the run; what `Work.fit` is.

    Attributes:
        epochs: That were trained in all.
    """

    cfg: DictConfig
    part: Part
    data: Any
    runtime: Any
    pipeline: Any
    objective: Any
    experiment: Any
    stop_requested: Callable[[], str | None] | None
    epochs: int = 0

    def __call__(
        self,
        model: Any,
        callbacks: Sequence[Any] = (),
        epochs: int = 1,
        learning_rate: float = 1e-3,
        group: int | None = None,
    ) -> None:
        """As of `Work.fit`.

        Raises:
            Ended: It was ended from outside, or the loss is not a number.
        """
        from tfmlflow import trainer

        cfg, part = self.cfg, self.part
        section: Any = OmegaConf.merge(cfg.trainer, {"epochs": epochs})
        if group is not None and section.steps_per_execution == "auto":
            section.steps_per_execution = min(group, self.pipeline.steps)
        asked = [] if self.stop_requested is None else [trainer.StopOnRequest(self.stop_requested)]
        fitted = part(section, "unfreeze")(
            model=model,
            optimizer=part(cfg.optimizer, "learning_rate")(learning_rate=learning_rate),
            data=self.data,
            runtime=self.runtime,
            pipeline=self.pipeline,
            objective=self.objective,
            batch_size=cfg.data.batch_size,
            callbacks=[*callbacks, *asked],
            tracking=self.experiment.callbacks,
            console=self.experiment.console,
        )
        self.epochs += fitted.epochs
        if fitted.reason not in (EndReason.COMPLETED, EndReason.EARLY_STOPPING):
            raise Ended(fitted.reason)
