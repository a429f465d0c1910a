"""What a stored model says of its inputs and outputs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

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
