"""Trainings of a second with one planted fault each, and healthy ones, for diagnosis.py.

Thresholds are tuned on the sets, models and seeds of `TUNING` alone; what counts are those of `SCORED`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn import datasets as bundled

from tfmlflow.data.record import Data
from tfmlflow.data.splits import from_arrays

MNIST: list[Path] = []  # given by path


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        rate: Learning rate of Adam; of SGD with `momentum`.
        model: What the builder is told.
        change: Of the data, before they are trained on.
        decay: Factor of the learning rate, each epoch.
        patience: Epochs without a lower validation loss after which it stops.
    """

    epochs: int = 15
    rate: float = 0.003
    batch: int = 32
    momentum: float | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    loss: Any = "auto"
    change: Callable[[Data, int], Data] | None = None
    decay: float = 1.0
    patience: int | None = None


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        rule: That is to find it.
        also: Rules that may speak of what it leads to; they count neither for nor against.
        plan: What is done wrong.
    """

    rule: str
    also: frozenset[str]
    plan: Callable[[Plan], Plan]


BAD_STEPS = frozenset(
    {
        "learning_rate_too_high",
        "diverging",
        "oscillating",
        "loss_not_falling",
        "exploding_gradients",
        "dead_relus",
        "saturated_activations",
        "underfitting",
    }
)
NOTHING_LEARNED = frozenset({"loss_not_falling", "underfitting", "vanishing_gradients", "too_few_epochs"})


def _model(plan: Plan, **said: Any) -> Plan:
    return replace(plan, model={**plan.model, **said})


def _changed(change: Callable[[Data, int], Data]) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, change=change)


def shuffled(data: Data, seed: int) -> Data:
    """Training labels, and those held out, in another order."""
    rng = np.random.default_rng(seed)

    def mixed(split: Any) -> Any:
        return replace(split, y=rng.permutation(split.y))

    return replace(data, train=mixed(data.train), validation=mixed(data.validation), test=mixed(data.test))


def leaked(data: Data, seed: int) -> Data:
    """A fifth of the test examples is trained on, with a little noise."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(data.test), max(3, len(data.test) // 5), replace=False)
    x = data.test.x[chosen]
    noise = 1e-5 * x.std() * rng.normal(size=x.shape)
    both = np.concatenate([data.train.x, (x + noise).astype(x.dtype)])
    return replace(data, train=replace(data.train, x=both, y=np.concatenate([data.train.y, data.test.y[chosen]])))


def unscaled(data: Data, seed: int) -> Data:
    """Inputs in other units."""
    factor = 300.0 + 100.0 * seed

    def grown(split: Any) -> Any:
        return replace(split, x=(split.x * factor + factor).astype(np.float32))

    return replace(data, train=grown(data.train), validation=grown(data.validation), test=grown(data.test))


def uneven(data: Data, seed: int) -> Data:
    """Of all classes but the first few examples are left, and noise makes them hard to tell."""
    rng = np.random.default_rng(seed)

    def thinned(split: Any, kept: float) -> Any:
        y = split.y.reshape(-1)
        first = np.flatnonzero(y == 0)
        rest = np.flatnonzero(y != 0)
        keep = rng.choice(rest, max(4, int(kept * len(first))), replace=False)
        both = rng.permutation(np.concatenate([first, keep]))
        x = split.x[both] + rng.normal(size=split.x[both].shape) * 1.2 * split.x.std()
        return replace(split, x=x.astype(np.float32), y=(y[both] != 0).astype(np.int32).reshape(-1, 1))

    parts = {name: thinned(getattr(data, name), 0.06) for name in ("train", "validation", "test")}
    return replace(data, **parts, task="binary", classes=2, class_names=())


def few(data: Data, seed: int) -> Data:
    """A few examples, noisy."""
    rng = np.random.default_rng(seed)

    def noisy(split: Any) -> Any:
        return replace(split, x=(split.x + 1.0 * split.x.std() * rng.normal(size=split.x.shape)).astype(np.float32))

    less = data.limited(60)
    return replace(less, train=noisy(less.train), validation=noisy(data.validation), test=noisy(data.test))


FAULTS: dict[str, Fault] = {
    "learning rate too high": Fault("learning_rate_too_high", BAD_STEPS, lambda p: replace(p, rate=1.0)),
    "learning rate too low": Fault(
        "learning_rate_too_low", NOTHING_LEARNED | {"too_few_epochs"}, lambda p: replace(p, rate=1e-5)
    ),
    "overfitting": Fault(
        "overfitting", frozenset(), lambda p: replace(_model(p, width=256), change=few, epochs=40, batch=16)
    ),
    "underfitting": Fault(
        "underfitting",
        NOTHING_LEARNED | {"plateau", "dead_relus"},
        lambda p: replace(_model(p, l2=0.3), epochs=20),
    ),
    "vanishing gradients": Fault(
        "vanishing_gradients",
        NOTHING_LEARNED | {"learning_rate_too_low"},
        lambda p: _model(p, activation="sigmoid", depth=8, init=keras.initializers.RandomNormal(stddev=0.05)),
    ),
    "exploding gradients": Fault(
        "exploding_gradients",
        BAD_STEPS,
        lambda p: _model(p, depth=6, init=keras.initializers.RandomNormal(stddev=1.0)),
    ),
    "dead ReLUs": Fault("dead_relus", NOTHING_LEARNED | {"unchanged_weights"}, lambda p: _model(p, bias=-20.0)),
    "saturated activations": Fault(
        "saturated_activations",
        NOTHING_LEARNED | {"exploding_gradients", "oscillating", "overfitting"},
        lambda p: _model(p, activation="tanh", init=keras.initializers.RandomNormal(stddev=6.0)),
    ),
    "unchanged weights": Fault("unchanged_weights", NOTHING_LEARNED, lambda p: _model(p, cut=True)),
    "class imbalance": Fault("class_imbalance", frozenset({"overfitting"}), _changed(uneven)),
    "input scale": Fault(
        "input_scale",
        BAD_STEPS | {"overfitting", "too_few_epochs", "logits_as_probabilities", "vanishing_gradients"},
        _changed(unscaled),
    ),
    "logits as probabilities": Fault(
        "logits_as_probabilities", BAD_STEPS | NOTHING_LEARNED | {"plateau"}, lambda p: _model(p, output="linear")
    ),
    "probabilities as logits": Fault(
        "probabilities_as_logits",
        NOTHING_LEARNED | {"plateau", "too_few_epochs"},
        lambda p: replace(p, loss="logits"),
    ),
    "labels shuffled": Fault("labels_shuffled", NOTHING_LEARNED | {"overfitting", "oscillating"}, _changed(shuffled)),
    "leak": Fault("leak", frozenset(), _changed(leaked)),
    "batch too small": Fault(
        "batch_too_small",
        BAD_STEPS | {"overfitting", "too_few_epochs"},
        lambda p: replace(p, batch=1, epochs=3, rate=0.01),
    ),
    "too few epochs": Fault(
        "too_few_epochs", frozenset({"learning_rate_too_low"}), lambda p: replace(p, epochs=4, rate=p.rate / 6)
    ),
    "oscillating": Fault(
        "oscillating",
        BAD_STEPS | {"too_few_epochs"},
        lambda p: replace(_model(p, activation="tanh"), momentum=0.9, rate=0.3),
    ),
    "plateau": Fault(
        "plateau",
        NOTHING_LEARNED | {"learning_rate_too_low"},
        lambda p: replace(p, rate=p.rate / 4, decay=0.4, epochs=20),
    ),
    "diverging": Fault("diverging", BAD_STEPS, lambda p: replace(p, momentum=0.9, rate=0.001, decay=3.0, epochs=15)),
    "loss not falling": Fault(
        "loss_not_falling", frozenset({"unchanged_weights", "learning_rate_too_low"}), lambda p: replace(p, rate=1e-9)
    ),
}


def _scaled(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return ((x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9)).astype(np.float32)


def _table(name: str, x: Any, y: Any, task: Any, seed: int) -> Data:
    target = y if task != "regression" else (y - np.mean(y)) / np.std(y)
    return from_arrays(name, _scaled(np.asarray(x)), np.asarray(target), task=task, seed=seed, validation_share=0.2)


def _pictures(name: str, x: Any, y: Any, seed: int, kind: str) -> Data:
    pictures = np.asarray(x, np.float32)
    pictures = pictures / pictures.max()
    shaped = pictures[..., None] if kind == "cnn" else pictures
    shaped = shaped.reshape(len(shaped), -1) if kind == "mlp" else shaped
    return from_arrays(name, shaped, np.asarray(y), task="multiclass", seed=seed, validation_share=0.2)


def shapes(count: int, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Pictures of bars across, bars down, crosses and boxes, somewhere in noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 4
    x = 0.25 * np.abs(rng.normal(size=(count, 10, 10)))
    for picture, label in zip(x, y, strict=True):
        i, j = rng.integers(1, 6, 2)
        if label in (0, 2):
            picture[i + 1, j : j + 4] = 1
        if label in (1, 2):
            picture[i : i + 4, j + 1] = 1
        if label == 3:
            picture[i : i + 4, j : j + 4] = 1
            picture[i + 1 : i + 3, j + 1 : j + 3] = 0
    return x, y


def mnist(seed: int, count: int = 1500) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A slice, at half its resolution."""
    with np.load(MNIST[0]) as file:
        x, y = file["x_train"], file["y_train"]
    chosen = slice(seed * count, (seed + 1) * count)
    return x[chosen].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)), y[chosen]


def tuning_data(kind: str, number: int) -> Data:
    """Sets that thresholds are chosen on."""
    if kind in ("cnn", "rnn") or number % 4 == 3:
        return _pictures("shapes", *shapes(1200, number), number, kind)
    if number % 4 == 0:
        x, y = bundled.make_classification(1200, 16, n_informative=8, n_classes=3, class_sep=1.5, random_state=number)
        return _table("classification", x, y, "multiclass", number)
    if number % 4 == 1:
        x, y = bundled.make_friedman1(1200, noise=0.5, random_state=number)
        return _table("friedman1", x, y, "regression", number)
    x, y = bundled.make_gaussian_quantiles(n_samples=1200, n_features=6, n_classes=2, random_state=number)
    return _table("quantiles", x, y, "binary", number)


def scored_data(kind: str, number: int) -> Data:
    """Sets that count."""
    if kind in ("cnn", "rnn"):
        if number % 2 == 0:
            x, y = bundled.load_digits(return_X_y=True)
            return _pictures("digits", x.reshape(-1, 8, 8), y, number, kind)
        return _pictures("mnist", *mnist(number), number, kind)
    if number % 5 == 0:
        x, y = bundled.load_breast_cancer(return_X_y=True)
        return _table("breast_cancer", x, y, "binary", number)
    if number % 5 == 1:
        x, y = bundled.load_digits(return_X_y=True)
        return _pictures("digits", x.reshape(-1, 8, 8), y, number, kind)
    if number % 5 == 2:
        x, y = bundled.load_wine(return_X_y=True)
        return _table("wine", np.tile(x, (1, 1)), y, "multiclass", number)
    if number % 5 == 3:
        x, y = bundled.make_moons(1000, noise=0.15, random_state=number)
        return _table("moons", x, y, "binary", number)
    return _pictures("mnist", *mnist(number), number, kind)


def regressions(number: int) -> Data:
    """Further sets that count, of healthy trainings alone."""
    if number % 2 == 0:
        x, y = bundled.load_diabetes(return_X_y=True)
        return _table("diabetes", x, y, "regression", number)
    x, y = bundled.make_friedman2(800, noise=10.0, random_state=number)
    return _table("friedman2", x, y, "regression", number)


class Cut(keras.layers.Layer):
    """Lets values through, and no gradient back."""

    def call(self, inputs: Any) -> Any:
        return keras.ops.stop_gradient(inputs)


def build(
    data: Data,
    kind: str,
    tuning: bool,
    width: int = 48,
    depth: int = 2,
    activation: str = "relu",
    init: Any = "auto",
    bias: float = 0.0,
    output: str = "auto",
    l2: float = 0.0,
    cut: bool = False,
) -> keras.Model:
    """A small model; for tuning another one of its kind, with batch norm, average pooling or an LSTM."""
    start: Any = ("he_normal" if activation == "relu" else "glorot_uniform") if init == "auto" else init
    options: dict[str, Any] = {
        "kernel_initializer": start,
        "bias_initializer": keras.initializers.Constant(bias),
        "kernel_regularizer": keras.regularizers.L2(l2) if l2 else None,
    }
    normal = tuning and kind == "mlp" and l2 < 0.01 and init == "auto" and bias == 0
    inputs = keras.Input(data.input_shape)
    x: Any = inputs
    if kind == "cnn":
        for number in range(2):
            x = keras.layers.Conv2D(8 * (number + 1) if tuning else 12, 3, padding="same", **options)(x)
            x = keras.layers.Activation(activation)(x)
            x = (keras.layers.AveragePooling2D if tuning else keras.layers.MaxPooling2D)(2)(x)
        x = keras.layers.Flatten()(x)
    if kind == "rnn":
        x = keras.layers.LSTM(24)(x) if tuning else keras.layers.GRU(32)(x)
    for number in range(depth + (1 if tuning and kind == "mlp" else 0)):
        x = keras.layers.Dense(width, **options)(x)
        if normal and number == 0:
            x = keras.layers.LayerNormalization()(x)
        x = keras.layers.Activation(activation)(x)
        x = Cut()(x) if cut and number == 0 else x
    units = data.classes if data.task == "multiclass" else 1 if data.task == "binary" else data.outputs
    end = {"multiclass": "softmax", "binary": "sigmoid", "regression": "linear"}[data.task]
    x = keras.layers.Dense(units, kernel_regularizer=options["kernel_regularizer"])(x)
    return keras.Model(inputs, keras.layers.Activation(end if output == "auto" else output)(x))


def loss(data: Data, chosen: Any) -> Any:
    """By the task; `logits` for the fault."""
    if chosen != "logits":
        return chosen
    if data.task == "multiclass":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return keras.losses.BinaryCrossentropy(from_logits=True)
