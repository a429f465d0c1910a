"""Two replicas on one CPU: the same training as on one device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.hardware.process import shared
from tfmlflow.errors import UsageError
from tfmlflow.hardware import multi_gpu

pytestmark = pytest.mark.xdist_group("mirrored")  # what is made once for all is made by one worker

SCRIPT = """
environment.load("warning")
runtime = multi_gpu(logical_cpus=2)

from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
from tests.trainer.test_phases import PLAN, network, plan
from tests.trainer.tiny import CPU, Memory, clouds, fit
from tfmlflow import trainer
from tfmlflow.models import mlp
from tfmlflow.optim import schedules
from tfmlflow.optim.schedules import Run
from tfmlflow.trainer.steps.step import descend

# Steered: with batch norm, averaged weights, a plateau, class weights and metrics of our own.
def trained(runtime, data, batch_size=12, steered=False):
    keras.utils.set_random_seed(0)
    with runtime.scope():
        model = mlp.build(data, units=[6], batch_norm=steered)
        optimizer = keras.optimizers.Adam(0.02, use_ema=steered, ema_momentum=0.7)
    watch = schedules.plateau(Run(0.02, 4, 3), patience=1, min_delta=100.0).callbacks if steered else ()
    memory = Memory()
    model, fitted = fit(
        data, model, optimizer, memory=memory, runtime=runtime, batch_size=batch_size, callbacks=watch,
        steps_per_execution=1 if runtime is CPU else "auto", class_weight={0: 3.0} if steered else None,
        metrics=["f1", "auc"] if steered else "auto",
    )
    return {
        "losses": memory.losses,
        "rates": memory.rates,
        "epochs": memory.epochs,
        "steps": int(keras.ops.convert_to_numpy(model.optimizer.iterations)),
        "group": model.steps_per_execution,
        "synchronized": [layer.synchronized for layer in model.layers if hasattr(layer, "synchronized")],
        "weights": [weight.tolist() for weight in model.get_weights()],
        "test": trainer.evaluate(model, data.test, batch_size),
    }

def mirrored(way):
    return multi_gpu(logical_cpus=2, cross_device=way).strategy

def attempted(*arguments, **options):
    try:
        return trained(*arguments, **options) and "trained"
    except Exception as error:
        return type(error).__name__

def phased(runtime, train):
    keras.utils.set_random_seed(0)
    with runtime.scope():
        model, optimizer = network(dropout=0.0), keras.optimizers.Adam(0.02, weight_decay=0.1)
    memory = Memory()
    fit(
        even, model, optimizer, memory=memory, runtime=runtime, callbacks=[plan(*PLAN)], train=train,
        steps_per_execution=1,
    )
    return {"losses": memory.losses, "weights": [weight.tolist() for weight in memory.weights[-1]]}

# The weights before and after one step, whose gradients are far above what they are clipped to.
def clipped(runtime, train, **clip):
    keras.utils.set_random_seed(0)
    with runtime.scope():
        model, optimizer = mlp.build(even, units=[6]), keras.optimizers.SGD(1.0, **clip)
    before, memory = model.get_weights(), Memory()
    fit(
        even, model, optimizer, memory=memory, runtime=runtime, batch_size=48, train=train, epochs=1,
        steps_per_execution=1,
    )
    return [[weight.tolist() for weight in weights] for weights in (before, memory.weights[0])]

# The same of rows of an embedding, each of which several examples have, which Adam squares one by one.
def embedded(runtime, **clip):
    keras.utils.set_random_seed(0)
    with runtime.scope():
        layers = [keras.layers.Embedding(7, 4), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((5,), dtype="int32"), *layers])
        model.compile(keras.optimizers.Adam(0.1, **clip), "mse")
        model.optimizer.build(model.trainable_variables)
    batch = np.arange(40, dtype=np.int32).reshape(8, 5) % 7, np.arange(8, dtype=np.float32)[:, None]
    step = lambda *data: descend(model, data).loss
    if runtime.strategy is None:
        tf.function(step)(*batch)
    else:
        parts = runtime.strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices(batch).batch(8))
        tf.function(lambda data: runtime.strategy.run(step, args=data))(next(iter(parts)))
    return [weight.tolist() for weight in model.get_weights()]

CLIPS = {
    "clipnorm": (trainer.loop, {"clipnorm": 0.01}),
    "global_clipnorm": (trainer.loop, {"global_clipnorm": 0.01}),
    "clipvalue": (trainer.loop, {"clipvalue": 0.001}),
}
even = clouds()  # 48 to train on, 16 to validate, 16 to test
said = {
    "clipped": {
        kind: {"two": clipped(runtime, train, **clip), "one": clipped(CPU, train, **clip)}
        for kind, (train, clip) in CLIPS.items()
    },
    "embedded": {
        kind: {"two": embedded(runtime, **clip), "one": embedded(CPU, **clip)} for kind, (_, clip) in CLIPS.items()
    },
    "runtime": [runtime.devices, runtime.strategy_name, runtime.replicas, runtime.can_group_steps],
    "ways": {
        way: trained(replace(runtime, strategy=mirrored(way)), even)["losses"]
        for way in ("hierarchical_copy", "one_device")
    },
    "two": trained(runtime, even),
    "one": trained(CPU, even),
    "two_phased": phased(runtime, trainer.loop),
    "one_phased": phased(CPU, trainer.loop),
    "two_steered": trained(runtime, even, steered=True),
    "one_steered": trained(CPU, even, steered=True),
    "odd": attempted(runtime, clouds(examples=76), batch_size=9),
}
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found, _ = shared(SCRIPT, "mirrored", tmp_path_factory, fresh=False)
    return found


def test_parts_of_the_cpu_are_replicas_of_a_mirrored_strategy(said: dict[str, Any]) -> None:
    assert said["runtime"] == [["/device:CPU:0", "/device:CPU:1"], "MirroredStrategy", 2, False]


def test_gradients_are_the_same_however_they_are_added_up(said: dict[str, Any]) -> None:
    assert set(said["ways"]) == {"hierarchical_copy", "one_device"}
    for losses in said["ways"].values():
        np.testing.assert_allclose(losses, said["two"]["losses"], atol=1e-6)


def test_nccl_is_refused_between_parts_of_the_cpu() -> None:
    with pytest.raises(UsageError, match=r"hardware\.cross_device=nccl: adds up between GPUs alone"):
        multi_gpu(logical_cpus=2, cross_device="nccl")


def test_steps_are_not_grouped(said: dict[str, Any]) -> None:
    assert said["two"]["group"] == 1
    assert said["two"]["steps"] == said["one"]["steps"] == 12


@pytest.mark.parametrize("kind", ["", "_steered"])
def test_losses_rates_and_metrics_are_those_of_one_device(said: dict[str, Any], kind: str) -> None:
    two, one = said[f"two{kind}"], said[f"one{kind}"]
    assert two["losses"] == pytest.approx(one["losses"], abs=1e-4)
    for ours, theirs in zip(two["epochs"], one["epochs"], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)
    assert two["rates"] == pytest.approx(one["rates"])
    assert two["test"] == pytest.approx(one["test"], abs=1e-4)


def test_phases_are_those_of_one_device(said: dict[str, Any]) -> None:
    two, one = said["two_phased"], said["one_phased"]
    assert two["losses"] == pytest.approx(one["losses"], abs=1e-4)
    for ours, theirs in zip(two["weights"], one["weights"], strict=True):
        assert np.allclose(ours, theirs, atol=1e-3)


def test_batch_statistics_are_shared_by_the_replicas(said: dict[str, Any]) -> None:
    assert said["two_steered"]["synchronized"] == [True]
    assert said["one_steered"]["synchronized"] == [False]
    for ours, theirs in zip(said["two_steered"]["weights"], said["one_steered"]["weights"], strict=True):
        assert np.allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize("kind", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_the_gradient_of_the_whole_batch_is_what_is_clipped(said: dict[str, Any], kind: str) -> None:
    two, one = said["clipped"][kind]["two"], said["clipped"][kind]["one"]
    for ours, theirs in zip(two[1], one[1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    steps = [np.subtract(after, before) for before, after in zip(*two, strict=True)]
    if kind == "clipvalue":
        assert max(np.abs(step).max() for step in steps) == pytest.approx(0.001, abs=1e-6)
    else:
        norms = [np.linalg.norm(step) for step in steps]
        whole = max(norms) if kind == "clipnorm" else np.linalg.norm(norms)
        assert whole == pytest.approx(0.01, abs=1e-6)


@pytest.mark.parametrize("kind", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_rows_of_an_embedding_are_clipped_as_on_one_device(said: dict[str, Any], kind: str) -> None:
    for ours, theirs in zip(said["embedded"][kind]["two"], said["embedded"][kind]["one"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


def test_batches_need_not_be_divisible_by_the_replicas(said: dict[str, Any]) -> None:
    assert said["odd"] == "trained"
