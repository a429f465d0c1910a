"""What came out of a training, in Markdown, for the description on the run's page."""

from __future__ import annotations

from tfmlflow.result import REASONS, Result
from tfmlflow.tracking.run import note
from tfmlflow.trainer.callbacks.progress import short


def text(said: Result) -> str:
    """A sentence and a table."""
    epochs = "1 epoch" if said.epochs == 1 else f"{said.epochs} epochs"
    ended = REASONS[said.reason].format(epochs=epochs)
    if said.best_epoch is None or said.objective is None:
        return f"No epoch with a number for `{said.metric}`; {ended}."
    lines = [f"**{said.metric} {short(said.objective)}** at epoch {said.best_epoch}; {ended}.", ""]
    lines += ["| best epoch | train | validation | test |", "|---|---:|---:|---:|"]
    for name in said.validation or said.train:
        cells = (short(part[name]) if name in part else "" for part in (said.train, said.validation, said.test))
        lines.append(f"| {note.plain(name)} | {' | '.join(cells)} |")
    return "\n".join(lines)
