"""What the best weights say of held-out examples: numbers, pictures, tables, and the worst of them to look at."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfmlflow.analysis.predictions import classification, regression
from tfmlflow.analysis.predictions.regression import Regressed
from tfmlflow.analysis.run_report import content, examples
from tfmlflow.data.record import Data, Split
from tfmlflow.predictor.texts import FIRST
from tfmlflow.tracking.recording.report.epoch_notes import classified
from tfmlflow.tracking.recording.report.files import Files
from tfmlflow.tracking.recording.report.parts import Parts
from tfmlflow.trainer.predicting import Outputs
from tfmlflow.trainer.predicting import examples as as_seen

WORST = 12  # examples of each kind
BROAD = 6  # of those that are rows or texts
SAID = "{split} split, {count} examples, weights of the best epoch"


class Predictions:
    """The parts of a report that are made of predictions.

    Args:
        model, data: The model with the best weights, and what it was trained on.
        split, name: On what it is asked, and what that is called.
        outputs: What it gave.
        parts: Makes what is made of it.
        files: Takes the same as files, if there are to be any.
        shows: Whether examples may be looked at; else they are named.
    """

    def __init__(
        self,
        model: keras.Model,
        data: Data,
        split: Split,
        name: str,
        outputs: Outputs,
        parts: Parts,
        files: Files | None = None,
        shows: bool = True,
    ) -> None:
        self._model, self._data, self._split, self._name = model, data, split, name
        self._outputs, self._parts, self._files, self._shows = outputs, parts, files, shows

    def content(self) -> dict[str, Any]:
        """For the page, and the same as files."""
        regresses = self._data.task == "regression"
        what = "predicted and true numbers" if regresses else "classes"
        made = self._parts.make(what, self._numbers if regresses else self._classes)
        return made or {}

    def _classes(self) -> dict[str, Any]:
        of = classified(self._model, self._data, self._outputs)
        counts = classification.confusion(of)
        roc, rates = classification.curves(of)
        if self._files is not None:
            self._files.classes(of, counts, roc, rates)
        confident, hardest = classification.worst(of, WORST)
        of_true = "probability" if of.probable else "score"

        def said(row: int) -> list[str]:
            return [
                f"true: {of.names[of.true[row]]}",
                f"predicted: {of.names[of.chosen[row]]}",
                f"{of_true}: {of.confidence[row]:.4g}",
                f"of the true one: {of.share_of_true[row]:.4g}",
            ]

        def told(row: int) -> dict[str, Any]:
            of_row = {"true": of.names[of.true[row]], "predicted": of.names[of.chosen[row]]}
            return of_row | {"confidence": of.confidence[row], f"{of_true}_of_true": of.share_of_true[row]}

        kinds = [
            ("Most confident mistakes", f"by the {of_true} of the class that is wrong", confident),
            ("Hardest examples", f"beside those above: least {of_true} of the true class", hardest),
        ]
        return {
            "predicted": self._said(of.lost),
            "classes": content.classes(of, counts, roc, rates),
            "mistakes": self._parts.make("worst examples", lambda: self._worst(kinds, of.rows, said, told)),
        }

    def _numbers(self) -> dict[str, Any]:
        of = Regressed.of(self._outputs.given, self._outputs.targets)
        label = self._data.preparation.label if self._data.preparation is not None else ""
        width = of.true.shape[1]
        names = [label or "target"] if width == 1 else [f"output {place}" for place in range(width)]
        if self._files is not None:
            self._files.numbers(of, names)

        def short(values: NDArray[Any]) -> str:
            return ", ".join(f"{value:.5g}" for value in values[:5]) + (", …" if width > 5 else "")

        def said(row: int) -> list[str]:
            return [f"true: {short(of.true[row])}", f"predicted: {short(of.predicted[row])}"]

        def told(row: int) -> dict[str, Any]:
            return {"true": short(of.true[row]), "predicted": short(of.predicted[row])}

        unit = "of several outputs by the largest, in units of its spread" if width > 1 else "by what they are off"
        kinds = [("Largest errors", unit, regression.worst(of, WORST))]
        return {
            "predicted": self._said(of.lost),
            "numbers": content.numbers(of, names),
            "mistakes": self._parts.make("worst examples", lambda: self._worst(kinds, of.rows, said, told)),
        }

    def _said(self, lost: int) -> str:
        outputs = self._outputs
        count = f"{len(outputs.given):,}"
        if len(outputs.given) < outputs.of:
            why = ", since the time was over" if outputs.late else ""
            drawn = "the first" if self._split.own is not None else "drawn by chance"
            count += f" of {outputs.of:,} ({drawn}{why})"
        more = f"; for {lost:,} more the model gives no numbers" if lost else ""
        return SAID.format(split=self._name, count=count) + more

    def _worst(
        self,
        kinds: Sequence[tuple[str, str, NDArray[np.int64]]],
        rows: NDArray[np.int64],
        said: Callable[[int], list[str]],
        told: Callable[[int], dict[str, Any]],
    ) -> list[dict[str, Any]]:
        """Examples to look at.

        Args:
            kinds: Title, note and places of each kind, in what was made of the outputs.
            rows: Where these are among the outputs.
            said, told: Give what is known of one, in lines and by name.
        """
        found, table = [], []
        for title, note, chosen in kinds:
            places = self._outputs.places[rows[chosen]]
            shown = self._looked_at(places)
            broad = any("picture" not in one and one for one in shown)
            chosen, places = (chosen[:BROAD], places[:BROAD]) if broad else (chosen, places)
            items = [
                {**one, "said": said(int(row)), "place": int(place), "where": self._where(int(place))}
                for one, row, place in zip(shown, chosen, places, strict=False)
            ]
            found.append({"title": title, "note": note, "items": items})
            table += [
                {"kind": title.lower(), "example": self._where(int(place)), **told(int(row))}
                for row, place in zip(chosen, places, strict=True)
            ]
        if table and self._files is not None:
            self._files.examples(table)
        return found

    def _looked_at(self, places: NDArray[np.int64]) -> list[dict[str, Any]]:
        split, known = self._split, self._data.preparation
        if not len(places):
            return []
        if split.own is not None or not self._shows:
            return [{} for _ in places]
        if split.shown is not None:
            return [{"cells": one} for one in examples.table_rows(split.shown.iloc[places])]
        words = known.words if known is not None else ()
        return examples.shown(as_seen(split, places), self._data.feature_names, words, FIRST)

    def _where(self, place: int) -> str:
        split = self._split
        if split.shown is not None:
            return f"row {split.shown.index[place] + 1} of the file"
        x = split.x
        if split.decode is not None and split.read is None and isinstance(x, np.ndarray) and x.dtype.kind in "USO":
            return _within(str(x[place]), str(self._data.source or ""))
        return f"{self._name} example {place}"


def _within(file: str, source: str) -> str:
    """A file by its path below what the data are named by: what lies above is nobody's who reads the report."""
    with contextlib.suppress(ValueError):
        return str(Path(file).relative_to(source))
    return Path(file).name
