"""Training on mixed examples: losses and metrics of shares in training, of indices in validation and test."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.trainer.tiny import Memory, clouds, fit
from tfmlflow import trainer
from tfmlflow.data.augment import geometric
from tfmlflow.data.pipeline import Pipeline, example
from tfmlflow.errors import UsageError
from tfmlflow.models import mlp
from tfmlflow.trainer import losses, metrics


def mixup(alpha: float = 0.4) -> Any:
    return geometric(mixup=alpha)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_validation_and_test_are_of_whole_labels(smoothing: float) -> None:
    data, memory = clouds(), Memory()
    model, fitted = fit(
        data, memory=memory, augment=mixup(), label_smoothing=smoothing, metrics=["accuracy", "f1", "auc"]
    )
    for split, said in ((data.validation, fitted.best), (data.test, trainer.evaluate(model, data.test, 12))):
        given = np.asarray(model(example(split, len(split))), np.float64)
        target = np.eye(3)[split.y] * (1 - smoothing) + smoothing / 3
        prefix = "val_" if "val_loss" in said else ""
        assert said[f"{prefix}loss"] == pytest.approx(-(target * np.log(given)).sum(axis=1).mean(), rel=1e-5)
        assert said[f"{prefix}accuracy"] == pytest.approx((given.argmax(axis=1) == split.y).mean())
        assert 0.3 < said[f"{prefix}auc"] <= 1
    assert memory.epochs[-1]["loss"] < memory.epochs[0]["loss"]
    assert 0.3 < memory.epochs[-1]["accuracy"] < 1


@pytest.mark.parametrize("loss", ["auto", "sparse_categorical_crossentropy", "mse"])
def test_a_loss_of_shares_is_the_sum_of_those_of_both_labels_by_their_shares(loss: str) -> None:
    data = clouds()
    made = losses.build(loss, data, mixed=True)
    given = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]], np.float32)
    first, second, share = np.array([0, 1]), np.array([2, 2]), np.array([[0.25], [0.6]], np.float32)
    of = [np.asarray(made.call(keras.ops.convert_to_tensor(y), given)) for y in (first, second)]
    shares = share * np.eye(3)[first] + (1 - share) * np.eye(3)[second]
    found = np.asarray(made.call(keras.ops.convert_to_tensor(shares.astype(np.float32)), given))
    plain = losses.build(loss, data)
    np.testing.assert_allclose(of[0], np.asarray(plain.call(keras.ops.convert_to_tensor(first), given)), rtol=1e-5)
    if loss != "mse":
        np.testing.assert_allclose(found, share[:, 0] * of[0] + (1 - share[:, 0]) * of[1], rtol=1e-5)
    else:
        np.testing.assert_allclose(found, ((given - shares) ** 2).mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_two_classes_and_numbers_are_learned_from_mixed_examples(task: Any) -> None:
    memory = Memory()
    fit(clouds(task), memory=memory, augment=mixup(), train=trainer.loop)
    said = memory.epochs
    assert said[-1]["val_loss"] < said[0]["val_loss"]
    if task == "binary":
        assert said[-1]["accuracy"] > 0.4


def test_a_metric_counts_the_class_with_the_largest_share() -> None:
    binary, several = clouds("binary"), clouds()
    (accuracy,) = metrics.build(["accuracy"], binary, mixed=True)
    accuracy.update_state(np.array([[0.7], [0.2], [0.4]], np.float32), np.array([[0.9], [0.9], [0.1]], np.float32))
    assert float(accuracy.result()) == pytest.approx(2 / 3)
    (recall,) = metrics.build(["recall"], several, mixed=True)
    recall.update_state(np.array([[0.7, 0.3, 0], [0, 0.4, 0.6]], np.float32), np.array([[0.9, 0.1, 0], [0, 0.9, 0.1]]))
    recall.update_state(np.array([1]), np.array([[0.1, 0.8, 0.1]], np.float32))
    assert float(recall.result()) == pytest.approx(2 / 3)
    recall.reset_state()
    assert float(recall.result()) == 0.0
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(recall))
    assert (again.name, again.metric.kind) == ("recall", "recall")


WEIGHTS = {0: 3.0, 1: 0.5, 2: 0.0}


@pytest.mark.parametrize("task", ["multiclass", "binary"])
@pytest.mark.parametrize("train", [trainer.fit, trainer.loop])
def test_classes_weigh_by_their_shares(task: Any, train: Any) -> None:
    """An epoch of one batch with a learning rate of 0, against NumPy: each class's loss by its share and weight."""
    data, memory = clouds(task), Memory()
    model = mlp.build(data, units=[6])
    classes = len(WEIGHTS) if task == "multiclass" else 0
    size, weights = len(data.train), WEIGHTS if task == "multiclass" else {0: 0.25, 1: 4.0}
    pipeline = Pipeline(data.train, size, 0, mixup(), classes=classes)
    pipeline.on_epoch_begin(0)
    ((x, y),) = ((x.numpy(), y.numpy()) for x, y in pipeline.dataset)
    assert 0 < np.mean((y > 0.01) & (y < 0.99)) < 1
    still = keras.optimizers.SGD(0.0)
    settings = {"batch_size": size, "epochs": 1, "class_weight": weights, "memory": memory, "train": train}
    fit(data, model, still, augment=mixup(), **settings)
    given = np.asarray(model(x), np.float64)
    if task == "binary":
        y, given = np.concatenate([1 - y, y], axis=1), np.concatenate([1 - given, given], axis=1)
    of_each = (np.array(list(weights.values())) * y * -np.log(given)).sum(axis=1)
    assert memory.losses == [pytest.approx(of_each.mean(), rel=1e-5)]


def test_classes_that_weigh_alike_change_nothing() -> None:
    losses = []
    for weights in (None, {0: 1.0, 1: 1.0, 2: 1.0}):
        memory = Memory()
        fit(clouds(), memory=memory, augment=mixup(), class_weight=weights)
        losses.append(memory.losses)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_a_mixed_class_that_weighs_nothing_is_not_learned() -> None:
    model, _ = fit(clouds(noise=0.3), augment=mixup(), epochs=15, class_weight={0: 0.0}, objective="train/loss")
    assert 0 not in model.predict(clouds(noise=0.3).test.x, verbose=0).argmax(axis=1)


def test_what_takes_no_mixed_labels_is_refused() -> None:
    with pytest.raises(UsageError, match=r"trainer.loss=hinge: takes no labels between"):
        fit(clouds("binary"), augment=mixup(), loss="hinge")
    with pytest.raises(UsageError, match=r"trainer.loss._target_: a loss of your own"):
        fit(clouds(), augment=mixup(), loss=keras.losses.SparseCategoricalCrossentropy())
