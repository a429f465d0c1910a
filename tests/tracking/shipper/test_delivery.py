"""What the shipper makes of journals: everything once, and what is wrong costs itself alone."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.tracking.shipper.spooled import SpooledStore, dead_process, finished, points
from tfmlflow.tracking.records import (
    Artifact,
    Dataset,
    Left,
    Params,
    Points,
    Record,
    Tags,
    Withdrawn,
)
from tfmlflow.tracking.shipper.follower import Follower


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> SpooledStore:
    return SpooledStore(tmp_path_factory.mktemp("store"))


@pytest.fixture
def store(shared: SpooledStore) -> SpooledStore:
    return shared.fresh_spool()


@pytest.fixture(autouse=True)
def quiet() -> None:
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # it logs what a database says


def a_file(folder: Path, name: str, content: str = "content") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content)
    return str(folder / name)


def artifacts(store: SpooledStore, run_id: str, path: str = "") -> set[str]:
    found: set[str] = set()
    for entry in store.client.list_artifacts(run_id, path):
        found |= artifacts(store, run_id, entry.path) if entry.is_dir else {entry.path}
    return found


def test_everything_that_was_said_is_in_the_run(store: SpooledStore, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=3456)
    run_id, folder = store.run(
        Params({f"p{i}": str(i) for i in range(250)}),
        Tags({"a": "1", "b": "1"}),
        points("batch/loss", values),
        points("hidden", [1.0, 2.0], stored=False),
        Tags({"a": "2"}),
        Dataset("mnist", "d1", "https://x", "{}", "{}", "train"),
        Artifact(a_file(tmp_path, "a.txt"), "plots"),
        Artifact(a_file(tmp_path, "gone.txt"), ""),
        Withdrawn("gone.txt", ""),
        points("odd", [float("nan"), float("inf"), float("-inf")]),
        finished(),
    )
    store.deliver(folder)
    run = store.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert {f"p{i}": str(i) for i in range(250)} == run.data.params
    assert (run.data.tags["a"], run.data.tags["b"]) == ("2", "1")
    assert "tfmlflow.refused" not in run.data.tags
    stored = sorted(store.history(run_id, "batch/loss"))
    np.testing.assert_array_equal([value for *_, value in stored], values)
    assert [step for step, *_ in stored] == list(range(1, 3457))
    assert "hidden" not in run.data.metrics
    ((dataset),) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("mnist", "d1")
    assert artifacts(store, run_id) == {"plots/a.txt", "history.parquet"}
    history = pq.read_table(store.client.download_artifacts(run_id, "history.parquet"))
    assert history.num_rows == 3456 + 2 + 3


WRONG: dict[str, tuple[Record, str]] = {
    "key": (points("a b@c?", [1.0]), "a b@c?"),
    "key too long": (points("x" * 300, [1.0]), "x" * 250),
    "key as path": (points("../outside", [1.0]), "../outside"),
    "time": (Points("early", np.array([1]), np.array([-5]), np.array([1.0])), "early"),
    "step": (points("far", [1.0], first=2**63 - 2_000_000_000_000), "far"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_refused_point_in_a_batch_of_a_thousand_costs_itself_alone(store: SpooledStore, name: str) -> None:
    wrong, key = WRONG[name]
    run_id, folder = store.run(points("a", np.arange(500.0)), wrong, points("a", np.arange(499.0), 501), finished())
    store.deliver(folder)
    run = store.client.get_run(run_id)
    assert len(store.history(run_id, "a")) == 999
    assert run.info.status == "FINISHED"
    refused = run.data.tags.get("tfmlflow.refused", "")
    if key in run.data.metrics:  # this store takes it
        assert refused == ""
    else:
        assert key[:200] in refused
        assert len(refused.splitlines()) == 1


@pytest.mark.parametrize(
    "value",
    ["", " ", "ключ \U0001f600", "a\nb", "x" * 100_000, "a\x00b", "bytes of a file name \udcff"],
    ids=["empty", "space", "unicode", "lines", "long", "nul", "surrogate"],
)
def test_odd_text_costs_itself_at_most(store: SpooledStore, value: str) -> None:
    run_id, folder = store.run(
        *(Params({"good": "1", "odd": value, "further": "2"}), Tags({"good": "1", "odd": value, "further": "2"})),
        *(points("a", [1.0]), finished()),
    )
    store.deliver(folder, timeout=8)
    run = store.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert len(store.history(run_id, "a")) == 1
    for said in (run.data.params, run.data.tags):
        assert (said["good"], said["further"]) == ("1", "2")
        if "odd" in said:
            assert value.startswith(said["odd"][:100])
        else:
            assert "odd" in run.data.tags["tfmlflow.refused"]


def test_a_param_that_changes_is_refused_and_the_others_are_not(store: SpooledStore) -> None:
    run_id, folder = store.run(Params({"a": "1"}), Tags({"x": "y"}))
    store.deliver(until=lambda: store.client.get_run(run_id).data.params == {"a": "1"})
    store.put(run_id, Params({"b": "1", "a": "2", "c": "1"}), finished())
    store.deliver(folder)
    run = store.client.get_run(run_id)
    assert run.data.params == {"a": "1", "b": "1", "c": "1"}
    assert "a:" in run.data.tags["tfmlflow.refused"]


def test_a_run_that_was_deleted_meanwhile_is_given_up_and_others_are_not(store: SpooledStore) -> None:
    gone, first = store.run(points("a", np.arange(5000.0)), finished())
    other, second = store.run(points("a", np.arange(3000.0)), finished())
    store.client.delete_run(gone)
    began = time.monotonic()
    store.deliver(first, second, timeout=15)
    took = time.monotonic() - began
    assert store.client.get_run(other).info.status == "FINISHED"
    assert len(store.history(other, "a")) == 3000
    assert store.client.get_run(gone).info.lifecycle_stage == "deleted"
    cursor = Follower(first, None).cursor  # type: ignore[arg-type]
    assert cursor.refused == ["the run was deleted from the store"]
    assert took < 10


def test_a_run_that_never_was_is_given_up(store: SpooledStore) -> None:
    folder = store.put("f" * 32, store.begin("f" * 32), points("a", np.arange(1500.0)), finished())
    store.deliver(folder)
    assert Follower(folder, None).cursor.refused == ["the run was deleted from the store"]  # type: ignore[arg-type]


@pytest.mark.parametrize("content", ["", "{", '{"journal": 12', "\x00" * 500])
def test_a_damaged_cursor_means_delivery_once_more_and_nothing_twice(
    store: SpooledStore, tmp_path: Path, content: str
) -> None:
    run_id, folder = store.run(
        *(Params({"p": "1"}), Tags({"t": "1"}), points("a", np.arange(1200.0)), points("nan", [float("nan")] * 3)),
        Dataset("mnist", "d1", "https://x", "{}", "{}", "train"),
        Artifact(a_file(tmp_path, "a.txt"), "plots"),
    )
    store.deliver(until=lambda: len(store.history(run_id, "nan")) == 3 and "plots/a.txt" in artifacts(store, run_id))
    folder.cursor.write_text(content)
    store.put(run_id, points("a", np.arange(10.0), 1201), finished())
    store.deliver(folder)
    run = store.client.get_run(run_id)
    assert sorted(step for step, *_ in store.history(run_id, "a")) == list(range(1, 1211))
    assert len(store.history(run_id, "nan")) == 3
    assert (run.info.status, run.data.params, len(run.inputs.dataset_inputs)) == ("FINISHED", {"p": "1"}, 1)
    assert "tfmlflow.refused" not in run.data.tags
    assert artifacts(store, run_id) == {"plots/a.txt", "history.parquet"}
    assert pq.read_table(store.client.download_artifacts(run_id, "history.parquet")).num_rows == 1213


def test_a_run_that_began_while_the_store_was_away_is_created_once(store: SpooledStore) -> None:
    folder = store.put("e" * 32, store.begin(None, time=1_700_000_000_000), points("a", [1.0, 2.0]), finished())
    store.deliver(folder)
    folder.cursor.write_text("")
    (folder.path / "delivered").unlink()
    store.deliver(folder)
    (run,) = store.client.search_runs([store.experiment], f"tags.`tfmlflow.local_id` = '{'e' * 32}'")
    assert (run.info.run_name, run.info.status, run.data.tags["given"]) == ("name", "FINISHED", "tag")
    assert run.info.start_time == 1_700_000_000_000
    assert len(store.history(run.info.run_id, "a")) == 2


def test_a_trainer_that_died_without_a_word_has_its_run_ended_for_it(store: SpooledStore) -> None:
    run_id, folder = store.run(points("a", [1.0]), process=dead_process())
    died = folder.journal.stat().st_mtime
    store.deliver(folder)
    run = store.client.get_run(run_id)
    assert (run.info.status, run.data.tags["tfmlflow.end_reason"]) == ("FAILED", "killed")
    assert run.info.end_time == int(died * 1000)
    assert artifacts(store, run_id) == {"history.parquet"}


def test_a_later_process_of_the_trainers_number_does_not_keep_its_run_alive(store: SpooledStore) -> None:
    mine = dead_process()
    impostor = dataclasses.replace(mine, pid=os.getpid())
    run_id, folder = store.run(points("a", [1.0]), process=impostor)
    store.deliver(folder)
    assert store.client.get_run(run_id).data.tags["tfmlflow.end_reason"] == "killed"


def test_a_dead_trainer_whose_last_words_are_not_delivered_yet_was_not_killed(store: SpooledStore) -> None:
    run_id, folder = store.run(points("a", np.arange(5000.0)), finished(), process=dead_process())
    store.deliver(folder)
    run = store.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert "tfmlflow.end_reason" not in run.data.tags


def test_somebody_elses_run_is_theirs_to_end(store: SpooledStore) -> None:
    run_id, folder = store.run(points("a", [1.0]), finished(None), Left(), process=dead_process(), owned=False)
    store.deliver(folder)
    run = store.client.get_run(run_id)
    assert run.info.status == "RUNNING"
    assert "tfmlflow.end_reason" not in run.data.tags


def test_a_run_that_is_taken_back_is_deleted(store: SpooledStore) -> None:
    run_id, folder = store.run(points("a", [1.0]), finished("FAILED", discard=True))
    store.deliver(folder)
    assert store.client.get_run(run_id).info.lifecycle_stage == "deleted"


def test_a_further_beginning_opens_the_run_again(store: SpooledStore) -> None:
    run_id, folder = store.run(points("a", [1.0]), finished("FAILED"))
    store.deliver(folder)
    store.put(run_id, store.begin(run_id, attempt=2))
    store.deliver(until=lambda: store.client.get_run(run_id).info.status == "RUNNING")
    store.put(run_id, points("a", [1.0, 2.0], first=2), finished())
    store.deliver(folder)
    assert store.client.get_run(run_id).info.status == "FINISHED"
    assert pq.read_table(store.client.download_artifacts(run_id, "history.parquet")).num_rows == 3


def test_a_journal_with_damage_in_it_is_delivered_but_for_what_is_damaged(store: SpooledStore) -> None:
    run_id, folder = store.run(*(points("a", [float(i)], first=i) for i in range(1, 101)), finished())
    content = bytearray(folder.journal.read_bytes())
    content[len(content) // 2] ^= 0xFF
    folder.journal.write_bytes(content)
    store.deliver(folder)
    assert len(store.history(run_id, "a")) == 99
    assert store.client.get_run(run_id).info.status == "FINISHED"


@pytest.mark.parametrize("name", ["no", "#1?.txt", "a b.txt"])
def test_artifacts_that_are_gone_cost_themselves(store: SpooledStore, tmp_path: Path, name: str) -> None:
    run_id, folder = store.run(
        Artifact(str(tmp_path / "never" / name), "plots"), Artifact(a_file(tmp_path, "a.txt"), ""), finished()
    )
    store.deliver(folder)
    assert artifacts(store, run_id) == {"a.txt"}
    assert store.client.get_run(run_id).info.status == "FINISHED"


def test_paths_that_lead_out_of_the_run_are_not_followed(store: SpooledStore, tmp_path: Path) -> None:
    victim = Path(store.folder / "victim.txt")
    victim.write_text("precious")
    run_id, folder = store.run(Withdrawn("victim.txt", "../../.."), Withdrawn("../../../victim.txt", ""), finished())
    store.deliver(folder)
    assert victim.read_text() == "precious"
    assert "victim" in store.client.get_run(run_id).data.tags["tfmlflow.refused"]


def test_many_runs_are_delivered_by_one_shipper(store: SpooledStore) -> None:
    made: list[Any] = [store.run(points("a", np.arange(100.0)), finished()) for _ in range(30)]
    store.deliver(*(folder for _, folder in made))
    assert {store.client.get_run(run_id).info.status for run_id, _ in made} == {"FINISHED"}
    assert all(len(store.history(run_id, "a")) == 100 for run_id, _ in made)
