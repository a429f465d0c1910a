"""How many steps a call into the graph makes, and what XLA compiles."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np
import pytest

from tests.models.kinds import data as kind
from tests.trainer.tiny import Memory, clouds, fit
from tfmlflow.hardware import Runtime
from tfmlflow.models import cnn, mlp, recurrent, resnet
from tfmlflow.trainer import execution


def steps(
    model: keras.Model, batch_size: int = 64, steps: int = 1000, wanted: Any = "auto", allowed: bool = True
) -> int:
    return execution.steps_per_execution(wanted, model, batch_size, steps, allowed)


@cache
def step_by_step(batch_size: int) -> Memory:
    """Two epochs with a call into the graph for each step."""
    memory = Memory()
    fit(clouds(), memory=memory, steps_per_execution=1, epochs=2, batch_size=batch_size)
    return memory


@pytest.mark.parametrize(("batch_size", "epoch", "group"), [(12, 4, 3), (12, 4, 4), (10, 5, 3), (10, 5, 100)])
def test_groups_of_steps_learn_the_same_and_leave_out_none(batch_size: int, epoch: int, group: int) -> None:
    single, grouped = step_by_step(batch_size), Memory()
    assert len(single.losses) == 2 * epoch
    model, _ = fit(clouds(), memory=grouped, steps_per_execution=group, epochs=2, batch_size=batch_size)
    assert int(model.optimizer.iterations) == 2 * epoch
    assert len(grouped.losses) == 2 * -(-epoch // min(group, epoch))
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(grouped.weights[-1], single.weights[-1], strict=True))
    assert grouped.epochs[-1] == pytest.approx(single.epochs[-1], abs=1e-5)


def test_auto_groups_the_steps_of_a_small_model() -> None:
    model, _ = fit(clouds(), epochs=1)
    assert model.steps_per_execution == 4
    assert steps(model) == 50


def test_auto_groups_the_fewer_the_more_a_step_costs() -> None:
    pictures = kind("image", shape=(32, 32, 3))
    models = [
        cnn.build(pictures, filters=[8], dense_units=[]),
        cnn.build(pictures, filters=[32, 64]),
        resnet.build(pictures, filters=[64, 128, 256]),
    ]
    sizes = [steps(model) for model in models]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 10
    assert sizes[-1] == 1


def test_auto_counts_the_steps_in_time_of_a_recurrent_network() -> None:
    short, long = (recurrent.lstm(kind("series", shape=(length, 8)), units=[128]) for length in (5, 500))
    assert steps(short) > steps(long)


def test_auto_knows_that_an_embedding_is_only_looked_up() -> None:
    inputs = keras.Input((200,), dtype="int32")
    vectors = keras.layers.Embedding(10_000, 64)(inputs)
    outputs = keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(vectors))
    assert steps(keras.Model(inputs, outputs)) == 50


def test_a_number_is_taken_up_to_the_length_of_an_epoch() -> None:
    model = mlp.build(clouds(), units=[3])
    assert steps(model, wanted=7) == 7
    assert steps(model, wanted=7, steps=5) == 5


def test_steps_are_not_grouped_where_the_hardware_cannot() -> None:
    runtime = Runtime(("/device:CPU:0",), can_group_steps=False)
    model, _ = fit(clouds(), runtime=runtime, steps_per_execution=3, epochs=1)
    assert model.steps_per_execution == 1


def test_auto_compiles_dense_models_in_long_runs_only() -> None:
    dense = mlp.build(clouds(), units=[3], dropout=0.1, batch_norm=True)
    pictures = cnn.build(kind("image"), filters=[2])
    assert execution.jit_compile("auto", dense, steps=2000, replicas=1)
    assert not execution.jit_compile("auto", dense, steps=1999, replicas=1)
    assert not execution.jit_compile("auto", dense, steps=2000, replicas=2)
    assert not execution.jit_compile("auto", pictures, steps=10_000, replicas=1)
    assert execution.jit_compile(True, pictures, steps=1, replicas=1)
    assert not execution.jit_compile(False, dense, steps=10_000, replicas=1)


@pytest.mark.parametrize(("wanted", "compiled"), [(True, True), (False, False), ("auto", False)])
def test_the_choice_reaches_the_model(wanted: Any, compiled: bool) -> None:
    model, _ = fit(clouds(), jit_compile=wanted, epochs=1)
    assert model.jit_compile is compiled
