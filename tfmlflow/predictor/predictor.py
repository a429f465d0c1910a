"""A stored model as a Python function: raw examples in, predictions and probabilities by name out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .preparation import Preparation, Unfit

PICTURE = "image"  # column with encoded pictures


@dataclass(frozen=True)
class Predictor:
    """A Keras model, and what it was taught beside its weights."""

    model: Any
    preparation: Preparation

    @classmethod
    def of(cls, folder: Path) -> Predictor:
        """Of a folder in MLflow's format."""
        import mlflow.tensorflow

        preparation = Preparation.read(folder)
        if preparation is None:
            raise Unfit(f"{folder}: has no preparation.json")
        return cls(mlflow.tensorflow.load_model(str(folder), keras_model_kwargs={"compile": False}), preparation)

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Predictions of raw examples.

        Args:
            model_input: A table's rows; texts, or a table with a column of them; pictures, encoded, in a column
                `image`; an array `(n, ...)`, or several by the names of the model's inputs.
            params: Not used; MLflow passes them.

        Returns:
            `prediction`: the label, or the number of a regression. Of a classifier also `probability_<class>`, or
            `score_<class>` where its outputs are no probabilities.
        """
        index = model_input.index if isinstance(model_input, pd.DataFrame) else None
        examples = self.prepared(model_input)
        width = len(self.preparation.classes) if self.preparation.task == "multiclass" else 1
        count = min(map(len, examples.values())) if isinstance(examples, dict) else len(examples)
        named = self.named(self.model.predict(examples, verbose=0) if count else np.zeros((0, width)))
        return named if index is None else named.set_axis(index, axis=0)

    def prepared(self, given: Any) -> Any:
        """Raw examples as the network takes them, `(n, *input_shape)`, by name where it has several inputs."""
        if self.preparation.kind == "table":
            frame = given if isinstance(given, pd.DataFrame) else pd.DataFrame(given)
            return self.preparation.rows(frame)
        if self.preparation.kind == "texts":
            return self.preparation.texts(given)
        if self.preparation.kind == "pictures":
            from .pictures import arrays

            cells = given[PICTURE] if isinstance(given, pd.DataFrame) else given
            return scaled(arrays(cells, self.preparation.size, self.preparation.channels))
        if isinstance(given, Mapping):
            pixels = self.preparation.pixel_inputs
            return {name: scaled(one) if name in pixels else np.asarray(one) for name, one in given.items()}
        examples = given.to_numpy() if isinstance(given, pd.DataFrame) else np.asarray(given)
        return scaled(examples) if self.preparation.pixels else examples

    def named(self, given: Any) -> pd.DataFrame:
        """What the network gives, `(n, outputs)`, by names."""
        rows = np.asarray(given, np.float64)
        outputs = rows.reshape(len(rows), -1) if len(rows) else rows
        width = outputs.shape[1]
        task, classes, kind = self.preparation.task, self.preparation.classes, self.preparation.scores
        if task == "regression":
            names = ["prediction"] if width == 1 else [f"prediction_{n}" for n in range(width)]
            return pd.DataFrame(outputs, columns=names)
        if width == 1:  # of the second of two classes
            second = _sigmoid(outputs) if kind == "logits" else outputs
            places = (second[:, 0] > 0.5).astype(np.int64)
            outputs = np.concatenate([1.0 - second, second], axis=1)
        else:
            outputs = _softmax(outputs) if kind == "logits" and len(outputs) else outputs
            places = outputs.argmax(axis=1)
        labels = classes or tuple(str(number) for number in range(outputs.shape[1]))
        word = "score" if kind == "scores" else "probability"
        found = np.array(labels, dtype=object)[places]
        found[~np.isfinite(outputs).all(axis=1)] = None
        given_for = labels[1:] if width == 1 and kind == "scores" else labels  # there is no score of the first class
        columns = {f"{word}_{label}": outputs[:, labels.index(label)] for label in given_for}
        return pd.DataFrame({"prediction": found} | columns)


def scaled(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Pixels from 0 to 255 in [0, 1], as the training had them."""
    numbers: NDArray[np.float32] = np.asarray(pixels).astype(np.float32) * np.float32(1.0 / 255.0)
    return numbers


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(logits, -700.0, 700.0)))
    return shares


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
