"""What is said of an export: how it was checked, and what it does not hold."""

from __future__ import annotations

from tfmlflow.export.exporting import Export
from tfmlflow.predictor.preparation import Preparation


def lines(done: Export) -> list[str]:
    """For the terminal."""
    found, stored = done.difference, done.stored
    labels = f", {found.equal} of {found.labels} labels equal" if found.labels else ""
    said = [
        f"{done.files[0]}  {done.size:,} bytes (stored: {stored.size:,})",
        f"checked on {done.source}: largest difference {found.largest:.2g}{labels}",
        f"takes  {done.takes}",
        f"gives  {done.gives}",
    ]
    if stored.preparation is None:
        return [*said, "what its inputs are made of, and its classes, are not stored with it"]
    beside = done.files[1] if len(done.files) > 1 else done.files[0] / "preparation.json"
    return [*said, f"not in it, but in {beside}: {left_out(stored.preparation)}"]


def left_out(preparation: Preparation) -> str:
    """What the network does not do itself."""
    parts = []
    if preparation.kind == "table":
        texts = sum(column.categories is not None for column in preparation.columns)
        numbers = len(preparation.columns) - texts
        parts += [f"the scaling of {numbers} columns"] if numbers else []
        parts += [f"the categories of {texts}"] if texts else []
    elif preparation.kind == "pictures":
        size = " x ".join(map(str, preparation.size))
        parts += [f"decoding, resizing to {size}, and the division of pixels by 255"]
    elif preparation.kind == "texts":
        parts += [f"the numbers of {len(preparation.words):,} words"]
    elif preparation.pixels or preparation.pixel_inputs:
        parts += ["the division of pixels by 255"]
    if preparation.task != "regression":
        count = len(preparation.classes)
        parts += [f"the names of {count} classes" if count else "what a number above the threshold means"]
    return ", ".join(parts) or "nothing that an input needs"
