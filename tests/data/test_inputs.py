"""Several inputs by name, and examples of different weight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pytest
import tensorflow as tf

from tests import stores
from tests.conftest import Command, run
from tfmlflow.data import Data
from tfmlflow.data.augment import geometric
from tfmlflow.data.pipeline import Pipeline, in_order
from tfmlflow.data.returned import as_data
from tfmlflow.data.splits import from_arrays
from tfmlflow.errors import UsageError
from tfmlflow.models import cnn, mlp
from tfmlflow.trainer.class_weights import class_weights
from tfmlflow.trainer.compiling import ensure_built

N = 60
NUMBERS = np.arange(N)
NAMED = {
    "table": np.stack([NUMBERS, NUMBERS * 2], axis=1).astype(np.float64),
    "picture": np.repeat(NUMBERS.astype(np.uint8), 4).reshape(N, 2, 2, 1),
    "token": NUMBERS.astype(np.int32)[:, None],
}


def named(**more: Any) -> Data:
    return from_arrays("mine", NAMED, NUMBERS % 3, task="multiclass", **more)


def test_several_inputs_are_what_the_model_sees() -> None:
    data = named()
    assert {name: (*one,) for name, one in data.inputs.items()} == {
        "table": ((2,), "float32"),
        "picture": ((2, 2, 1), "float32"),
        "token": ((1,), "int32"),
    }
    pipeline = Pipeline(data.train, 8, seed=1)
    assert pipeline.gathers
    gone = []
    for x, y in pipeline.dataset:
        numbers = x["token"].numpy().ravel()
        assert np.array_equal(x["table"][:, 1], numbers * 2)
        assert np.allclose(x["picture"][:, 0, 0, 0] * 255, numbers)
        assert np.array_equal(y, numbers % 3)
        gone += [*numbers]
    assert sorted(gone) == sorted(data.train.x["token"].ravel())


def test_the_digest_is_of_every_input_and_its_name() -> None:
    other = {**NAMED, "table": NAMED["table"].copy()}
    other["table"][-1, -1] += 1
    renamed = {"tables": NAMED["table"], "picture": NAMED["picture"], "token": NAMED["token"]}
    turned = dict(reversed(NAMED.items()))
    first, *rest, same = (
        from_arrays("mine", x, NUMBERS % 3, task="multiclass").digest for x in (NAMED, other, renamed, turned)
    )
    assert first == same
    assert len({first, *rest}) == 3


@pytest.mark.parametrize("build", [mlp.build, cnn.build])
def test_the_shipped_models_refuse_several_inputs(build: Any) -> None:
    with pytest.raises(UsageError, match="has the inputs table, picture, token, and the shipped models take one"):
        build(named())


def test_an_augmentation_refuses_several_inputs() -> None:
    with pytest.raises(UsageError, match="augment=none"):
        Pipeline(named().train, 8, 0, geometric(rotation=10))


def test_a_model_of_other_inputs_is_refused() -> None:
    one, other = keras.Input((2,), name="table"), keras.Input((3,), name="tabel")
    model = keras.Model([one, other], keras.layers.Concatenate()([one, other]), name="mine")
    with pytest.raises(UsageError, match=r"takes the inputs table, tabel; data=mine has .*, and no tabel"):
        ensure_built(model, named())


def test_weights_go_with_their_examples() -> None:
    weight = NUMBERS + 1.0
    data = as_data((NUMBERS[:, None].astype(np.float32), NUMBERS % 3, weight), "mine.load", seed=0)
    for batches in (Pipeline(data.train, 8, 0).dataset, in_order(data.validation, 8), in_order(data.test, 8)):
        for x, y, w in batches:
            assert np.array_equal(w, x.numpy().ravel() + 1)
            assert np.array_equal(y, x.numpy().ravel() % 3)
            assert w.dtype == tf.float32
    with pytest.raises(UsageError, match=r"class_weight=balanced: .* has a weight for each example"):
        class_weights("balanced", data)
    assert data.digest != as_data((data.train.x, data.train.y), "mine.load", seed=0).digest


OWN = """
import keras
import numpy as np

CHANCE = np.random.default_rng(0)
LEFT, RIGHT = CHANCE.normal(size=(400, 3)).astype("float32"), CHANCE.integers(0, 256, (400, 2, 2, 1)).astype("uint8")
Y = (LEFT[:, 0] + RIGHT[:, 0, 0, 0] / 128 > 1).astype(int)

def load():
    return {"right": RIGHT, "left": LEFT}, Y, np.where(Y == 1, 2.0, 0.5)

def build(data):
    inputs = {name: keras.Input(one.shape, dtype=one.dtype, name=name) for name, one in data.inputs.items()}
    flat = [keras.layers.Flatten()(one) for one in inputs.values()]
    x = keras.layers.Dense(8, "relu")(keras.layers.Concatenate()(flat))
    return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(x))
"""
ARGUMENTS = ("data=custom", "data._target_=mine.load", "model=custom", "model._target_=mine.build", "trainer.epochs=2")


@pytest.mark.slow
@pytest.mark.usefixtures("ready_store")
def test_a_model_of_several_inputs_is_trained_stored_and_evaluated(tmp_path: Path, train: Command) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    for trainer in (["trainer=loop", "+trainer.step.watch=3"], ["trainer=fit"]):
        done = train(*ARGUMENTS, *trainer, "optimizer.learning_rate=0.01")
        assert done.returncode == 0, done.stderr
    runs = stores.runs(tmp_path)
    assert runs[0].data.metrics["train/loss"] == pytest.approx(runs[1].data.metrics["train/loss"], rel=1e-5)
    assert runs[0].data.metrics["test/loss"] == pytest.approx(runs[1].data.metrics["test/loss"], rel=1e-5)
    watched = stores.client(tmp_path).get_metric_history(runs[0].info.run_id, "batch/gradient_norm/dense")
    assert [point.step for point in watched] == [3, 6, 9]
    assert all(point.value > 0 for point in watched)
    assert "batch/gradient_norm/dense" not in runs[1].data.metrics

    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (output,) = stores.client(tmp_path).get_run(runs[0].info.run_id).outputs.model_outputs
    model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    assert {spec.name: spec.shape[1:] for spec in model.metadata.signature.inputs.inputs} == {
        "left": (3,),
        "right": (2, 2, 1),
    }
    left, right = np.float32([[3, 0, 0], [-3, 0, 0]]), np.full((2, 2, 2, 1), 128, np.uint8)
    assert model.predict({"left": left, "right": right})["prediction"].tolist() == ["1", "0"]
    keras_model = mlflow.tensorflow.load_model(f"models:/{output.model_id}")
    seen = keras_model.predict({"left": left, "right": right / 255}, verbose=0).ravel()
    assert np.allclose(seen, model.predict({"left": left, "right": right})["probability_1"], atol=1e-6)

    command = ("-m", "tfmlflow", "evaluate", runs[0].info.run_id[:8], *ARGUMENTS[:2])
    done = run(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = stores.runs(tmp_path)[-1].data.metrics["test/loss"]
    assert again == pytest.approx(runs[0].data.metrics["test/loss"], rel=1e-5)
