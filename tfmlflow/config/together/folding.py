"""What a cross-validation (`data.folds`, `data.fold`, `data.group`) needs of the rest of the data's config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def problems(data: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong, a line each."""
    folds, fold = data.get("folds"), data.get("fold")
    if isinstance(fold, int) and not isinstance(fold, bool):
        if folds is None and fold > 0:
            yield f"data.fold={fold}: there are no folds; add data.folds=5, or leave data.fold away"
        elif isinstance(folds, int) and folds > 1 and fold >= folds:
            yield (
                f"data.fold={fold}: with data.folds={folds} they are 0 to {folds - 1}; all of them: "
                f"-m data.fold='range(0,{folds})'"
            )
    if (group := data.get("group")) is None:
        return
    for key in ("label", "text"):
        if group == data.get(key):
            yield f"data.group={group}: is data.{key}, too; data.group names a column that says what belongs together"
    if group in (data.get("categorical") or ()):
        yield f"data.group={group}: is no input of the model, so it is no category; take it out of data.categorical"
