"""The run of a compressed model: what it is beside its origin, and the model, if it was accepted."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import yaml
from rich.table import Table

from tfmlflow.compress.compared import Compared
from tfmlflow.compress.litert import LiteRT
from tfmlflow.data.pipeline import example
from tfmlflow.tracking.experiment import Experiment
from tfmlflow.tracking.journal.records import Registration
from tfmlflow.tracking.models.origin import Origin
from tfmlflow.tracking.recording import results
from tfmlflow.trainer.callbacks.progress import short
from tfmlflow.vocabulary import File, Metric, Tag


class Compression(Experiment):
    """An experiment whose result is a model that was there before, made small."""

    def begin(self, settings: Mapping[str, Any], origin: Origin, data_are: str, fingerprint: str) -> None:
        """Record what is compressed, and the whole config, with what was taken from the origin's.

        Args:
            settings: The config that is worked with.
            origin: Of the model.
            data_are: Whether the data are those of the origin.
            fingerprint: Of the command's own config, by which a sweep knows what was done before; empty where the same
                command may be about another model tomorrow.
        """
        session = self.session
        session.tags({Tag.COMPRESSED_FROM: origin.reference, Tag.COMPRESSED_DATA: data_are})
        session.tags({Tag.FINGERPRINT: fingerprint})
        if origin.run_id is not None:
            session.tags({Tag.PARENT: origin.run_id})
        said = {key: value for key, value in settings.items() if key not in ("tracking", "sweep")}
        folder, _, name = File.COMPRESSED_CONFIG.rpartition("/")
        session.text(name, yaml.safe_dump(said, sort_keys=False), folder)

    def conclude(self, model: keras.Model, found: Compared, objective: str, epochs: int) -> None:
        """Record both sides, print them, and store the model if it was accepted.

        Args:
            model: What has come out.
            found: Both sides.
            objective: Plain name of the metric that runs are compared by.
            epochs: That it was trained for.
        """
        session, now = self.session, self.session.now()
        value = found.after.validation.get(objective)
        reached = found.metrics() | {f"test/{name}": each for name, each in found.after.test.items()}
        reached |= {f"best/{name}": each for name, each in found.after.validation.items()}
        reached |= {Metric.BEST_EPOCH: float(epochs)} | ({Metric.BEST_OBJECTIVE: value} if value is not None else {})
        session.metrics(reached, epochs, now)
        session.tags({Tag.COMPRESS: found.verdict})
        self._report = replace(self._report, objective=value, best_epoch=epochs, metrics=reached)
        session.text(Path(File.COMPARED).name, _csv(found), str(Path(File.COMPARED).parent))
        if self._about:
            session.tags({Tag.NOTE: f"**{found.verdict}**\n\n{_markdown(found)}\n\n{self._about}"})
        if epochs:
            recorded = self.callback.epochs
            results.draw(session, recorded.history, None, recorded.matrices)
        if found.accepted and self._log_model:
            self._store(model, found, objective, epochs, reached, now)
        self.console.print(found.verdict, soft_wrap=True)
        table = Table()
        for column in ("", "origin", "compressed"):
            table.add_column(column, justify="right" if column else "left")
        for name, was, became in found.rows():
            table.add_row(name, _shown(name, was), _shown(name, became))
        self.console.print(table)
        agreed = found.agreement
        same = f", {agreed['label_agreement']:.1%} the same label" if "label_agreement" in agreed else ""
        self.console.print(f"outputs differ by at most {agreed['max_abs_diff']:.3g}{same}", soft_wrap=True)

    def _store(
        self, model: keras.Model, found: Compared, objective: str, epochs: int, reached: Mapping[str, float], now: float
    ) -> None:
        session, data = self.session, self._data
        if not isinstance(model, LiteRT):
            model.compiled = False  # it is stored as it is, without an optimizer
        if isinstance(model, LiteRT):
            file = session.staging / Path(File.LITERT).name
            file.write_bytes(model.content)
            return session.artifact(file, str(Path(File.LITERT).parent))
        registered = None
        if self._register_as is not None and objective in found.after.validation:
            value = found.after.validation[objective]
            registered = Registration(self._register_as, f"val/{objective}", found.mode, value, data.digest)
        results.log_model(
            *(session, model, epochs, reached, now, (data.name, data.digest), example(data.test), registered),
            preparation=data.prepared_by,
            raw=data.raw,
        )

    def farewell(self) -> None:
        """Print where the run is."""
        self.console.print(f"run   {self.name}  {self.session.run_id}", soft_wrap=True)
        self.console.print(f"open  {self.session.location}", soft_wrap=True)


def _shown(name: str, value: float) -> str:
    return f"{value:,.0f}" if name.endswith("_bytes") else short(value)


def _csv(found: Compared) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([("figure", "origin", "compressed"), *found.rows()])
    return text.getvalue()


def _markdown(found: Compared) -> str:
    lines = ["| | origin | compressed |", "|---|---:|---:|"]
    lines += [f"| {name} | {_shown(name, was)} | {_shown(name, now)} |" for name, was, now in found.rows()]
    return "\n".join(lines)
