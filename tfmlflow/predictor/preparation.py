"""What a loader has learned from the training examples: it belongs to the model, and new data are prepared by it."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import texts
from .columns import Column

log = logging.getLogger(__name__)

FILE = "preparation.json"


class Unfit(ValueError):
    """Examples are not such as the model was trained on."""


@dataclass(frozen=True)
class Preparation:
    """How raw examples become those that a model takes, and what its outputs are called.

    Attributes:
        kind: `table`, `pictures` (encoded), `texts` or `arrays`.
        task: multiclass, binary or regression.
        classes: Names, in the order of the model's outputs.
        columns: Of a table, in the order of the model's inputs.
        label: Column that is predicted.
        size, channels: Of pictures: height and width; 1 grey, 3 colour.
        pixels: Whether arrays hold pixels, uint8, which the model takes in [0, 1].
        pixel_inputs: Names of those of several inputs that hold pixels.
        text: Column of a table that holds the texts.
        words: Their vocabulary, the most frequent word first.
        length: Words of a text that the model takes.
        scores: What a classifier gives: `probabilities`, `logits`, or other `scores`.
    """

    kind: str
    task: str
    classes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    label: str = ""
    size: tuple[int, ...] = ()
    channels: int = 0
    pixels: bool = False
    scores: str = "probabilities"
    pixel_inputs: tuple[str, ...] = ()
    text: str = ""
    words: tuple[str, ...] = ()
    length: int = 0

    def texts(self, given: Any, where: str = "input") -> NDArray[np.int32]:
        """Texts as the numbers of their words, int32 `(n, length)`.

        Args:
            given: Texts, or a table with the column of them.
            where: Names them in messages.

        Raises:
            Unfit: The column is missing, or holds something else.
        """
        if isinstance(given, pd.DataFrame):
            if self.text not in given:
                there = ", ".join(map(str, [*given.columns][:20]))
                raise Unfit(f"{where}: the column {self.text!r} of the texts is missing; it has {there}")
            given = given[self.text]
        cells = [given] if isinstance(given, str) else np.asarray(given, dtype=object).ravel().tolist()
        try:
            found = texts.numbers(cells, self.words, self.length)
        except ValueError as error:
            raise Unfit(f"{where}: {error}") from error
        if empty := int((~found.any(axis=1)).sum()):
            log.warning("%s: %s of %s texts have no word in them, and are taken as empty", where, empty, len(found))
        return found

    def rows(self, frame: pd.DataFrame, where: str = "input") -> NDArray[np.float32]:
        """A table's rows, float32 `(n, features)`.

        Args:
            frame: Has the columns, in any order; others are left out.
            where: Names the table in messages.

        Raises:
            Unfit: Columns are missing, or hold text where the training rows had numbers.
        """
        there = {str(name): name for name in frame.columns}
        missing = [column.name for column in self.columns if column.name not in there]
        if missing:
            raise Unfit(
                f"{where}: {len(missing)} of the {len(self.columns)} columns that the model was trained on are "
                f"missing: {', '.join(missing[:10])}; it has {', '.join([*there][:20])}"
            )
        parts = []
        for column in self.columns:
            values = frame[there[column.name]]
            try:
                parts.append(column.prepared(values))
            except (ValueError, TypeError) as error:
                raise Unfit(f"{where}: {error}") from error
            if unknown := column.unknown(values):
                what = f"no date as {column.dates} has it" if column.dates else "a category that no training row had"
                log.warning("%s: column %r: %s of %s rows hold %s", where, column.name, unknown, len(values), what)
        others = [name for name in there if name not in {column.name for column in self.columns} | {self.label}]
        if others:
            log.warning("%s: left out, since the model was not trained on them: %s", where, ", ".join(others[:10]))
        return np.concatenate(parts, axis=1)

    def labels(self, values: Sequence[str], where: str = "input") -> NDArray[np.int32]:
        """The places of class names among those of the model.

        Raises:
            Unfit: There are others.
        """
        places = {name: place for place, name in enumerate(self.classes)}
        strange = sorted({value for value in values if value not in places})
        if strange:
            raise Unfit(
                f"{where}: {len(strange)} classes that the model does not know: {', '.join(strange[:10])}; "
                f"it knows {', '.join(self.classes[:20])}"
            )
        return np.array([places[value] for value in values], dtype=np.int32)

    @property
    def learned(self) -> bool:
        """Whether other files are prepared by it: nothing was learned from arrays."""
        return self.kind != "arrays"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of a table's prepared columns."""
        return tuple(name for column in self.columns for name in column.names)

    def write(self, folder: Path) -> None:
        """Leave it beside a model, as JSON."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, place: Path) -> Preparation | None:
        """That of a model, by its folder or by the file itself; None if it has none.

        Raises:
            Unfit: It makes no sense.
        """
        file = place / FILE if place.is_dir() else place
        if not file.is_file():
            return None
        try:
            said: Any = json.loads(file.read_text(encoding="utf-8"))
            return cls(
                *(str(said["kind"]), str(said["task"]), tuple(map(str, said["classes"]))),
                *(tuple(map(_column, said["columns"])), str(said["label"])),
                *(tuple(map(int, said["size"])), int(said["channels"])),
                *(bool(said.get("pixels", False)), str(said.get("scores", "probabilities"))),
                *(tuple(map(str, said.get("pixel_inputs", ()))), str(said.get("text", ""))),
                *(tuple(map(str, said.get("words", ()))), int(said.get("length", 0))),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Unfit(f"{FILE} of the model makes no sense: {error}") from error


def _column(said: Any) -> Column:
    return Column(
        str(said["name"]),
        None if said["categories"] is None else tuple(map(str, said["categories"])),
        *(float(said["mean"]), float(said["deviation"]), bool(said["marked"])),
        *(str(said.get("dates") or ""), tuple(map(str, said.get("cycles", ())))),
    )
