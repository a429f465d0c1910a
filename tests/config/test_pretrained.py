"""`model=pretrained` and `trainer.unfreeze`: what cannot be is said before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tfmlflow.config.together import pretrained, unfreezing

IMAGES = {"_target_": "tfmlflow.datasets.images.load", "size": [64, 64], "channels": 3}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("w.weights.h5", "net.keras", "notes.txt"):
        Path(name).write_text("")
    Path("folder").mkdir()
    Path("preset").mkdir()
    Path("preset/config.json").write_text("{}")


def of_model(data: dict[str, Any] | None = None, **model: Any) -> list[str]:
    values = {"model": {"_target_": pretrained.TARGET} | model, "data": IMAGES | (data or {}), "hardware": {}}
    return list(pretrained.problems(values))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "model",
    [
        {"base": "VGG16", "weights": "w.weights.h5"},
        {"base": "VGG16", "weights": "net.keras"},
        {"base": "VGG16", "weights": "imagenet"},
        {"base": "VGG16", "weights": None},
        {"weights": "net.keras", "cut": "conv_2"},
        {"weights": "preset"},
        {"weights": "6d065d96"},
        {"weights": "runs:/6d065d961d7448cfa8e82ae6942890de/best"},
        {"weights": "models:/digits@champion"},
    ],
)
def test_what_can_be_is_let_pass(model: dict[str, Any]) -> None:
    assert of_model(**model) == []


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        ({"base": "vgg_16"}, {}, "did you mean VGG16?"),
        ({"base": "MobilNetV2"}, {}, "did you mean MobileNetV2?"),
        ({"base": "zzz"}, {}, "they are VGG16, VGG19"),
        ({}, {}, "model.base=null: name a network"),
        ({"weights": "imagenet"}, {}, "of which network?"),
        ({"base": "VGG16", "weights": "none.h5"}, {}, "model.weights=none.h5: no such file (this folder is "),
        ({"base": "VGG16", "weights": "a" * 5000}, {}, "no such file"),
        ({"base": "VGG16", "weights": "notes.txt"}, {}, "must end with .weights.h5 or .keras"),
        ({"base": "VGG16", "weights": "folder"}, {}, "no preset of KerasHub"),
        ({"base": "VGG16", "weights": "preset"}, {}, "set model.base=VGG16 to null"),
        ({"weights": "w.weights.h5"}, {}, "holds weights and no network; add model.base="),
        ({"weights": "net.keras", "arguments": {"alpha": 1}}, {}, "are of model.base, which is null"),
        ({"base": "VGG16", "cut": "block3_pool"}, {}, "model.cut=block3_pool: is of stored networks"),
        ({"base": "InceptionV3"}, {}, "data.size=[64, 64]: model.base=InceptionV3 takes pictures of 75x75"),
        ({"base": "VGG16", "size": [64, 16]}, {}, "model.size=[64, 16]: model.base=VGG16 takes pictures of 32x32"),
        ({"base": "VGG16"}, {"channels": 4}, "data.channels=4: model.base=VGG16 takes 3 colours"),
    ],
)
def test_what_cannot_be_is_said_with_the_fix(model: dict[str, Any], data: dict[str, Any], said: str) -> None:
    (problem,) = of_model(data, **model)
    assert said in problem


def of_plan(*entries: Any, optimizer: Any = None, hardware: str = "tfmlflow.hardware.auto") -> list[str]:
    values = {
        "trainer": {"epochs": 9, "unfreeze": list(entries)},
        "optimizer": optimizer or {},
        "hardware": {"_target_": hardware, "name": hardware.rpartition(".")[2]},
    }
    return list(unfreezing.problems(values))


def test_a_plan_that_can_be_is_let_pass() -> None:
    whole = {"epoch": 9, "layers": ["block4", "*_conv"], "factor": 0.1, "batch_norm": True}
    assert of_plan(whole, {"epoch": 1, "layers": "all", "learning_rate": 1e-5}) == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"epoch": 10, "layers": "all"}, "epoch=10: the training ends after trainer.epochs=9"),
        ({"epoch": 0, "layers": "all"}, "epoch=0: must be a whole number at least 1"),
        ({"epoch": 2.5, "layers": "all"}, "epoch=2.5: must be a whole number at least 1"),
        ({"epoch": True, "layers": "all"}, "epoch=True: must be a whole number"),
        ({"epoch": 2}, "trainer.unfreeze[0]: has no layers; [{epoch: 3"),
        ({"epoch": 2, "layers": []}, "layers=[]: must be all, how names of layers begin"),
        ({"epoch": 2, "layers": "all", "rate": 1}, "trainer.unfreeze[0].rate: no such key"),
        ({"epoch": 2, "layers": "all", "factor": 0}, "factor=0: must be a number greater than 0"),
        ({"epoch": 2, "layers": "all", "factor": 1, "learning_rate": 1}, "give one of them"),
        ({"epoch": 2, "layers": "all", "batch_norm": "no"}, "batch_norm=no: must be true or false"),
    ],
)
def test_a_plan_that_cannot_be_is_said_with_the_fix(entry: dict[str, Any], said: str) -> None:
    (problem,) = of_plan(entry)
    assert said in problem


def test_averaged_weights_and_hardware_that_was_never_tried_are_refused() -> None:
    entry = {"epoch": 2, "layers": "all"}
    assert "one fixed list of weights" in of_plan(entry, optimizer={"use_ema": True})[0]
    assert "never tried with hardware=tpu_cores" in of_plan(entry, hardware="tfmlflow.hardware.tpu_cores")[0]
    assert of_plan(entry, hardware="my_pkg.cluster") == []
