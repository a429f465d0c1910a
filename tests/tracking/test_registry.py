"""A model's way into the registry: who is champion, why, and that it predicts as it did in training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, get_error_code

from tests.servers.forward_proxy import ForwardProxy
from tests.servers.mlflow_server import MlflowServer
from tests.servers.model_server import ask, serving
from tests.tracking.trainings import Kept, Scripted, compiled, examples, fitted, own_store
from tfmlflow.tracking.journal.records import Registration
from tfmlflow.tracking.store import registry, retry

pytestmark = pytest.mark.xdist_group("registry")  # what is made once for all is made by one worker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module", autouse=True)
def store(folder: Path) -> Iterator[str]:
    with own_store(folder) as uri:
        yield uri


def trained(name: str, *values: float, digest: str | None = "d1", **kwargs: Any) -> tuple[Any, np.ndarray[Any, Any]]:
    """The callback of a training whose epochs reach `values`, and what its best epoch's model said."""
    kept, monitor = Kept(), kwargs.get("monitor", "val_loss")
    model = compiled()
    callback = fitted(
        *(model, len(values), [Scripted(values, monitor), kept]),
        **{"log_model": True, "register_as": name, "data_digest": digest, **kwargs},
    )
    best = (np.argmax if kwargs.get("mode") == "max" else np.argmin)(values) + 1
    last = model.get_weights()
    model.set_weights(kept.weights[int(best)])
    said = model.predict(examples()[0][:7], verbose=0)
    model.set_weights(last)
    return callback, said


def champion(name: str) -> str:
    return str(MlflowClient().get_model_version_by_alias(name, "champion").version)


def version(name: str, run_id: str) -> Any:
    """The one that a run has made."""
    (found,) = (v for v in MlflowClient().search_model_versions(f"name = '{name}'") if v.run_id == run_id)
    return MlflowClient().get_model_version(name, found.version)


def reason(name: str, callback: Any) -> str:
    return str(version(name, callback.run_id).tags["tfmlflow.champion_reason"])


@pytest.fixture(scope="module")
def contest(store: str) -> dict[str, Any]:
    """Several trainings, one after the other, for one name."""
    said: dict[str, Any] = {}
    for step, (values, given) in {
        "first": ((0.6, 0.5, 0.7), {}),
        "worse": ((0.9, 0.55), {}),
        "equal": ((0.5,), {}),
        "other data": ((0.1,), {"digest": "d2"}),
        "no data": ((0.1,), {"digest": None}),
        "other metric": ((0.1,), {"monitor": "val_other", "mode": "min"}),
        "other mode": ((0.9,), {"mode": "max"}),
        "better": ((0.8, 0.7, 0.4), {}),
    }.items():
        callback, predicted = trained("contest", *values, **given)
        said[step] = (callback, predicted, champion("contest"), reason("contest", callback))
    return said


def test_the_first_version_becomes_champion(contest: dict[str, Any]) -> None:
    callback, _, now, why = contest["first"]
    made = version("contest", callback.run_id)
    assert now == str(made.version) == "1"
    assert "none before" in why
    assert "val/loss=0.5" in why
    assert made.tags["tfmlflow.data_digest"] == "d1"
    assert float(made.tags["tfmlflow.objective_value"]) == 0.5


@pytest.mark.parametrize("who", ["worse", "equal"])
def test_one_that_is_not_better_does_not(contest: dict[str, Any], who: str) -> None:
    _, _, now, why = contest[who]
    assert now == "1"
    assert f"does not beat {0.5} of version 1" in why


@pytest.mark.parametrize("who", ["other data", "no data", "other metric", "other mode"])
def test_what_cannot_be_compared_is_not(contest: dict[str, Any], who: str) -> None:
    _, _, now, why = contest[who]
    assert now == "1"
    assert why.startswith("not compared")


def test_a_better_one_does(contest: dict[str, Any]) -> None:
    callback, _, now, why = contest["better"]
    assert now == str(version("contest", callback.run_id).version) == str(len(contest))
    assert "val/loss=0.4 beats 0.5 of version 1" in why


def test_every_training_made_one_version_and_one_model(contest: dict[str, Any]) -> None:
    for callback, *_ in contest.values():
        made = version("contest", callback.run_id)
        (output,) = MlflowClient().get_run(callback.run_id).outputs.model_outputs
        assert output.model_id in made.source
        assert made.status == "READY"
        assert "tfmlflow.incomplete" not in MlflowClient().get_run(callback.run_id).data.tags


def test_the_champion_predicts_as_the_best_epoch_did(contest: dict[str, Any]) -> None:
    x, (_, expected, *_) = examples()[0][:7], contest["better"]
    generic = mlflow.pyfunc.load_model("models:/contest@champion")
    np.testing.assert_allclose(np.asarray(generic.predict(x)), expected, rtol=1e-5)
    native = mlflow.tensorflow.load_model("models:/contest@champion")
    np.testing.assert_allclose(native.predict(x, verbose=0), expected, rtol=1e-5)
    first = mlflow.pyfunc.load_model("models:/contest/1")
    np.testing.assert_allclose(np.asarray(first.predict(x)), contest["first"][1], rtol=1e-5)


def test_a_champion_that_somebody_has_chosen_is_the_one_to_beat(contest: dict[str, Any]) -> None:
    trained("chosen", 0.1)
    trained("chosen", 0.5)
    MlflowClient().set_registered_model_alias("chosen", "champion", "2")
    callback, _ = trained("chosen", 0.3)
    assert champion("chosen") == str(version("chosen", callback.run_id).version) == "3"


def test_higher_is_better_where_it_is_said() -> None:
    given = {"monitor": "val_score", "mode": "max"}
    trained("highest", 0.3, 0.5, 0.4, **given)
    worse, _ = trained("highest", 0.45, **given)
    assert champion("highest") == "1"
    better, _ = trained("highest", 0.6, **given)
    assert champion("highest") == "3"
    assert "does not beat 0.5" in reason("highest", worse)
    assert "val/score=0.6 beats 0.5" in reason("highest", better)


def test_a_name_that_mlflow_refuses_costs_the_registration_and_is_said() -> None:
    callback, _ = trained("not/a:name", 0.5)
    run = MlflowClient().get_run(callback.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["tfmlflow.end_reason"] == "completed"
    assert "name" in run.data.tags["tfmlflow.incomplete"]
    assert len(run.outputs.model_outputs) == 1


@pytest.mark.parametrize("path", ["registered-models/create", "model-versions/create", "registered-models/alias"])
def test_a_registry_that_refuses_costs_the_registration_and_the_run_ends(
    sqlite_server: MlflowServer, tmp_path: Path, path: str
) -> None:
    """Once the run stayed RUNNING for ever: 403 was waited for as a login that somebody sets right."""
    name = f"forbidden-{time.time_ns()}"
    with ForwardProxy(sqlite_server.uri) as door, own_store(tmp_path, door.uri, processes=False):
        door.refuse = lambda method, asked: 403 if method != "GET" and asked.split("?")[0].endswith(path) else None
        callback, _ = trained(name, 0.5, drain_timeout=60.0)
        run = MlflowClient(sqlite_server.uri).get_run(callback.run_id)
    assert (run.info.status, run.data.tags["tfmlflow.end_reason"]) == ("FINISHED", "completed")
    said = run.data.tags["tfmlflow.incomplete"]
    how = (
        f"version 1 of {name}, but not compared" if path.endswith("alias") else f"not registered as {name}: permission"
    )
    assert said.startswith(f"the model best: {how}")
    assert "permission denied" in said
    assert len(run.outputs.model_outputs) == 1


class Login:
    """A client whose login is good for the store, for the registry, or for nothing."""

    def __init__(self, registry: int, store: int | None) -> None:
        self._refusals = {"create_registered_model": registry, "get_run": store}

    def __getattr__(self, name: str) -> Any:
        def asked(*_: Any, **__: Any) -> Any:
            if (status := self._refusals[name]) is not None:
                raise MlflowException("who are you?", get_error_code(status))
            return SimpleNamespace(info=SimpleNamespace(run_id="r"))

        return asked


WANTED = Registration("forest", "val/loss", "min", 0.5, None)


@pytest.mark.parametrize(("registry_says", "store_says"), [(401, None), (403, 403), (403, 401), (503, None)])
def test_a_login_that_somebody_may_set_right_is_waited_for(registry_says: int, store_says: int | None) -> None:
    with pytest.raises(MlflowException) as caught:
        registry._refused(Login(registry_says, store_says), "r", "m", WANTED)  # type: ignore[arg-type]
    assert retry.passing(caught.value)


def test_models_are_ranked_by_what_they_reached(contest: dict[str, Any]) -> None:
    experiment = MlflowClient().get_experiment_by_name("own").experiment_id
    trainings = [contest[who][0].run_id for who in ("better", "first", "worse")]
    found = MlflowClient().search_logged_models(
        [experiment], order_by=[{"field_name": "metrics.best/loss", "ascending": True}], max_results=100
    )
    ranked = [model.source_run_id for model in found if model.source_run_id in trainings]
    assert ranked == trainings
    values = [
        {metric.key: metric.value for metric in model.metrics}["best/loss"]
        for model in found
        if model.source_run_id in trainings
    ]
    assert values == [0.4, 0.5, 0.55]


@pytest.mark.slow
def test_the_champion_is_served_over_http(contest: dict[str, Any], store: str, folder: Path) -> None:
    with serving("models:/contest@champion", folder, store) as port:
        np.testing.assert_allclose(ask(port, {"inputs": examples()[0][:7].tolist()}), contest["better"][1], rtol=1e-4)
        assert np.shape(ask(port, {"inputs": examples()[0][:1].tolist()})) == (1, 1)


@pytest.mark.stress  # as tests/chaos/test_once_only.py in all stores
def test_the_same_through_a_server(sqlite_server: MlflowServer, tmp_path: Path) -> None:
    name = f"served-{time.time_ns()}"
    with own_store(tmp_path, sqlite_server.uri):
        first, expected = trained(name, 0.6, 0.5)
        worse, _ = trained(name, 0.7)
        assert champion(name) == "1"
        assert "does not beat" in reason(name, worse)
        loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion")
        np.testing.assert_allclose(np.asarray(loaded.predict(examples()[0][:7])), expected, rtol=1e-5)
        better, _ = trained(name, 0.2)
        assert champion(name) == str(version(name, better.run_id).version) == "3"
        assert MlflowClient().get_run(first.run_id).info.status == "FINISHED"
