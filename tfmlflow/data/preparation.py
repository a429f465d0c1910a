"""What a loader has learned from the training examples: it belongs to the model, and new data are prepared by it."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmlflow.errors import UsageError

log = logging.getLogger(__name__)

FILE = "preparation.json"
UNKNOWN, MISSING = "[UNK]", ""


@dataclass(frozen=True)
class Column:
    """How a column of a table becomes numbers.

    Attributes:
        name: Of the column.
        categories: One column each, after one for all others; None: it holds numbers.
        mean, deviation: Of the training rows, by which numbers are normalized; a missing one is the mean.
        marked: Whether a column of its own says where numbers are missing.
    """

    name: str
    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    deviation: float = 1.0
    marked: bool = False

    @classmethod
    def of_text(cls, values: pd.Series) -> Column:
        """Of categories, the frequent ones first."""
        counted = _texts(values).value_counts()
        return cls(str(values.name), tuple(sorted(counted.index, key=lambda text: (-int(counted[text]), text))))

    @classmethod
    def of_numbers(cls, values: pd.Series) -> Column:
        """Of numbers."""
        numbers = _numbers(values)
        known = numbers[np.isfinite(numbers)]
        if not len(known):
            return cls(str(values.name), marked=True)
        mean = float(known.mean())
        filled = np.where(np.isfinite(numbers), numbers - mean, 0.0)
        deviation = float(filled.std())
        usable = math.isfinite(deviation) and deviation > 0
        return cls(str(values.name), None, mean, deviation if usable else 1.0, len(known) < len(numbers))

    @property
    def names(self) -> list[str]:
        """Of the columns that it becomes."""
        if self.categories is not None:
            return [f"{self.name}={text or '(missing)'}" for text in (UNKNOWN, *self.categories)]
        return [self.name, *([f"{self.name} is missing"] if self.marked else [])]

    def prepared(self, values: pd.Series) -> NDArray[np.float32]:
        """The columns, float32 `(n, len(names))`."""
        if self.categories is not None:
            places = {text: place for place, text in enumerate(self.categories, 1)}
            found = _texts(values).map(lambda text: places.get(text, 0)).to_numpy(np.int64)
            one_hot: NDArray[np.float32] = np.eye(len(self.categories) + 1, dtype=np.float32)[found]
            return one_hot
        numbers = _numbers(values)
        finite = np.isfinite(numbers)
        scaled = np.where(finite, (numbers - self.mean) / self.deviation, 0.0)
        parts = [scaled, *([~finite] if self.marked else [])]
        return np.stack(parts, axis=1).astype(np.float32)

    def unknown(self, values: pd.Series) -> int:
        """How many categories of `values` no training row had."""
        return 0 if self.categories is None else int((~_texts(values).isin(self.categories)).sum())


@dataclass(frozen=True)
class Preparation:
    """How raw examples become those that a model takes, and what its outputs are called.

    Attributes:
        kind: `table`, `pictures` or `arrays`.
        task: multiclass, binary or regression.
        classes: Names, in the order of the model's outputs.
        columns: Of a table, in the order of the model's inputs.
        label: Column that is predicted.
        size, channels: Of pictures: height and width; 1 grey, 3 colour.
    """

    kind: str
    task: str
    classes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    label: str = ""
    size: tuple[int, ...] = ()
    channels: int = 0

    def rows(self, frame: pd.DataFrame, where: str) -> NDArray[np.float32]:
        """A table's rows, float32 `(n, features)`.

        Args:
            frame: Has the columns, in any order; others are left out.
            where: Names the table in messages.

        Raises:
            UsageError: Columns are missing, or hold text where the training rows had numbers.
        """
        there = {str(name): name for name in frame.columns}
        missing = [column.name for column in self.columns if column.name not in there]
        if missing:
            raise UsageError(
                f"{where}: {len(missing)} of the {len(self.columns)} columns that the model was trained on are "
                f"missing: {', '.join(missing[:10])}; it has {', '.join([*there][:20])}"
            )
        parts = []
        for column in self.columns:
            values = frame[there[column.name]]
            if column.categories is None and not _is_numeric(values):
                raise UsageError(f"{where}: column {column.name!r} holds text; the model was trained on numbers there")
            if unknown := column.unknown(values):
                log.warning(
                    "%s: column %r: %s of %s rows hold a category that no training row had",
                    where,
                    *(column.name, unknown, len(values)),
                )
            parts.append(column.prepared(values))
        others = [name for name in there if name not in {column.name for column in self.columns} | {self.label}]
        if others:
            log.warning("%s: left out, since the model was not trained on them: %s", where, ", ".join(others[:10]))
        return np.concatenate(parts, axis=1)

    def labels(self, values: Sequence[str], where: str) -> NDArray[np.int32]:
        """The places of class names among those of the model.

        Raises:
            UsageError: There are others.
        """
        places = {name: place for place, name in enumerate(self.classes)}
        strange = sorted({value for value in values if value not in places})
        if strange:
            raise UsageError(
                f"{where}: {len(strange)} classes that the model does not know: {', '.join(strange[:10])}; "
                f"it knows {', '.join(self.classes[:20])}"
            )
        return np.array([places[value] for value in values], dtype=np.int32)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of a table's prepared columns."""
        return tuple(name for column in self.columns for name in column.names)

    def write(self, folder: Path) -> None:
        """Leave it beside a model, as JSON."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Preparation | None:
        """That of a model; None if it has none.

        Raises:
            UsageError: It makes no sense.
        """
        file = folder / FILE
        if not file.is_file():
            return None
        try:
            said: Any = json.loads(file.read_text(encoding="utf-8"))
            columns = tuple(
                Column(
                    str(one["name"]),
                    None if one["categories"] is None else tuple(map(str, one["categories"])),
                    float(one["mean"]),
                    float(one["deviation"]),
                    bool(one["marked"]),
                )
                for one in said["columns"]
            )
            return cls(
                *(str(said["kind"]), str(said["task"]), tuple(map(str, said["classes"])), columns),
                *(str(said["label"]), tuple(map(int, said["size"])), int(said["channels"])),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{FILE} of the model makes no sense: {error}") from error


def _is_numeric(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values)) or bool(values.isna().all())


def _texts(values: pd.Series) -> pd.Series:
    return values.astype("string").fillna(MISSING).astype(str)


def _numbers(values: pd.Series) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = values.to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)
