"""Models that somebody else has put into the store: read without running anything of theirs, or refused."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import keras
import mlflow
import numpy as np
import pytest

from tests.tracking.trainings import compiled, own_store
from tfmlflow.errors import UsageError
from tfmlflow.tracking.checkpoints import checkpoint
from tfmlflow.tracking.models import model_import, safe_model


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with own_store(tmp_path_factory.mktemp("store")) as uri:
        yield uri


class Tells:
    """Leaves a file as soon as it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._file,)


def saved(folder: Path) -> Path:
    """A sound model in MLflow's format."""
    mlflow.tensorflow.save_model(compiled(), str(folder), pip_requirements=[])
    return folder


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None], **members: bytes) -> Path:
    """With another config in its `.keras` file, and more members."""
    (file,) = folder.rglob("*.keras")
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(content["config.json"])
    change(config)
    content = {**content, "config.json": json.dumps(config).encode(), **members}
    with zipfile.ZipFile(file, "w") as archive:
        for name, value in content.items():
            archive.writestr(name, value)
    return folder


def layer(whole: dict[str, Any], changes: dict[str, Any]) -> None:
    whole["config"]["layers"][1] |= changes


def test_a_sound_model_is_read_as_it_was(tmp_path: Path) -> None:
    model = safe_model.read(saved(tmp_path / "m"))
    for mine, theirs in zip(model.get_weights(), compiled().get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not model.compiled


@pytest.mark.parametrize(
    "layers",
    [
        [keras.layers.LSTM(4, return_sequences=True), keras.layers.GRU(3)],
        [keras.layers.Bidirectional(keras.layers.LSTM(3)), keras.layers.BatchNormalization()],
        [keras.layers.Conv1D(4, 3, activation=keras.activations.gelu, kernel_regularizer="l2"), keras.layers.Flatten()],
        [keras.layers.Rescaling([1.0, 2.0, 3.0]), keras.layers.Dense(2, keras.ops.tanh, kernel_constraint="max_norm")],
        [keras.layers.TimeDistributed(keras.layers.Dense(2, "relu", dtype="mixed_float16")), keras.layers.ReLU()],
    ],
    ids=lambda layers: layers[0].__class__.__name__,
)
def test_what_keras_itself_has_needs_no_trust(tmp_path: Path, layers: list[Any]) -> None:
    inputs = keras.Input((6, 3))
    outputs = inputs
    for one in layers:
        outputs = one(outputs)
    model = keras.Model(inputs, outputs + 1.0)
    (tmp_path / "m").mkdir()
    model.save(tmp_path / "m" / "model.keras")
    x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    np.testing.assert_allclose(safe_model.read(tmp_path / "m")(x), model(x), rtol=1e-5)


def test_custom_objects_are_not_unpickled(tmp_path: Path, store: str) -> None:
    told = tmp_path / "told"
    with mlflow.start_run() as run:
        mlflow.tensorflow.log_model(compiled(), name="best", pip_requirements=[], custom_objects={"Mine": Tells(told)})
    told.unlink(missing_ok=True)
    stored = model_import.load(run.info.run_id, store)
    assert not told.exists()
    assert stored.model.output_shape == (None, 1)
    model_import.load(run.info.run_id, store, trust=True)
    assert told.exists()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"module": "evil_module", "class_name": "Dense"}, "evil_module.Dense"),
        ({"module": "os", "class_name": "system"}, "os.system"),
        ({"class_name": "Mine", "registered_name": "pack>Mine"}, "Mine"),
        ({"module": "keras.utils", "class_name": "get_file"}, "keras.utils.get_file"),
        ({"module": "keras", "class_name": "Lambda"}, "keras.Lambda"),
        ({"class_name": "__lambda__", "config": {"value": "x"}}, "__lambda__"),
        ({"class_name": "__typespec__", "module": "evil_module", "config": []}, "__typespec__"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_modules_that_a_config_names_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], named: str
) -> None:
    (tmp_path / "evil_module.py").write_text("from pathlib import Path\nPath('told').touch()\nDense = object\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = rewritten(saved(tmp_path / "m"), lambda config: layer(config, changes))
    with pytest.raises(safe_model.Unsafe, match=named.replace(".", r"\.")):
        safe_model.read(folder)
    assert not (tmp_path / "told").exists()
    assert "evil_module" not in sys.modules


def test_a_lambda_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input((3,))
    (tmp_path / "m").mkdir()
    keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs)).save(tmp_path / "m" / "model.keras")
    with pytest.raises(safe_model.Unsafe, match=r"layers\.Lambda"):
        safe_model.read(tmp_path / "m")


def test_a_file_that_is_more_than_a_model_is_refused(tmp_path: Path) -> None:
    folder = rewritten(saved(tmp_path / "a"), lambda config: None, **{"../../outside.txt": b"x"})
    with pytest.raises(safe_model.Unsafe, match=r"outside\.txt"):
        safe_model.read(folder)
    assert not (tmp_path / "outside.txt").exists()


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)], ids=["empty", "text", "no members"])
def test_a_file_that_is_no_model_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ValueError, match="no Keras file"):
        safe_model.read(tmp_path)


def test_other_formats_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(cloudpickle.dumps(Tells(tmp_path / "told")))
    with pytest.raises(safe_model.Unsafe, match=r"no|0 \.keras files"):
        safe_model.read(tmp_path)


def test_the_refusal_says_why_and_what_can_be_done(store: str) -> None:
    @keras.saving.register_keras_serializable("somebody")
    class Mine(keras.layers.Dense):
        pass

    inputs = keras.Input((3,))
    with mlflow.start_run() as run:
        mlflow.tensorflow.log_model(keras.Model(inputs, Mine(2)(inputs)), name="best", pip_requirements=[])
    with pytest.raises(UsageError, match=r"Mine, which is not Keras's own; .*--trust"):
        model_import.load(run.info.run_id, store)
    assert model_import.load(run.info.run_id, store, trust=True).model.output_shape == (None, 2)


def test_a_checkpoint_is_not_unpickled(tmp_path: Path) -> None:
    told, model = tmp_path / "told", compiled()
    model.optimizer.build(model.trainable_variables)
    arrays = checkpoint.snapshot(model)
    evil = np.empty(1, dtype=object)
    evil[0] = Tells(told)
    stream = io.BytesIO()
    np.savez(stream, **(arrays | {"model/00000": evil, "about": evil}))
    told.unlink(missing_ok=True)
    (tmp_path / "step.npz").write_bytes(stream.getvalue())
    with pytest.raises(ValueError, match="allow_pickle"):
        checkpoint.restore(tmp_path / "step.npz", model)
    assert not told.exists()
