"""A training that was killed and is gone on with: as if it had never been disturbed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from tests.trainer.tiny import Memory, clouds, fit, same
from tfmlflow import trainer
from tfmlflow.errors import UsageError
from tfmlflow.hardware import Runtime, broadcast
from tfmlflow.models import mlp
from tfmlflow.trainer.callbacks.best import Before
from tfmlflow.trainer.callbacks.going_on import require_one_epoch


class Killed(Exception):
    """In the middle of a training."""


class Keeps(Memory):
    """Keeps what checkpoints keep, and dies after an epoch, from 1."""

    def __init__(self, dies: int | None = None) -> None:
        super().__init__()
        self.dies, self.logs = dies, list[dict[str, float]]()
        self.kept_best: Any = None
        self.state: list[Any] = []
        self.best: tuple[Any, ...] = ()

    def variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        self.logs.append({name: float(value) for name, value in (logs or {}).items()})
        self.state = [np.array(variable) for variable in self.variables()]
        self.best = (self.kept_best.epoch, self.kept_best.value, list(self.kept_best._weights))
        if epoch + 1 == self.dies:
            raise Killed

    def restore(self, model: keras.Model) -> Before:
        model.optimizer.build(model.trainable_variables)
        for variable, value in zip([*model.variables, *model.optimizer.variables], self.state, strict=True):
            variable.assign(value)
        return Before(len(self.logs), 4 * len(self.logs), self.logs, *self.best)


def trained(train: Any, keeps: Keeps, *steering: Any, plateau: bool = False, **settings: Any) -> Any:
    """(what was kept, model, how it ended)."""
    keras.utils.set_random_seed(1)
    model = mlp.build(clouds(), units=[6], dropout=0.2)
    watch = keras.callbacks.ReduceLROnPlateau("val_loss", 0.5, patience=2, min_delta=0.3)
    callbacks = [*steering, *([watch] if plateau else [])]
    return (keeps, *fit(clouds(), model, callbacks=callbacks, memory=keeps, train=train, **settings))


@pytest.mark.parametrize("train", [pytest.param(trainer.fit, marks=pytest.mark.stress), trainer.loop])
@pytest.mark.parametrize(
    ("dies", "settings"),
    [
        (3, {"epochs": 6}),
        (3, {"epochs": 9, "plateau": True}),  # at whose second epoch without improvement it is killed
        (3, {"epochs": 12, "early_stopping": {"patience": 3, "min_delta": 0.3}}),
        (4, {"epochs": 6, "optimizer": lambda: keras.optimizers.SGD(0.9, 0.99)}),  # the best epoch was before
        (2, {"epochs": 2}),  # nothing is left to train
    ],
    ids=["plain", "plateau", "early stopping", "best before", "at the end"],
)
def test_it_ends_as_the_undisturbed_one(train: Callable[..., Any], dies: int, settings: dict[str, Any]) -> None:
    make = settings.get("optimizer", lambda: None)
    given = {key: value for key, value in settings.items() if key != "optimizer"}
    memory, model, fitted = trained(train, Keeps(), optimizer=make(), **given)
    dead = Keeps(dies)
    with pytest.raises(Killed):
        trained(train, dead, optimizer=make(), **given)
    after, again, ended = trained(train, Keeps(), trainer.GoOn(dead.restore), optimizer=make(), **given)
    assert same(again.get_weights(), model.get_weights())
    assert after.epochs == memory.epochs[dies:]
    assert after.rates == memory.rates[dies:]
    assert (ended.reason, ended.epochs, ended.best_epoch) == (fitted.reason, fitted.epochs, fitted.best_epoch)
    assert dict(ended.best) == pytest.approx(dict(fitted.best))
    if "plateau" in settings:
        assert memory.rates[-1] < memory.rates[0]
    if "early_stopping" in settings:
        assert (fitted.reason, fitted.epochs < 12) == ("early_stopping", True)
    if "optimizer" in settings:
        assert fitted.best_epoch is not None
        assert fitted.best_epoch <= dies


def test_a_plateau_counts_on_also_where_the_rate_is_near_its_least() -> None:
    """No epoch after the first is better: 1, 0.1 after the fourth, 0.01 after the seventh, 0.001 after the tenth."""

    def run(keeps: Keeps, *steering: Any) -> Keeps:
        watch = keras.callbacks.ReduceLROnPlateau("val_loss", 0.1, patience=3, min_delta=100.0, min_lr=1e-3)
        return trained(trainer.loop, keeps, *steering, watch, optimizer=keras.optimizers.SGD(1.0), epochs=12)[0]

    dead = Keeps(8)
    with pytest.raises(Killed):
        run(dead)
    after = run(Keeps(), trainer.GoOn(dead.restore))
    expected = [1.0] * 3 + [0.1] * 3 + [0.01] * 3 + [0.001] * 3
    assert dead.rates + after.rates == pytest.approx(expected)


def test_workers_that_do_not_see_one_folder_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def say(*epochs: int) -> None:
        """What each worker has come to."""
        said = iter([np.array(epochs), 4 * np.array(epochs)])
        monkeypatch.setattr(broadcast, "_sum", lambda runtime, mine: next(said))

    runtime = Runtime(("/device:CPU:0",), workers=3, replicas=3)
    say(3, 3, 3)
    require_one_epoch(runtime, Before(3, 12))
    say(3, 0, 2)
    with pytest.raises(
        UsageError,
        match=r"worker 0 after epoch 3 \(step 12\), worker 1 from the beginning, worker 2 after epoch 2 \(step 8\); .*"
        "on a file system that all machines share: set hydra.run.dir",
    ):
        require_one_epoch(runtime, None)
