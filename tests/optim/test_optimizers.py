"""Every optimizer option builds its Keras optimizer; clipping clips."""

from __future__ import annotations

import importlib
import inspect
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from tests.conftest import ROOT
from tests.trainer.tiny import clouds, same
from tfmlflow.models import mlp
from tfmlflow.run import part

FILES = sorted(file for file in (ROOT / "conf" / "optimizer").glob("*.yaml") if file.stem != "custom")
options = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def section(file: Path, **changes: Any) -> DictConfig:
    cfg: Any = OmegaConf.merge(OmegaConf.load(file), changes)
    return cfg


def build(cfg: DictConfig) -> keras.optimizers.Optimizer:
    """As `run.py` does."""
    return part(cfg, "learning_rate")(learning_rate=cfg.learning_rate)


def stepped(optimizer: keras.optimizers.Optimizer, steps: int = 1, scale: float = 1.0) -> list[list[Any]]:
    """The weights before, and after each of some steps on the same batch."""
    keras.utils.set_random_seed(0)
    data = clouds()
    model = mlp.build(data, units=[6])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    weights = [model.get_weights()]
    for _ in range(steps):
        model.train_on_batch(data.train.x * scale, data.train.y)
        weights.append(model.get_weights())
    return weights


def change(weights: list[list[Any]]) -> list[Any]:
    return [after - before for before, after in zip(weights[0], weights[-1], strict=True)]


@options
def test_an_option_lists_every_argument_of_its_optimizer(file: Path) -> None:
    cfg = section(file)
    module, _, name = str(cfg["_target_"]).rpartition(".")
    arguments = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    assert set(arguments) - {"name", "kwargs"} == set(cfg) - {"name", "_target_"}


@options
def test_an_option_builds_its_optimizer_with_its_values(file: Path) -> None:
    cfg = section(file)
    optimizer = build(cfg)
    assert type(optimizer).__name__.lower() == file.stem == cfg.name
    config = optimizer.get_config()
    for key, value in OmegaConf.to_container(cfg).items():  # type: ignore[union-attr]
        if key not in ("name", "_target_"):
            assert config[key] == (pytest.approx(value) if isinstance(value, float) else value), key


@options
def test_an_option_trains_a_step(file: Path) -> None:
    before, after = stepped(build(section(file)))
    assert all(np.isfinite(value).all() for value in after)
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("key", "value"),
    [("weight_decay", 0.1), ("use_ema", True), ("gradient_accumulation_steps", 2), ("clipnorm", 1.0)],
)
@options
def test_an_options_switches_reach_the_optimizer(file: Path, key: str, value: Any) -> None:
    assert build(section(file, **{key: value})).get_config()[key] == value


def sgd(**changes: Any) -> keras.optimizers.Optimizer:
    """Plain steps of length 1: the weights change by the gradient."""
    file = ROOT / "conf" / "optimizer" / "sgd.yaml"
    return build(section(file, learning_rate=1.0, momentum=0.0, nesterov=False, **changes))


def test_clipnorm_limits_each_variables_gradient() -> None:
    free = [float(np.linalg.norm(part)) for part in change(stepped(sgd(), scale=10))]
    clipped = [float(np.linalg.norm(part)) for part in change(stepped(sgd(clipnorm=0.05), scale=10))]
    assert max(free) > 1
    assert max(clipped) <= 0.05 * (1 + 1e-4)
    assert clipped == pytest.approx([min(norm, 0.05) for norm in free], rel=1e-3)


def test_global_clipnorm_limits_all_gradients_together_and_keeps_their_direction() -> None:
    free = np.concatenate([part.ravel() for part in change(stepped(sgd(), scale=10))])
    clipped = np.concatenate([part.ravel() for part in change(stepped(sgd(global_clipnorm=0.05), scale=10))])
    assert np.linalg.norm(clipped) == pytest.approx(0.05, rel=1e-3)
    assert np.allclose(clipped, free * 0.05 / np.linalg.norm(free), atol=1e-6)


def test_clipvalue_limits_each_element() -> None:
    free = np.concatenate([part.ravel() for part in change(stepped(sgd(), scale=10))])
    clipped = np.concatenate([part.ravel() for part in change(stepped(sgd(clipvalue=0.01), scale=10))])
    assert np.abs(free).max() > 0.1
    assert np.allclose(clipped, np.clip(free, -0.01, 0.01), atol=1e-6)


def test_accumulated_gradients_change_the_weights_every_few_steps() -> None:
    weights = stepped(sgd(gradient_accumulation_steps=3), steps=6)
    changed = [not same(before, after) for before, after in pairwise(weights)]
    assert changed == [False, False, True, False, False, True]
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(weights[3], stepped(sgd())[1], strict=True))
