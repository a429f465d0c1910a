"""Which runs a question chooses: those that a sweep has used again among them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests import stores
from tests.analysis.stored import put_ours
from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.runs import reading


@pytest.mark.parametrize("listed", ["in the tag", "in a file"])
def test_what_a_sweep_has_used_again_is_compared_with_its_own_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(stores.ready(tmp_path))
    experiment = client.create_experiment("e")
    of_the_first = {"tfmlflow.sweep": "first"}
    earlier = [put_ours(client, experiment, 0.1 + seed / 10, {"x": seed}, seed, of_the_first) for seed in (1, 2)]
    stranger = put_ours(client, experiment, 0.01, {"x": 9}, 9)
    parent = client.create_run(experiment, tags={"tfmlflow.sweep": "second", "tfmlflow.sweep_parent": "true"})
    parent_id = parent.info.run_id
    own = {"tfmlflow.sweep": "second", "mlflow.parentRunId": parent_id}
    mine = put_ours(client, experiment, 0.5, {"x": 3}, 3, own)
    if listed == "in the tag":
        client.set_tag(parent_id, "tfmlflow.sweep_reuses", ",".join([*earlier, "not an id", "f" * 32]))
    else:
        (tmp_path / "reuses.json").write_text(json.dumps(earlier))
        client.log_artifact(parent_id, os.fspath(tmp_path / "reuses.json"))
        client.set_tag(parent_id, "tfmlflow.sweep_reuses", "@reuses.json")
    client.set_terminated(parent_id)
    for asked in ("second", parent_id, "latest"):
        found = {run.run_id for run in reading.read(client, sweep=asked)}
        assert found == {*earlier, mine}, asked
        assert stranger not in found
    assert {run.run_id for run in reading.read(client, sweep="first")} == set(earlier)


def test_the_latest_sweep_is_one_of_which_something_has_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(stores.ready(tmp_path))
    experiment = client.create_experiment("e")
    done = put_ours(client, experiment, 0.5, {"x": 3}, 3, {"tfmlflow.sweep": "done"})
    client.create_run(experiment, tags={"tfmlflow.sweep": "begun"})
    assert [run.run_id for run in reading.read(client, sweep="latest")] == [done]
    assert "of begun nothing has finished yet, so it is done" in caplog.text


def test_models_that_were_made_small_are_no_configurations_beside_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(stores.ready(tmp_path))
    experiment = client.create_experiment("e")
    trained = put_ours(client, experiment, 0.5, {"x": 3}, 3)
    small = put_ours(client, experiment, 0.4, {"x": 4}, 3, {"tfmlflow.compressed_from": trained, "tfmlflow.sweep": "s"})
    assert [run.run_id for run in reading.read(client, experiment="e")] == [trained]
    assert "are left out, 1;" in caplog.text
    assert [run.run_id for run in reading.read(client, sweep="s")] == [small]
    assert {run.run_id for run in reading.read(client, ids=[trained, small])} == {trained, small}
    asked = put_ours(client, experiment, 0.4, {"x": 4}, 3, {"tfmlflow.evaluated_model": "models:/m-1"})
    assert [run.run_id for run in reading.read(client, experiment="e")] == [trained]
    of_them = "tags.`tfmlflow.evaluated_model` LIKE '%'"
    assert [run.run_id for run in reading.read(client, experiment="e", matching=of_them)] == [asked]


def test_repetitions_of_a_seed_are_one_and_a_single_run_is_told_from_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(stores.ready(tmp_path))
    experiment = client.create_experiment("e")
    put_ours(client, experiment, 0.1, {"x": "single"}, 1)
    for final, configuration, seed in (
        *((0.5, "again", 0) for _ in range(3)),
        *((0.2 + seed / 100, "good", seed) for seed in (1, 2, 3)),
        *((0.8 + seed / 90, "bad", seed) for seed in (1, 2, 3)),
    ):
        put_ours(client, experiment, final, {"x": configuration}, seed)
    comparison = Comparison.of(client, reading.read(client, "e"))
    assert [(group.settings["x"], len(group.values)) for group in comparison.groups] == [
        ("single", 1),
        ("good", 3),
        ("again", 1),
        ("bad", 3),
    ]
    assert len(comparison.groups[2].runs) == 3
    assert [(item.first, item.second) for item in comparison.significance.differences] == [(1, 3)]
    assert comparison.headline == "x=single: val/loss 0.1000; more seeds would say whether it is the best"
