"""Views of MLflow's page: what they show, which are kept, and what cannot be one."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests import stores
from tests.analysis.stored import put_ours
from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.runs import reading
from tfmlflow.errors import UsageError
from tfmlflow.tracking.operations import view
from tfmlflow.tracking.store import experiment_view
from tfmlflow.tracking.store.saved_view import SavedView

PREFIX = "mlflow.sharedViewState.tfmlflow-"


@pytest.fixture
def client(tmp_path: Path) -> MlflowClient:
    return MlflowClient(stores.ready(tmp_path))


def views(client: MlflowClient, experiment: str) -> dict[str, dict[str, Any]]:
    """By key: the name and the state that MLflow's page reads."""
    found = {}
    for key, value in client.get_experiment(experiment).tags.items():
        said = json.loads(value)
        assert isinstance(said["name"], str)
        assert isinstance(said["createdAt"], int)
        state = json.loads(zlib.decompress(base64.b64decode(said["state"].removeprefix("deflate;"))))
        found[key.removeprefix(PREFIX)] = state | {"name": said["name"]}
    return found


def compared(client: MlflowClient, experiment: str, count: int, **more: Any) -> Comparison:
    for number in range(count):
        settings = {"rate": 10.0 ** -(number % 2 + 1), "seed": number // 2, "data.seed": number // 2, "same": 1}
        put_ours(client, experiment, 0.1 * number, settings, number, {"tfmlflow.sweep": "feedface01", **more})
    return Comparison.of(client, reading.read(client))


def test_seeds_are_taken_together_and_params_that_say_the_same_are_shown_once(client: MlflowClient) -> None:
    experiment = client.create_experiment("e")
    path = view.save(client, compared(client, experiment, 4), "sweep of rates", sweep="feedface01")
    assert path.startswith(f"#/experiments/{experiment}/runs?viewStateShareKey=tfmlflow-feedface01&")
    found = views(client, experiment)
    assert {key: state["name"] for key, state in found.items()} == {
        "feedface01": "sweep of rates",
        "feedface01-runs": "sweep of rates, every run",
    }
    grouped, runs = found["feedface01"], found["feedface01-runs"]
    assert grouped["groupBy"]["groupByKeys"] == [{"mode": "param", "groupByData": "rate"}]
    assert runs["groupBy"] is None
    (parallel,) = [chart for chart in runs["compareRunCharts"] if chart["type"] == "PARALLEL"]
    assert parallel["selectedParams"] == ["rate", "seed"]
    assert runs["searchFilter"].count("'") == 2 * 4
    (curve,) = [chart for chart in runs["compareRunCharts"] if chart["type"] == "LINE"]
    assert (curve["metricKey"], curve["lineSmoothness"]) == ("val/loss", 0)  # MLflow smooths by itself


def test_a_part_of_a_sweep_does_not_take_the_place_of_the_sweeps_view(client: MlflowClient) -> None:
    experiment = client.create_experiment("e")
    whole = compared(client, experiment, 4)
    view.save(client, whole, "all of it", sweep="feedface01")
    before = views(client, experiment)["feedface01"]
    two = Comparison.of(client, [run for run in whole.runs if run.params["seed"] == "0"])
    view.save(client, two, "2 runs")
    assert views(client, experiment)["feedface01"] == before
    assert "2 runs" in {state["name"] for state in views(client, experiment).values()}


def test_only_the_newest_are_kept_and_that_of_all_runs(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = client.create_experiment("e")
    one = SavedView("all runs", "best/objective", "min", "val/loss", ["seed"])
    one.save_once(client, experiment)
    client.set_experiment_tag(experiment, "mlflow.sharedViewState.theirs", json.dumps({"name": "mine", "createdAt": 1}))
    for number in range(23):
        monkeypatch.setattr("tfmlflow.tracking.store.saved_view.time.time", lambda at=number: 1000.0 + at)
        one.save(client, experiment, f"v{number}")
    kept = {key.removeprefix(PREFIX) for key in client.get_experiment(experiment).tags}
    assert kept == {"all", "mlflow.sharedViewState.theirs", *(f"v{number}" for number in range(3, 23))}


def test_the_view_of_all_runs_shows_what_varies_until_somebody_changes_it(client: MlflowClient) -> None:
    experiment = client.create_experiment("e")
    SavedView("all runs", "best/objective", "max", "val/accuracy", ()).save_once(client, experiment)
    same = {"data.name": "digits", "tracking.diff": "true"}
    runs = [
        put_ours(client, experiment, 0.1, {**same, "optimizer.name": name, "seed": seed, "tracking.tags": seed}, seed)
        for seed, name in ((0, "adam"), (1, "sgd"), (1, "adam"))
    ]
    assert "PARALLEL" not in {chart["type"] for chart in views(client, experiment)["all"]["compareRunCharts"]}
    assert experiment_view.renew(client, runs[0])
    found = views(client, experiment)["all"]
    assert found["selectedColumns"] == ["metrics.`best/objective`", "params.`optimizer.name`", "params.`seed`"]
    assert (found["compareRunCharts"][0]["type"], found["orderByAsc"]) == ("PARALLEL", False)
    assert not experiment_view.renew(client, runs[1])  # nothing new
    job = put_ours(client, experiment, 0.1, {"model.units": "3"}, 3, {"mlflow.parentRunId": runs[0]})
    put_ours(client, experiment, 0.1, {"model.units": "4"}, 4)
    assert not experiment_view.renew(client, job)  # the sweep's own run does
    key, said = f"{PREFIX}all", json.loads(client.get_experiment(experiment).tags[f"{PREFIX}all"])
    own = zlib.compress(json.dumps(found | {"hideEmptyCharts": False}).encode())
    client.set_experiment_tag(experiment, key, json.dumps(said | {"state": base64.b64encode(own).decode()}))
    before = client.get_experiment(experiment).tags[key]
    assert not experiment_view.renew(client, runs[0])
    client.set_experiment_tag(experiment, key, "{}")
    assert not experiment_view.renew(client, runs[0])
    client.set_experiment_tag(experiment, key, before.replace("deflate;", ""))
    assert not experiment_view.renew(client, runs[0])


def test_runs_of_two_experiments_have_no_view(client: MlflowClient) -> None:
    first, second = client.create_experiment("a"), client.create_experiment("b")
    put_ours(client, first, 0.1, {"x": 1}, 1)
    put_ours(client, second, 0.2, {"x": 2}, 2)
    with pytest.raises(UsageError, match="the runs are of 2 experiments"):
        view.save(client, Comparison.of(client, reading.read(client)), "both")
