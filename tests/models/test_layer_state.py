"""Copies of a model compute as the model does, also where preprocessing layers were adapted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pytest
import tensorflow as tf

from tfmlflow.compress import precision
from tfmlflow.export.network import unrolled
from tfmlflow.tracking.models import model_export, safe_model


def words(mode: str) -> keras.Model:
    lookup = keras.layers.TextVectorization(output_mode=mode, output_sequence_length=4 if mode == "int" else None)
    lookup.adapt(["a good film", "a bad one"])
    inputs = keras.Input((), dtype="string")
    x = lookup(inputs)
    if mode == "int":
        x = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(20, 3)(x))
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def numbers(recurrent: bool = False) -> keras.Model:
    scaling = keras.layers.Normalization()
    scaling.adapt(np.random.default_rng(0).normal(50, 9, (200, 3) if not recurrent else (200, 5, 3)).astype("float32"))
    last = [keras.layers.LSTM(4)] if recurrent else []
    shape = (5, 3) if recurrent else (3,)
    return keras.Sequential([keras.Input(shape), scaling, *last, keras.layers.Dense(2)])


@pytest.mark.parametrize("mode", ["int", "multi_hot", "tf_idf"])
def test_a_stored_model_has_the_vocabulary_that_it_was_adapted_to(mode: str, tmp_path: Path) -> None:
    model, texts = words(mode), tf.constant(["a good one", "film film"])
    expected = model(texts).numpy()
    folder = model_export.save(model, tmp_path / "model")
    for read in (safe_model.read(folder), mlflow.tensorflow.load_model(str(folder))):
        np.testing.assert_allclose(read(texts), expected, rtol=1e-5)


@pytest.mark.parametrize("made", [model_export.uncompiled, lambda model: precision.cast(model, None)])
def test_a_copy_scales_as_the_model_does(made: Any) -> None:
    model, x = numbers(), np.array([[50.0, 41.0, 59.0]], np.float32)
    np.testing.assert_allclose(np.asarray(made(model)(x)), model(x).numpy(), rtol=2e-2, atol=2e-3)


def test_what_is_unrolled_scales_as_the_model_does() -> None:
    model, x = numbers(recurrent=True), np.full((1, 5, 3), 55.0, np.float32)
    np.testing.assert_allclose(np.asarray(unrolled(model)(x)), model(x).numpy(), rtol=1e-4)
