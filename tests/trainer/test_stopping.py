"""A training whose time is over stops after the step at hand."""

from __future__ import annotations

import time

import keras
import numpy as np
import pytest

from tfmlflow.trainer.callbacks import stopping as module
from tfmlflow.trainer.callbacks.stopping import StopOnRequest


@pytest.mark.parametrize(("after", "epochs"), [(None, 3), (5, 1), (25, 2)])
def test_it_stops_when_it_is_told(monkeypatch: pytest.MonkeyPatch, after: int | None, epochs: int) -> None:
    monkeypatch.setattr(module, "EVERY", 0.0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    asked = [0]

    def told() -> str | None:
        asked[0] += 1
        return "time_budget" if after is not None and asked[0] >= after else None

    stop = StopOnRequest(told)
    history = model.fit(np.ones((160, 2)), np.ones(160), batch_size=8, epochs=3, callbacks=[stop], verbose=0).history
    assert len(history["loss"]) == epochs
    assert stop.reason == ("time_budget" if after else None)
    assert asked[0] == (after or 60)


def test_it_asks_seldom() -> None:
    stop, asked = StopOnRequest(lambda: asked.append(1)), []  # type: ignore[func-returns-value, has-type]
    model = keras.Sequential([keras.layers.Dense(1)])
    model.stop_training = False  # as `fit` does
    stop.set_model(model)
    began = time.monotonic()
    for batch in range(1000):
        stop.on_train_batch_begin(batch)
    assert len(asked) <= 2 + time.monotonic() - began
