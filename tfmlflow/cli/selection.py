"""Options by which commands choose runs in a store."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from tfmlflow.analysis.comparison import Comparison
    from tfmlflow.analysis.runs.stored_run import StoredRun

OPTIONS = (
    click.argument("run_ids", nargs=-1, metavar="[RUN_ID]..."),
    click.option("--experiment", help="Name or id of an experiment."),
    click.option("--sweep", help="A sweep: its id, its parent's run id, or `latest`."),
    click.option("--filter", "matching", default="", help='MLflow\'s search language: "metrics.`val/loss` < 0.1".'),
    click.option("--metric", help="What to compare by; else the objective, else what most runs have of validation."),
    click.option(
        "--mode", type=click.Choice(["auto", "min", "max"]), default="auto", help="Which direction is better."
    ),
    click.option("--uri", default=None, help="The store; else $MLFLOW_TRACKING_URI, else mlflow.db in this folder."),
)


@dataclass(frozen=True)
class Selection:
    """What was said on the command line about which runs, and by what to compare them."""

    run_ids: Sequence[str]
    experiment: str | None
    sweep: str | None
    matching: str
    metric: str | None
    mode: str
    uri: str | None

    @property
    def title(self) -> str:
        """Names the choice, for a page."""
        if self.run_ids:
            return f"{len(self.run_ids)} runs"
        parts = [self.experiment or "", f"sweep {self.sweep}" if self.sweep else "", self.matching]
        return ", ".join(part for part in parts if part) or "all runs"

    def address(self) -> str:
        """The store."""
        from tfmlflow.tracking.store import store

        return store.absolute(self.uri)

    def client(self) -> MlflowClient:
        """Of the store.

        Raises:
            UsageError: It is not there.
        """
        from tfmlflow.errors import UsageError
        from tfmlflow.garbage import none_while_loading

        with none_while_loading():
            from mlflow import MlflowClient

            from tfmlflow.tracking.store import store

        uri = self.address()
        if store.is_missing(uri):
            raise UsageError(
                f"--uri {store.shown(uri)}: there is no such file; a training makes it, `--uri` names another"
            )
        store.require(uri)
        with store.initialization_lock(uri):
            return MlflowClient(uri)

    def runs(self, client: MlflowClient) -> list[StoredRun]:
        """The runs.

        Raises:
            UsageError: Nothing is chosen, or what is chosen is not there.
        """
        from tfmlflow.analysis.runs import reading
        from tfmlflow.errors import UsageError

        if not (self.run_ids or self.experiment or self.sweep or self.matching):
            names = reading.experiment_names(client)
            there = f"there is {', '.join(names[:8])}" if names else "the store has none yet"
            raise UsageError(f"which runs? name an --experiment ({there}), a --sweep, a --filter or run ids")
        return reading.read(client, self.experiment, self.sweep, self.run_ids, self.matching)

    def comparison(self, client: MlflowClient) -> Comparison:
        """The runs, compared.

        Raises:
            UsageError: As `runs`; or no run has the metric.
        """
        from tfmlflow.analysis.comparison import Comparison

        return Comparison.of(client, self.runs(client), self.metric, self.mode)


def selecting(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options; it gets them as one `Selection`."""

    @functools.wraps(command)
    def selected(**said: Any) -> None:
        names = Selection.__dataclass_fields__
        chosen = Selection(**{name: said.pop(name) for name in names})
        command(chosen, **said)

    for option in reversed(OPTIONS):
        selected = option(selected)
    return selected
