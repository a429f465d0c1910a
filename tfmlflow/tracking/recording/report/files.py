"""Pictures and tables of a run's predictions, as `mlflow.evaluate` names them, on their way to the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmlflow.analysis.predictions import classification, pictures
from tfmlflow.analysis.predictions.classification import Curve
from tfmlflow.analysis.predictions.classified import Classified
from tfmlflow.analysis.predictions.regression import Regressed
from tfmlflow.tracking.recording.own.run_files import RunFiles
from tfmlflow.tracking.recording.report.parts import Parts
from tfmlflow.tracking.run.session import Session

PER_CLASS = "per_class_metrics.csv"
TEST, BY_EPOCH, EXAMPLES = "per_class.json", "per_class_by_epoch.json", "worst_examples.json"  # that MLflow compares
TABLES = "tables"
ROWS = 20_000  # of a table


class Files:
    """Makes files of a run.

    Args:
        session: The run.
        parts: Counts the time.
        split: On what the model was asked: test or validation.
        whole: How many examples that has, of which a part may have been asked.
    """

    def __init__(self, session: Session, parts: Parts, split: str, whole: int) -> None:
        self._asked = {"split": split, "examples_of_split": whole}
        self._session, self._parts, self._tables = session, parts, RunFiles(session)
        self._folder = session.staging / "predictions"

    def classes(
        self, of: Classified, counts: NDArray[np.int64], roc: Mapping[int, Curve], rates: Mapping[int, Curve]
    ) -> None:
        """Of a classification: confusions, ROC and precision-recall curves, calibration, a table by class."""
        names = of.names
        self._send(pictures.CONFUSION, lambda file: pictures.confusion_matrix(counts, names, file))
        rate = ("false positive rate", "true positive rate")
        for curves, axes, name in (
            (roc, rate, pictures.ROC),
            (rates, ("recall", "precision"), pictures.PRECISION_RECALL),
        ):
            if curves:
                shown = classification.drawn(dict(curves))
                self._send(name, lambda file, of=shown, axes=axes: pictures.curves(of, names, axes, file))
        if of.probable:
            calibration = classification.calibration(of)
            self._send(pictures.CALIBRATION, lambda file: pictures.calibration_curve(calibration, file))
        table = per_class(names, counts, roc, rates).assign(**self._asked)
        self._send(PER_CLASS, lambda file: table.to_csv(file, index=False))
        each = classification.by_class(counts)
        self._table(pd.DataFrame({"class": names, **each, **self._asked}), TEST)

    def numbers(self, of: Regressed, names: Sequence[str]) -> None:
        """Of a regression: predicted by true, and residuals."""
        self._send(pictures.PREDICTED, lambda file: pictures.predicted_vs_true(of, names, file))
        self._send(pictures.RESIDUALS, lambda file: pictures.residuals(of, names, file))

    def by_epoch(self, names: Sequence[str], counts: Mapping[int, NDArray[np.int64]]) -> None:
        """A table by epoch and class, of the validation split."""
        epochs = sorted(counts)
        some = epochs[:: -(-len(epochs) * len(names) // ROWS)]
        frames = [pd.DataFrame({"epoch": e, "class": names, **classification.by_class(counts[e])}) for e in some]
        self._table(pd.concat(frames, ignore_index=True), BY_EPOCH)

    def examples(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A table of the worst examples."""
        self._table(pd.DataFrame(list(rows)), EXAMPLES)

    def _table(self, frame: pd.DataFrame, name: str) -> None:
        self._parts.make(f"{TABLES}/{name}", lambda: self._tables.log_table(frame, f"{TABLES}/{name}"))

    def _send(self, name: str, make: Any) -> None:
        def made() -> None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            file = Path(self._folder / name)
            make(file)
            self._session.artifact(file)

        self._parts.make(name, made)


def per_class(
    names: Sequence[str], counts: NDArray[np.int64], roc: Mapping[int, Curve], rates: Mapping[int, Curve]
) -> pd.DataFrame:
    """Each class against all others, in the columns of `mlflow.evaluate`."""
    hits = np.diag(counts)
    missed, wrongly = counts.sum(axis=1) - hits, counts.sum(axis=0) - hits
    all_examples = counts.sum()
    each = classification.by_class(counts)
    return pd.DataFrame(
        {
            "positive_class": list(names),
            "true_negatives": all_examples - hits - missed - wrongly,
            "false_positives": wrongly,
            "false_negatives": missed,
            "true_positives": hits,
            "example_count": all_examples,
            "accuracy_score": 1.0 - (missed + wrongly) / max(1, all_examples),
            "recall_score": each["recall"],
            "precision_score": each["precision"],
            "f1_score": each["f1"],
            "support": each["support"],
            "roc_auc": [roc[place].area if place in roc else np.nan for place in range(len(names))],
            "precision_recall_auc": [rates[place].area if place in rates else np.nan for place in range(len(names))],
        }
    )
