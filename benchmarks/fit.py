"""Time of a training of an MLP on in-memory data, against `model.fit(numpy)` and a hand-written loop in the graph.

    python benchmarks/fit.py --data ../shared/data/mnist.npz

The same model (784-128-64-10), optimizer (Adam), batch size (64) and number of epochs; new models for each turn, turns
interleaved, the median of several. The first epoch of each turn (tracing, compiling) is not counted for anybody; a turn
is the wall time of the epochs after it, without validation. Budgets: at least 2.5 times faster than plain fit, at most
1.3 times the time of the hand-written loop, test accuracy within 0.5 points.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from tfmlflow.data import Data
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.datasets import mnist
from tfmlflow.models import mlp
from tfmlflow.trainer import compile_model, execution

BATCH = 64


class EpochTimes(keras.callbacks.Callback):
    """Seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self._began)


def plain(data: Data, epochs: int) -> tuple[float, keras.Model]:
    """Keras as in its tutorials."""
    model, clock = mlp.build(data), EpochTimes()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = data.train.x.astype("float32") / 255.0
    model.fit(x, data.train.y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[clock])
    return sum(clock.seconds[1:]), model


def ours(data: Data, epochs: int) -> tuple[float, keras.Model]:
    """The trainer's pipeline and settings."""
    model, clock, pipeline = mlp.build(data), EpochTimes(), Pipeline(data.train, BATCH, seed=0)
    compile_model(model, keras.optimizers.Adam(), data)
    model.steps_per_execution = execution.steps_per_execution("auto", model, BATCH, pipeline.steps, True)
    model.jit_compile = execution.jit_compile("auto", model, pipeline.steps * epochs, 1)
    model.fit(pipeline.dataset, epochs=epochs, verbose=0, shuffle=False, callbacks=[pipeline, clock])
    return sum(clock.seconds[1:]), model


def by_hand(data: Data, epochs: int) -> tuple[float, keras.Model]:
    """One tf.function an epoch, with the same metrics."""
    model, optimizer = mlp.build(data), keras.optimizers.Adam()
    loss_of = keras.losses.SparseCategoricalCrossentropy()
    optimizer.build(model.trainable_variables)
    x, y = tf.constant(data.train.x.astype("float32") / 255.0), tf.constant(data.train.y)
    size = len(data.train)
    loss_mean, accuracy = keras.metrics.Mean(), keras.metrics.SparseCategoricalAccuracy()

    @tf.function(jit_compile=True)
    def step(batch_x: tf.Tensor, batch_y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            prediction = model(batch_x, training=True)
            loss = loss_of(batch_y, prediction)
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        loss_mean.update_state(loss)
        accuracy.update_state(batch_y, prediction)

    @tf.function
    def epoch() -> None:
        order = tf.random.shuffle(tf.range(size))
        for i in tf.range(size // BATCH):
            chosen = tf.ensure_shape(order[i * BATCH : (i + 1) * BATCH], (BATCH,))
            step(tf.gather(x, chosen), tf.gather(y, chosen))

    seconds = []
    for _ in range(epochs):
        began = time.perf_counter()
        epoch()
        float(loss_mean.result())
        seconds.append(time.perf_counter() - began)
    return sum(seconds[1:]), model


def main() -> int:
    """Measure, print, and return 1 if a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="MNIST as an npz file")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    data = mnist.load(str(arguments.data))
    contestants = {"model.fit(numpy)": plain, "tfmlflow": ours, "hand-written loop": by_hand}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    accuracy: dict[str, list[float]] = {name: [] for name in contestants}
    test = data.test.x.astype("float32") / 255.0
    for turn in range(arguments.runs):
        for name, train in contestants.items():
            keras.utils.set_random_seed(turn)
            spent, model = train(data, arguments.epochs)
            seconds[name].append(spent)
            accuracy[name].append(
                float(np.mean(model.predict(test, batch_size=1000, verbose=0).argmax(-1) == data.test.y))
            )
            keras.backend.clear_session()
    for name, values in seconds.items():
        print(
            f"{name:20} {statistics.median(values):7.2f} s ({min(values):.2f} to {max(values):.2f}), "
            f"test accuracy {statistics.mean(accuracy[name]):.4f}"
        )
    faster = statistics.median(p / o for p, o in zip(seconds["model.fit(numpy)"], seconds["tfmlflow"], strict=True))
    behind = statistics.median(o / h for o, h in zip(seconds["tfmlflow"], seconds["hand-written loop"], strict=True))
    print(f"tfmlflow is {faster:.2f} times faster than model.fit(numpy) (budget: at least 2.5)")
    print(f"tfmlflow takes {behind:.2f} times the time of the hand-written loop (budget: at most 1.3)")
    means = {name: statistics.mean(values) for name, values in accuracy.items()}
    same = abs(means["tfmlflow"] - means["model.fit(numpy)"]) < 0.005
    return 0 if faster >= 2.5 and behind <= 1.3 and same else 1


if __name__ == "__main__":
    sys.exit(main())
