"""The result of a run: what is printed at its end and what a sweep compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tfmlflow.trainer import Fitted, Objective
from tfmlflow.trainer.callbacks.progress import short
from tfmlflow.vocabulary import EndReason

REASONS: dict[str, str] = {
    EndReason.COMPLETED: "all {epochs} trained",
    EndReason.EARLY_STOPPING: "stopped early after {epochs}: the objective no longer improved",
    EndReason.PRUNED: "pruned after {epochs}: others of the sweep were further by then",
    EndReason.TIME_BUDGET: "KILLED after {epochs}: the time of the sweep is over",
    EndReason.TIMEOUT: "KILLED after {epochs}: it took longer than hydra.launcher.timeout",
    EndReason.NAN: "FAILED after {epochs}: the loss is not a number; "
    "try a lower optimizer.learning_rate or optimizer.global_clipnorm=1",
}


@dataclass(frozen=True)
class Result:
    """What came out.

    Attributes:
        objective: Value of the objective at the best epoch; None if there was none.
        metric: The objective's name.
        reason: completed, early_stopping, pruned, time_budget, timeout or nan.
        epochs, best_epoch: Epochs trained, and the best of them.
        train, validation: Metrics of the best epoch, by plain names.
        test: Metrics of the best weights on the test set.
        said: How it ended, where that is more than the reason tells.
    """

    objective: float | None
    metric: str
    reason: str
    epochs: int
    best_epoch: int | None
    train: Mapping[str, float]
    validation: Mapping[str, float]
    test: Mapping[str, float]
    said: str = ""

    @classmethod
    def of(cls, fitted: Fitted, test: Mapping[str, float], objective: Objective) -> Result:
        """Parts Keras's logs by their prefix."""
        logs = {name: value for name, value in fitted.best.items() if name != "learning_rate"}
        return cls(
            objective=logs.get(objective.monitor),
            metric=objective.metric,
            reason=fitted.reason,
            epochs=fitted.epochs,
            best_epoch=fitted.best_epoch,
            train={name: value for name, value in logs.items() if not name.startswith("val_")},
            validation={name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")},
            test=dict(test),
            said=fitted.said,
        )

    def report(self, console: Console, run_name: str, run_id: str, address: str, diagnosis: str = "") -> None:
        """Print the closing table, what is wrong with the training, and how to open the run."""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        console.print(self.said or REASONS[self.reason].format(epochs=epochs), soft_wrap=True)
        if self.best_epoch is not None:
            table = Table(title=f"best epoch {self.best_epoch}, by {self.metric}", title_justify="left")
            table.add_column("metric")
            for column in ("train", "validation", "test"):
                table.add_column(column, justify="right")
            for name in self.validation or self.train:
                parts = (self.train, self.validation, self.test)
                table.add_row(name, *(short(part[name]) if name in part else "" for part in parts))
            console.print(table)
        if diagnosis:
            console.print(f"diagnosis: {diagnosis}", soft_wrap=True)
        console.print(f"run   {run_name}  {run_id}", soft_wrap=True)
        console.print(f"open  {address}", soft_wrap=True)
