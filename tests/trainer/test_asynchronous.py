"""Steps that are handed out: in order, by one worker, they are those of the loop; what a step is given is used."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT, run
from tests.trainer.asynchronous import CASES, EPOCHS
from tests.trainer.tiny import clouds, fit
from tfmlflow import trainer
from tfmlflow.data.own_batches import from_dataset
from tfmlflow.errors import UsageError
from tfmlflow.hardware import Runtime

pytestmark = pytest.mark.xdist_group("asynchronous")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Of each case, the loop's numbers and those of a chief with one worker and one server."""
    file = tmp_path_factory.mktemp("asynchronous") / "told.json"
    done = run("-m", "tests.trainer.asynchronous", str(file), cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(file.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_weights_inputs_and_mixing_give_the_numbers_of_the_loop(told: Any, case: str) -> None:
    alone, workers = told[case]["alone"], told[case]["by a worker"]
    assert len(alone["history"]["loss"]) == EPOCHS
    assert set(alone["history"]) <= set(workers["history"])
    for key, values in alone["history"].items():
        np.testing.assert_allclose(workers["history"][key], values, rtol=1e-5, err_msg=key)
    for key, value in alone["test"].items():
        assert workers["test"][key] == pytest.approx(value, rel=1e-5), key
    np.testing.assert_allclose(workers["weights"], alone["weights"], rtol=1e-5)
    assert workers["history"]["staleness/max"] == [0.0] * EPOCHS
    assert workers["history"]["updates/applied"] == workers["history"]["updates/issued"]


@pytest.mark.slow
def test_each_of_them_counts(told: Any) -> None:
    """No two cases of the same data have the same losses: what was given has changed them."""
    losses = [tuple(one["by a worker"]["history"]["loss"]) for one in told.values()]
    assert len(set(losses)) == len(losses)
    plain = told["plain"]["by a worker"]["history"]
    for case in ("class weights", "mixed, with class weights"):
        assert abs(told[case]["by a worker"]["history"]["loss"][0] - plain["loss"][0]) > 1e-3


def test_batches_of_one_s_own_are_refused_before_a_step_is_handed_out() -> None:
    arrays = clouds().train
    batches = [(arrays.x[place : place + 8], arrays.y[place : place + 8]) for place in (0, 8, 16)]
    data = from_dataset("mine", batches, batches, batches, task="multiclass")
    runtime = Runtime(("/device:CPU:0",), coordinator=SimpleNamespace(workers=("a:1", "b:2")))
    with pytest.raises(UsageError, match=r"data=mine: is not held in memory, .* use hardware=multi_worker"):
        fit(data, runtime=runtime, train=trainer.loop)
