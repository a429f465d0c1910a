"""A convolutional network of a few hundred weights, something to train it on, and who trains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tfmlflow.compress.work import Work

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6, 6, 2)).astype("float32")
Y = (X.mean(axis=(1, 2, 3)) > 0).astype("int32")
BATCH = 16


def network(**named: Any) -> keras.Model:
    """Convolution, normalization, flattening and two dense layers; every weight differs from zero."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(4, 3, name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="normal")(x)
    x = keras.layers.MaxPooling2D(name="pool")(keras.layers.Activation("relu", name="relu")(x))
    x = keras.layers.Dense(8, activation="relu", name="hidden")(keras.layers.Flatten(name="flat")(x))
    made = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="out")(x), **named)
    for variable in made.weights:
        variable.assign(variable + 0.01 * np.arange(1, np.prod(variable.shape) + 1).reshape(variable.shape) / 100)
    return made


def fit(
    model: keras.Model,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    epochs: int = 1,
    learning_rate: float = 1e-2,
    group: int | None = None,
) -> None:
    """Plain Keras."""
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    model.fit(X, Y, batch_size=BATCH, epochs=epochs, callbacks=list(callbacks), verbose=0)


WORK = Work(fit, X, len(X) // BATCH)


def outputs(model: keras.Model) -> np.ndarray[Any, Any]:
    """Of all examples."""
    return np.asarray(model(X, training=False))
