"""What a model costs and gives: bytes, zeros, milliseconds, and how far two models agree."""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmlflow import layer_state
from tfmlflow.compress.kernels import sparsity
from tfmlflow.compress.litert import LiteRT

BATCHES = (1, 32)
WARM, TURNS, CALLS = 10, 20, 5  # calls before any counts; turns, and at least so many calls of each


@dataclass(frozen=True)
class Size:
    """Of a model's file, without an optimizer.

    Attributes:
        size_bytes, gzip_bytes: As it is, and packed by gzip at its default level.
        sparsity: Share of zeros in kernels.
    """

    size_bytes: int
    gzip_bytes: int
    sparsity: float


def size(model: keras.Model, of: keras.Model | None = None) -> Size:
    """Of a model's file as it would be stored, without an optimizer.

    Args:
        model: Of Keras, or a LiteRT file.
        of: Of a LiteRT file, the Keras model that it was made of, whose weights are counted.
    """
    content = model.content if isinstance(model, LiteRT) else _saved(model)
    counted = of if of is not None else model
    packed = len(gzip.compress(content, mtime=0))
    return Size(len(content), packed, float(sparsity(counted)))


def _saved(model: keras.Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.keras")
        with layer_state.not_compiled(model):
            keras.saving.save_model(model, file)
        return file.read_bytes()


def latency(models: dict[str, keras.Model], examples: Any, seconds: float = 2.0) -> dict[str, dict[str, float]]:
    """Milliseconds of a call, one batch in and its outputs read, by turns, so that a busy machine is busy for all.

    Args:
        models: By name.
        examples: Inputs, `(n, ...)` or several by name; repeated where a batch needs more.
        seconds: For each model and batch, about.

    Returns:
        By the model's name: `latency_p50_ms`, `latency_p95_ms` of one example, `latency32_...` of 32.
    """
    found: dict[str, dict[str, float]] = {name: {} for name in models}
    for batch in BATCHES:
        taken = keras.tree.map_structure(lambda one, n=batch: np.take(one, np.arange(n) % len(one), axis=0), examples)
        calls = {name: _call(model, taken) for name, model in models.items()}
        times: dict[str, list[float]] = {name: [] for name in models}
        for call in calls.values():
            for _ in range(WARM):
                call()
        for _ in range(TURNS):
            for name, call in calls.items():
                began = time.perf_counter()
                while len(times[name]) % CALLS or time.perf_counter() - began < seconds / TURNS:
                    start = time.perf_counter()
                    call()
                    times[name].append((time.perf_counter() - start) * 1e3)
        word = "latency" if batch == 1 else f"latency{batch}"
        for name, taken_ms in times.items():
            found[name][f"{word}_p50_ms"], found[name][f"{word}_p95_ms"] = (
                float(value) for value in np.percentile(taken_ms, (50, 95))
            )
    return found


def _call(model: keras.Model, batch: Any) -> Callable[[], Any]:
    if isinstance(model, LiteRT):
        fitting = np.asarray(batch, model._takes)
        return lambda: model.predict_array(fitting)
    graph = tf.function(lambda x: model(x, training=False), autograph=False)
    tensors = keras.tree.map_structure(tf.convert_to_tensor, batch)
    return lambda: keras.tree.map_structure(lambda one: one.numpy(), graph(tensors))


def agreement(before: Any, after: Any, task: str, logits: bool = False) -> dict[str, float]:
    """How far the outputs of two models for the same inputs agree.

    Args:
        before, after: `(n, ...)`, or several.
        task: `multiclass`, `binary` or `regression`.
        logits: Whether outputs are these, of which one above 0 is the second of two classes.

    Returns:
        `max_abs_diff`, `mean_abs_diff`; of classes `label_agreement`, the share of inputs with the same label.
    """
    ones, others = keras.tree.flatten(before), keras.tree.flatten(after)
    differ = [np.abs(np.asarray(a, "float64") - np.asarray(b, "float64")) for a, b in zip(ones, others, strict=True)]
    found = {
        "max_abs_diff": float(max(one.max() for one in differ)),
        "mean_abs_diff": float(np.mean([one.mean() for one in differ])),
    }
    if task != "regression" and len(ones) == 1:
        border = 0.0 if logits else 0.5
        labels = [
            one.argmax(-1) if one.shape[-1] > 1 else one > border for one in map(np.asarray, (ones[0], others[0]))
        ]
        found["label_agreement"] = float(np.mean(labels[0] == labels[1]))
    return found
