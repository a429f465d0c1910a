"""What a stored model says of its inputs and outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cloudpickle
import keras
import numpy as np
import pytest

from tfmlflow.tracking.models import model_export
from tfmlflow.tracking.models.model_signature import of_network


def two(named: bool) -> keras.Model:
    inputs = keras.Input((4,), name="rows")
    price = keras.layers.Dense(1, name="price")(inputs)
    kind = keras.layers.Dense(3, "softmax", name="kind")(inputs)
    return keras.Model(inputs, {"price": price, "kind": kind} if named else [price, kind])


@pytest.mark.parametrize("example", [None, np.ones((2, 4), np.float32)], ids=["no example", "example"])
@pytest.mark.parametrize("named", [False, True])
def test_several_outputs_keep_their_names(named: bool, example: Any) -> None:
    signature = of_network(two(named), example)
    assert signature is not None
    shapes = {output.name: output.shape for output in signature.outputs.inputs}
    assert shapes == {"price": (-1, 1), "kind": (-1, 3)}


def test_one_output_has_no_name() -> None:
    inputs = keras.Input((4,))
    signature = of_network(keras.Model(inputs, keras.layers.Dense(2)(inputs)), np.ones((2, 4), np.float32))
    assert signature is not None
    assert [(output.name, output.shape) for output in signature.outputs.inputs] == [(None, (-1, 2))]


def test_a_stored_model_has_no_optimizer_which_would_double_its_size(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(256), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.zeros((4, 64)), np.zeros((4, 1)), verbose=0)
    plain = model_export.uncompiled(model)
    assert (plain.compiled, model.compiled) == (False, True)
    plain.save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").stat().st_size < 1.5 * 4 * model.count_params()


def test_only_parts_of_ones_own_that_a_model_is_made_of_go_with_it(tmp_path: Path) -> None:
    class Twice(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    class Other(keras.layers.Layer):
        pass

    inputs = keras.Input((3,))
    keras.saving.get_custom_objects().update({"somebody>Other": Other, "Twice": Twice})
    try:
        for name, outputs in (("plain", inputs), ("own", Twice()(inputs))):
            model = keras.Model(inputs, keras.layers.Dense(2)(outputs))
            model_export.save(model, tmp_path / name, np.ones((1, 3), np.float32))
    finally:
        for key in ("somebody>Other", "Twice"):
            keras.saving.get_custom_objects().pop(key, None)
    pickled = "data/global_custom_objects.cloudpickle"
    assert not (tmp_path / "plain" / pickled).exists()
    assert set(cloudpickle.loads((tmp_path / "own" / pickled).read_bytes())) == {"Twice"}
