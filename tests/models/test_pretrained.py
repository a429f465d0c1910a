"""A network that was trained before: its weights found and fitted, its pictures as it knows them, its head new."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tfmlflow.config.applications import APPLICATIONS
from tfmlflow.data import Data
from tfmlflow.data.splits import from_arrays
from tfmlflow.errors import UsageError
from tfmlflow.models import pretrained
from tfmlflow.models.base import Start, prepare
from tfmlflow.models.preprocessing import as_trained
from tfmlflow.models.units import units, weighted
from tfmlflow.tracking.models import safe_model
from tfmlflow.tracking.models.pretrained import fetch


@cache
def pictures(channels: int = 3, side: int = 32, dtype: str = "uint8") -> Data:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (40, side, side, channels)).astype(dtype)
    return from_arrays("pictures", x, np.arange(40) % 2, task="binary", class_names=("no", "yes"))


def none(reference: str) -> keras.Model:
    raise AssertionError(reference)


def small(top: int | None = None, width: int = 4) -> keras.Model:
    """A network of two convolutions, with or without a head."""
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(width, 3, name="conv_1")(inputs)
    x = keras.layers.BatchNormalization(name="norm_1")(x)
    x = keras.layers.Conv2D(width, 3, name="conv_2")(x)
    if top is not None:
        x = keras.layers.Dense(top, name="predictions")(keras.layers.GlobalAveragePooling2D(name="pool")(x))
    model = keras.Model(inputs, x, name="small")
    for place, unit in enumerate(weighted(model)):
        unit.layer.set_weights([np.full(one.shape, place + 1.0, np.float32) for one in unit.layer.get_weights()])
    return model


@pytest.fixture
def as_application(monkeypatch: pytest.MonkeyPatch) -> None:
    """`model.base=VGG16` is the small network here, its weights drawn at random."""

    def make(include_top: bool, input_shape: Any, weights: None) -> keras.Model:
        model = small()
        for unit in weighted(model):
            unit.layer.set_weights([np.zeros(one.shape, np.float32) for one in unit.layer.get_weights()])
        return model

    monkeypatch.setattr(keras.applications, "VGG16", make)


def begun(weights: Path, **keys: Any) -> Start:
    return prepare(pictures(), lambda one: fetch(one, None, False), base="VGG16", weights=str(weights), **keys)


def values(model: keras.Model) -> list[float]:
    return [float(unit.layer.get_weights()[0].mean()) for unit in weighted(model)]


@pytest.mark.parametrize("ending", [".weights.h5", ".keras", ".h5"])
@pytest.mark.parametrize("top", [None, 10])
@pytest.mark.usefixtures("as_application")
def test_a_file_is_loaded_by_layers_with_and_without_a_head(tmp_path: Path, ending: str, top: int | None) -> None:
    model = small(top)
    model.save_weights(tmp_path / f"m{ending}") if ending == ".weights.h5" else model.save(tmp_path / f"m{ending}")
    start = begun(tmp_path / f"m{ending}")
    assert values(start.base) == [1.0, 2.0, 3.0]
    if ending != ".h5":
        assert ("not used: predictions" in start.said) is (top is not None)
        assert "in their order" not in start.said
    assert not any(unit.trains for unit in units(start.base))
    assert start.known["model.layers_loaded"] == 3
    assert len(str(start.known["model.weights_sha256"])) == 64


@pytest.mark.usefixtures("as_application")
def test_weights_of_a_network_around_it_are_found(tmp_path: Path) -> None:
    inputs = keras.Input((32, 32, 3))
    keras.Model(inputs, keras.layers.Flatten()(small()(inputs))).save_weights(tmp_path / "m.weights.h5")
    assert values(begun(tmp_path / "m.weights.h5").base) == [1.0, 2.0, 3.0]


@pytest.mark.usefixtures("as_application")
def test_what_lacks_is_refused_or_trained_from_the_first_epoch(tmp_path: Path) -> None:
    whole = small()
    keras.Model(whole.inputs, whole.get_layer("norm_1").output).save_weights(tmp_path / "m.weights.h5")
    small(width=5).save_weights(tmp_path / "wide.weights.h5")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="d")]).save_weights(tmp_path / "d.weights.h5")
    (tmp_path / "text.weights.h5").write_text("no weights")
    start = begun(tmp_path / "m.weights.h5", partial=True)
    assert {unit.path: unit.trains for unit in weighted(start.base)} == {
        "conv_1": False,
        "norm_1": False,
        "conv_2": True,
    }
    with pytest.raises(UsageError, match=r"fits none of the 3 layers of VGG16; .*are they of another network"):
        begun(tmp_path / "d.weights.h5", partial=True)
    with pytest.raises(UsageError, match=r"fits none of the 3 layers of VGG16"):
        begun(tmp_path / "wide.weights.h5")
    with pytest.raises(UsageError, match=r"text\.weights\.h5: cannot be read as weights"):
        begun(tmp_path / "text.weights.h5")


@pytest.mark.usefixtures("as_application")
def test_a_file_that_fits_in_part_is_refused_with_what_does_not(tmp_path: Path) -> None:
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.BatchNormalization(name="norm_1")(keras.layers.Conv2D(4, 3, name="conv_1")(inputs))
    keras.Model(inputs, keras.layers.Conv2D(7, 3, name="conv_2")(x)).save_weights(tmp_path / "m.weights.h5")
    said = r"fits 2 of the 3 layers of VGG16, not conv_2: 3x3x4x4 and 4, there it is 3x3x4x7 and 7; .*model\.partial"
    with pytest.raises(UsageError, match=said):
        begun(tmp_path / "m.weights.h5")


def test_networks_whose_layers_are_numbered_by_keras_are_loaded_in_their_order(tmp_path: Path) -> None:
    def made() -> keras.Model:
        inputs = keras.Input((32, 32, 3))
        return keras.Model(inputs, keras.layers.Conv2D(3, 3)(keras.layers.Conv2D(2, 3)(inputs)))

    from tfmlflow.models import weights

    first, second, third = made(), made(), made()
    first.save_weights(tmp_path / "m.weights.h5")
    for model, loaded in (
        (second, weights.from_file(second, tmp_path / "m.weights.h5")),
        (third, weights.from_model(third, first)),
    ):
        assert (loaded.in_order, dict(loaded.lacks)) == (True, {})
        for mine, theirs in zip(model.get_weights(), first.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("mode", "module"), [("caffe", "vgg16"), ("tf", "mobilenet_v2"), ("torch", "densenet"), ("pixels", "efficientnet")]
)
def test_pictures_are_as_the_application_prepares_them(mode: str, module: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
    inputs = keras.Input((4, 4, 3))
    mine = keras.Model(inputs, as_trained(inputs, mode))(pixels / 255.0)
    theirs = getattr(keras.applications, module).preprocess_input(pixels.copy())
    np.testing.assert_allclose(mine, theirs, atol=1e-4)


def test_every_application_is_known() -> None:
    assert {name for name in dir(keras.applications) if name[0].isupper()} == set(APPLICATIONS)


def test_the_model_is_made_of_layers_of_keras_alone(tmp_path: Path) -> None:
    data = pictures(channels=1, side=20)
    model = pretrained.build(data, base="VGG16", size=[32, 32], dense_units=[8], dense_dropout=0.2)
    assert model.trainable_variables  # nothing was loaded, so all is trained
    model.save(tmp_path / "m.keras")
    x = np.random.default_rng(0).random((2, 20, 20, 1)).astype(np.float32)
    np.testing.assert_allclose(safe_model.read_file(tmp_path / "m.keras")(x), model(x), atol=1e-6)


@pytest.mark.parametrize(
    ("data", "keys", "said"),
    [
        (pictures(side=20), {}, r"VGG16: does not take pictures of 20x20 pixels: .*model\.size=\[height,width\]"),
        (pictures(), {"arguments": {"alpha": 2}}, r"model\.arguments\.alpha: keras\.applications\.VGG16 takes"),
        (pictures(dtype="float32"), {}, r"preprocessing=caffe: needs pictures uint8, or from 0 to 1, .* to 255"),
    ],
    ids=["size", "argument", "scale"],
)
def test_what_does_not_go_together_is_refused(data: Data, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        prepare(data, none, base="VGG16", **keys)


def test_channels_that_cannot_be_made_colours_are_refused() -> None:
    data = pictures(channels=4)
    with pytest.raises(UsageError, match="takes pictures of 3 channels, these have 4"):
        pretrained.build(data, prepared=Start(small(), "none"))


def test_weights_that_cannot_be_downloaded_are_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise Exception("URL fetch failure on https://storage: no network")

    monkeypatch.setattr("keras.src.applications.vgg16.file_utils.get_file", fail)
    with pytest.raises(UsageError, match=r"weights of VGG16 cannot be downloaded .*~/\.keras/models"):
        prepare(pictures(), none, base="VGG16", weights="imagenet")


def test_a_stored_network_is_taken_without_its_head(tmp_path: Path) -> None:
    small(top=10).save(tmp_path / "m.keras")
    keys = {"weights": str(tmp_path / "m.keras")}
    start = prepare(pictures(), lambda one: fetch(one, None, False), **keys)
    assert (start.base.output_shape, start.mode) == ((None, 4), "none")
    cut = prepare(pictures(), lambda one: fetch(one, None, False), cut="norm_1", **keys)
    assert cut.base.output_shape == (None, 30, 30, 4)
    with pytest.raises(UsageError, match=r"model\.cut=norm_3: .* its layers are input_layer"):
        prepare(pictures(), lambda one: fetch(one, None, False), cut="norm_3", **keys)
    with pytest.raises(UsageError, match=r"takes pictures of 32x32, these have 20x20; model\.size=\[32,32\]"):
        prepare(pictures(side=20), lambda one: fetch(one, None, False), **keys)


def test_a_file_that_would_run_code_is_read_only_if_trusted(tmp_path: Path) -> None:
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Flatten()(keras.layers.Lambda(lambda x: x * 2.0)(inputs))
    keras.Model(inputs, keras.layers.Dense(2)(x)).save(tmp_path / "m.keras")
    with pytest.raises(UsageError, match=r"Lambda, which is not Keras's own; .* model\.trust=true"):
        fetch(str(tmp_path / "m.keras"), None, trust=False)
    assert fetch(str(tmp_path / "m.keras"), None, trust=True).output_shape == (None, 2)


def test_a_preset_without_keras_hub_is_refused_with_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="preset of KerasHub, which is not installed: pip install keras-hub"):
        prepare(pictures(), none, weights=str(tmp_path))
