"""What holds for every model: its output fits the task, its arguments are those of its option file."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from omegaconf import OmegaConf

from tests.conftest import ROOT
from tests.models.kinds import OUTPUTS, SHAPES, data
from tfmlflow.data import Task
from tfmlflow.data.pipeline import in_order
from tfmlflow.errors import UsageError
from tfmlflow.models import cnn, mlp, recurrent, resnet
from tfmlflow.run import part

Builder = Callable[..., keras.Model]
SMALL: dict[str, tuple[Builder, dict[str, Any]]] = {
    "mlp": (mlp.build, {"units": [5]}),
    "cnn": (cnn.build, {"filters": [2, 3], "dense_units": [4]}),
    "resnet": (resnet.build, {"filters": [2, 3], "blocks": 1}),
    "lstm": (recurrent.lstm, {"units": [3]}),
    "gru": (recurrent.gru, {"units": [3]}),
}
FITTING = [
    *(("mlp", kind) for kind in SHAPES),
    ("cnn", "image"),
    ("resnet", "image"),
    *((name, kind) for name in ("lstm", "gru") for kind in ("image", "tokens", "series")),
]
TASKS: tuple[Task, ...] = ("multiclass", "binary", "regression")


def small(name: str, kind: str, task: Task = "multiclass", **arguments: Any) -> keras.Model:
    builder, few = SMALL[name]
    return builder(data(kind, task), **{**few, **arguments})


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("name", "kind"), FITTING)
def test_the_output_fits_the_task(name: str, kind: str, task: Task) -> None:
    model = small(name, kind, task)
    assert model.name == name
    assert model.input_shape == (None, *SHAPES[kind])
    assert model.output_shape == (None, OUTPUTS[task])
    x, y = next(iter(in_order(data(kind, task).test, 8)))
    outputs = model(x).numpy()
    assert outputs.dtype == np.float32
    assert outputs.shape[0] == y.shape[0]
    if task == "multiclass":
        assert np.allclose(outputs.sum(axis=1), 1.0, atol=1e-5)
        assert outputs.min() >= 0
    elif task == "binary":
        assert 0 < outputs.min() <= outputs.max() < 1
    assert model.layers[-1].activation.__name__ == {"multiclass": "softmax", "binary": "sigmoid"}.get(task, "linear")


@pytest.mark.parametrize("name", SMALL)
def test_the_output_activation_can_be_chosen(name: str) -> None:
    kind = "image"
    assert small(name, kind, output_activation="linear").layers[-1].activation is keras.activations.linear


@pytest.mark.parametrize(("name", "kind"), FITTING)
def test_a_model_learns_from_a_step(name: str, kind: str) -> None:
    keras.utils.set_random_seed(0)
    model, split = small(name, kind), data(kind).train
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", run_eagerly=True)
    before = [variable.numpy() for variable in model.trainable_variables]
    model.train_on_batch(*next(iter(in_order(split, 16))))
    unchanged = [
        variable.path
        for variable, value in zip(model.trainable_variables, before, strict=True)
        if np.array_equal(variable.numpy(), value)
    ]
    assert len(unchanged) <= len(before) // 3, unchanged


@pytest.mark.parametrize("name", SMALL)
def test_penalties_are_losses_of_the_kernels(name: str) -> None:
    kind = "image"
    assert small(name, kind).losses == []
    model = small(name, kind, l1=0.1, l2=0.01)
    kernels = [
        variable.numpy()
        for variable in model.trainable_variables
        if variable.path.endswith("/kernel") and "logits" not in variable.path
    ]
    expected = [0.1 * np.abs(kernel).sum() + 0.01 * np.square(kernel).sum() for kernel in kernels]
    assert len(model.losses) == len(kernels) > 0
    assert np.allclose(sorted(map(float, model.losses)), sorted(expected), rtol=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    def weights(seed: int) -> list[Any]:
        keras.utils.set_random_seed(seed)
        return list(small(name, "image").get_weights())

    first, again, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("name", SMALL)
def test_a_saved_model_predicts_the_same_when_loaded(name: str, tmp_path: Any) -> None:
    model, x = small(name, "image"), data("image").test.x
    model.save(tmp_path / "m.keras")
    assert np.array_equal(
        keras.models.load_model(tmp_path / "m.keras").predict(x, verbose=0), model.predict(x, verbose=0)
    )


@pytest.mark.parametrize("name", SMALL)
def test_option_files_name_every_argument_with_its_default(name: str) -> None:
    section = OmegaConf.load(ROOT / "conf" / "model" / f"{name}.yaml")
    builder = recurrent.stack if name in ("lstm", "gru") else SMALL[name][0]
    defaults = {
        key: list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        for key, parameter in inspect.signature(builder).parameters.items()
        if key not in ("data", "layer", "name", "arguments")
    }
    listed = {key: value for key, value in OmegaConf.to_container(section).items() if key not in ("name", "_target_")}  # type: ignore[union-attr]
    assert listed == defaults
    assert part(section)(data=data("image")).name == name  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "kind"), [("cnn", "table"), ("cnn", "series"), ("resnet", "table")])
def test_models_of_images_refuse_other_data(name: str, kind: str) -> None:
    with pytest.raises(UsageError, match=rf"model={name} needs images .* data={kind} .*use model=mlp"):
        small(name, kind)


@pytest.mark.parametrize("name", ["cnn", "resnet"])
def test_models_of_images_point_to_the_models_that_read_text(name: str) -> None:
    with pytest.raises(UsageError, match="use model=mlp, lstm or gru"):
        small(name, "tokens")


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_recurrent_models_refuse_vectors(name: str) -> None:
    with pytest.raises(UsageError, match=rf"model={name} needs sequences.*vector of 10 numbers; use model=mlp"):
        small(name, "table")
