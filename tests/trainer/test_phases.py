"""Trainings in phases: frozen layers that begin to be trained, at rates of their own, and what goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import keras
import numpy as np
import pytest

from tests.trainer.test_going_on import Keeps, Killed
from tests.trainer.tiny import clouds, fit, same
from tfmlflow import trainer
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.errors import UsageError
from tfmlflow.models.units import units
from tfmlflow.trainer.callbacks.best import Before
from tfmlflow.trainer.phases.phase import matches
from tfmlflow.trainer.phases.phases import phase_of, phases, require_phase, said

BOTH = pytest.mark.parametrize("train", [trainer.fit, trainer.loop])
STEPS = 4  # an epoch
PLAN = ({"epoch": 2, "layers": "deep", "factor": 0.1}, {"epoch": 3, "layers": "base", "batch_norm": True})


def network(dropout: float = 0.1) -> keras.Model:
    """Two layers and their normalization, frozen, and a head."""
    inputs = keras.Input((4,), name="input")
    given = keras.Input((4,))
    x = keras.layers.Dense(6, activation="relu", name="shallow")(given)
    x = keras.layers.BatchNormalization(momentum=0.5, name="norm")(x)
    x = keras.layers.Dense(5, activation="relu", name="deep")(x)
    base = keras.Model(given, x, name="base")
    base.trainable = False
    x = keras.layers.Dropout(dropout)(base(inputs))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="logits")(x))


def plan(*entries: dict[str, Any], rate: float = 0.05) -> trainer.Phases:
    return trainer.Phases(trainer.Unfreezing.all_of(entries, rate))


class Layers(Keeps):
    """Keeps each layer's weights and the optimizer's before the first step of each epoch and after the last."""

    def __init__(self, dies: int | None = None) -> None:
        super().__init__(dies)
        self.before: list[dict[str, Any]] = []
        self.after: list[dict[str, Any]] = []

    def look(self) -> dict[str, Any]:
        found: dict[str, Any] = {unit.layer.name: unit.layer.get_weights() for unit in units(self.model)}
        return found | {"optimizer": [one.numpy() for one in self.model.optimizer.variables]}

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if batch == 0:
            self.before.append(self.look())

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.after.append(self.look())
        super().on_epoch_end(epoch, logs)

    def changed(self, layer: str) -> list[bool]:
        """In which epochs a layer's weights have changed."""
        return [not same(a[layer], b[layer]) for a, b in zip(self.before, self.after, strict=True)]

    def restore(self, model: keras.Model) -> Before:
        assert model.optimizer.built
        for variable, value in zip([*model.variables, *model.optimizer.variables], self.state, strict=True):
            variable.assign(value)
        return Before(len(self.logs), STEPS * len(self.logs), self.logs, *self.best)


def trained(train: Any, *entries: dict[str, Any], **settings: Any) -> tuple[keras.Model, Layers]:
    keras.utils.set_random_seed(0)
    memory = settings.pop("memory", None) or Layers()
    steering = [plan(*entries), *settings.pop("callbacks", ())]
    model = settings.pop("model", None) or network()
    return fit(clouds(), model, callbacks=steering, memory=memory, train=train, **settings)[0], memory


@cache
def planned(train: Any) -> tuple[keras.Model, Layers]:
    """Three epochs by `PLAN`, once for all tests."""
    return trained(train, *PLAN)


@BOTH
def test_layers_are_trained_from_their_epoch_on(train: Any) -> None:
    _, memory = planned(train)
    assert memory.changed("logits") == [True, True, True]
    assert memory.changed("deep") == [False, True, True]
    assert memory.changed("shallow") == [False, False, True]


@BOTH
def test_batch_normalization_keeps_its_statistics_until_it_is_named(train: Any) -> None:
    assert planned(train)[1].changed("norm") == [False, False, True]


def test_fit_and_loop_take_the_same_steps_in_every_phase() -> None:
    (one, first), (other, second) = planned(trainer.fit), planned(trainer.loop)
    assert same(one.get_weights(), other.get_weights())
    assert first.losses[-1] == pytest.approx(second.losses[-1])


@BOTH
def test_what_the_optimizer_keeps_goes_through_the_change(train: Any) -> None:
    _, memory = planned(train)
    for before, after in zip(memory.before[1:], memory.after, strict=False):
        assert same(before["optimizer"], after["optimizer"])
    assert memory.before[2]["optimizer"][0] == 2 * STEPS
    momenta = [np.abs(one).sum() for one in memory.before[1]["optimizer"][2:]]
    assert any(one > 0 for one in momenta)  # of the head
    assert any(one == 0 for one in momenta)  # of what was frozen


def by_hand(entries: list[tuple[int, list[str]]], epochs: int, optimizer: Any) -> list[Any]:
    """The same training with Keras's optimizer and a tape alone."""
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    data, model = clouds(), network()
    keras.utils.set_random_seed(0)
    pipeline, base = Pipeline(data.train, 12, 0), model.get_layer("base")
    base.trainable = True
    base.get_layer("norm").trainable = False
    optimizer.build(model.trainable_variables)
    for epoch in range(epochs):
        on = {name for begins, names in entries if epoch + 1 >= begins for name in names}
        for layer in base.layers:
            layer.trainable = layer.name in on
        pipeline.on_epoch_begin(epoch)
        for x, y in pipeline.dataset:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, model(x, training=True)))
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    return list(model.get_weights())


def test_phases_are_those_of_a_loop_written_by_hand() -> None:
    _, memory = trained(trainer.loop, {"epoch": 2, "layers": "deep"}, {"epoch": 3, "layers": "base"})
    expected = by_hand([(2, ["deep"]), (3, ["shallow"])], 3, keras.optimizers.Adam(0.05))
    reached = [weight for name in ("shallow", "norm", "deep", "logits") for weight in memory.after[-1][name]]
    for mine, theirs in zip(reached, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-5)
    assert memory.changed("norm") == [False, False, False]


def test_a_group_goes_at_its_own_rate_and_its_weights_decay_by_that() -> None:
    def moved(*entries: dict[str, Any]) -> dict[str, Any]:
        optimizer = keras.optimizers.SGD(0.05, weight_decay=0.1)
        _, memory = trained(trainer.loop, *entries, optimizer=optimizer, epochs=1, batch_size=48)
        first, last = memory.before[0], memory.after[0]
        return {name: last[name][0] - first[name][0] for name in ("shallow", "deep", "logits")}

    whole = moved({"epoch": 1, "layers": "all"})
    slow = moved({"epoch": 1, "layers": "all"}, {"epoch": 1, "layers": "deep", "learning_rate": 0.01})
    np.testing.assert_allclose(slow["deep"], whole["deep"] / 5, rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(slow["logits"], whole["logits"], rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(slow["shallow"], whole["shallow"], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(("train", "dies"), [(trainer.loop, 1), (trainer.fit, 2)])
def test_one_that_is_gone_on_with_is_in_the_right_phase_and_ends_with_equal_weights(
    train: Callable[..., Any], dies: int
) -> None:
    dead = Layers(dies)
    with pytest.raises(Killed):
        trained(train, *PLAN, memory=dead)
    again, _ = trained(train, *PLAN, callbacks=[trainer.GoOn(dead.restore)])
    assert same(again.get_weights(), planned(train)[0].get_weights())
    known = phases(again)
    assert known is not None
    assert known.now is known.all[2]


def test_a_phase_says_what_it_trains() -> None:
    known = phases(planned(trainer.loop)[0])
    assert known is not None
    assert [(one.epoch, one.layers, one.trained, one.frozen) for one in known.all] == [
        (1, (), 18, 89),
        (2, ("deep",), 53, 54),
        (3, ("base",), 95, 12),
    ]
    assert said(known.all[1]) == "deep at 0.1 of the learning rate from epoch 2; 53 of 107 parameters are trained"


def test_a_checkpoint_of_other_phases_is_not_gone_on_from() -> None:
    model, _ = planned(trainer.loop)
    taken = phase_of(model)
    require_phase(model, 3, taken, "step-12.npz")
    with pytest.raises(UsageError, match=r"step-12\.npz: was taken in the phase"):
        require_phase(model, 2, taken, "step-12.npz")


@pytest.mark.parametrize(
    ("pattern", "path", "meant"),
    [
        ("all", "anything", True),
        ("block5", "vgg16/block5_conv1", True),
        ("block1", "xception/block10_sepconv1", False),
        ("block1", "xception/block1_conv1", True),
        ("vgg16", "vgg16/block1_conv1", True),
        ("vgg16/block5", "vgg16/block5_conv1", True),
        ("*conv1", "vgg16/block5_conv1", True),
        ("conv1", "vgg16/block5_conv1", False),
        ("block[45]_*", "vgg16/block4_conv1", True),
    ],
)
def test_layers_are_named_by_beginning_or_pattern(pattern: str, path: str, meant: bool) -> None:
    assert matches(pattern, path) is meant


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ("deap", "layers=deap: no layer with weights is called so; did you mean deep?"),
        ("norm", "layers=norm: is batch normalization alone"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused_before_the_training(layers: str, told: str) -> None:
    memory = Layers()
    with pytest.raises(UsageError, match=told):
        trained(trainer.loop, {"epoch": 2, "layers": layers}, memory=memory)
    assert memory.before == []


def test_layers_of_ones_own_that_are_frozen_and_not_named_stay_so() -> None:
    model = network()
    model.get_layer("logits").trainable = False
    entries = {"epoch": 1, "layers": "shallow"}, {"epoch": 2, "layers": "deep"}
    _, memory = trained(trainer.loop, *entries, model=model)
    assert memory.changed("logits") == [False, False, False]
    assert memory.changed("deep") == [False, True, True]


def test_gradients_are_watched_in_every_phase() -> None:
    told: list[set[str]] = []

    class Hears(Layers):
        def on_steps(self, batch: int, numbers: Any) -> None:
            told.append({name for name in numbers if name.startswith("gradient_norm/")})

    trained(trainer.loop, *PLAN, memory=Hears(), step=partial(trainer.gradient_step, watch=1))
    assert [len(names) for names in (told[0], told[-1])] == [1, 4]
