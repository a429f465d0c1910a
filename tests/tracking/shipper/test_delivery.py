"""What the shipper makes of journals: everything once, and what is wrong costs itself alone."""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.tracking.shipper.spooled import SpooledStore, dead_process, finished, points
from tfmlflow.tracking.journal import format, reader
from tfmlflow.tracking.journal.records import Artifact, Dataset, Left, Model, Params, Points, Record, Tags, Withdrawn
from tfmlflow.tracking.operations import pending
from tfmlflow.tracking.shipper.follower import MANY, Follower
from tfmlflow.tracking.shipper.trouble import Trouble
from tfmlflow.tracking.shipper.uploads import Uploads
from tfmlflow.tracking.store.requests import Requests


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
    assert "tfmlflow.incomplete" not in run.data.tags
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
    refused = run.data.tags.get("tfmlflow.incomplete", "")
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
            assert "odd" in run.data.tags["tfmlflow.incomplete"]


def test_a_param_that_changes_is_refused_and_the_others_are_not(store: SpooledStore) -> None:
    run_id, folder = store.run(Params({"a": "1"}), Tags({"x": "y"}))
    store.deliver(until=lambda: store.client.get_run(run_id).data.params == {"a": "1"})
    store.put(run_id, Params({"b": "1", "a": "2", "c": "1"}), finished())
    store.deliver(folder)
    run = store.client.get_run(run_id)
    assert run.data.params == {"a": "1", "b": "1", "c": "1"}
    assert "a:" in run.data.tags["tfmlflow.incomplete"]


def test_a_run_that_was_deleted_is_kept_until_it_is_restored_and_others_go_on(store: SpooledStore) -> None:
    gone, first = store.run(points("a", np.arange(5000.0)), finished())
    other, second = store.run(points("a", np.arange(3000.0)), finished())
    store.client.delete_run(gone)
    store.deliver(until=lambda: second.delivered and Trouble.of(first) is not None, timeout=15)
    assert store.client.get_run(other).info.status == "FINISHED"
    assert len(store.history(other, "a")) == 3000
    trouble = Trouble.of(first)
    assert trouble is not None
    assert (trouble.kind, trouble.why) == ("unknown", "the run, or its experiment, was deleted from the store")
    assert not first.delivered
    store.client.restore_run(gone)
    store.deliver(first)
    assert store.client.get_run(gone).info.status == "FINISHED"
    assert len(store.history(gone, "a")) == 5000
    assert Trouble.of(first) is None
    assert "tfmlflow.incomplete" not in store.client.get_run(gone).data.tags


def test_a_run_deleted_in_the_middle_has_all_of_it_after_its_return(store: SpooledStore) -> None:
    """As of an experiment that is deleted and restored while a training goes on."""
    run_id, folder = store.run(points("a", np.arange(100.0)))
    store.deliver(until=lambda: len(store.history(run_id, "a")) == 100)
    store.client.delete_experiment(store.experiment)
    try:
        store.put(run_id, points("a", np.arange(200.0), 101), points("b", np.arange(14.0)), finished())
        store.deliver(until=lambda: Trouble.of(folder) is not None)
    finally:
        store.client.restore_experiment(store.experiment)
    assert store.client.get_run(run_id).info.status == "RUNNING"
    store.deliver(folder)
    assert len(store.history(run_id, "a")) == 300
    assert len(store.history(run_id, "b")) == 14
    assert store.client.get_run(run_id).info.status == "FINISHED"


def test_a_run_that_the_store_does_not_know_is_kept_and_delivered_anew_if_a_person_says_so(
    store: SpooledStore, tmp_path: Path
) -> None:
    """As after a server was started on an empty database."""
    lost = "f" * 32
    folder = store.put(
        *(lost, store.begin(lost), Params({"p": "1"}), points("a", np.arange(1500.0))),
        *(Artifact(a_file(tmp_path, "a.txt"), "plots", keep=True), finished()),
    )
    store.deliver(until=lambda: Trouble.of(folder) is not None)
    (item,) = pending.items(store.spool)
    assert not item.up_to_date
    assert "does not know the run" in item.state
    assert f"--anew {lost}" in item.advice
    assert f"--drop {lost}" in item.advice
    pending.deliver_anew(item)
    store.deliver(folder)
    (run,) = store.client.search_runs([store.experiment], f"tags.`tfmlflow.local_id` = '{lost}'")
    assert (run.info.status, run.data.params, run.info.run_name) == ("FINISHED", {"p": "1"}, "name")
    assert len(store.history(run.info.run_id, "a")) == 1500
    assert artifacts(store, run.info.run_id) == {"plots/a.txt", "history.parquet"}
    assert "tfmlflow.incomplete" not in run.data.tags


def test_a_run_that_a_person_drops_is_gone_from_the_spool(store: SpooledStore) -> None:
    folder = store.put("e" * 31 + "0", store.begin("e" * 31 + "0"), points("a", [1.0]), finished())
    store.deliver(until=lambda: Trouble.of(folder) is not None)
    folder.drop()
    store.deliver(until=lambda: True)
    assert list(pending.items(store.spool)) == []
    assert not folder.path.exists()


@pytest.mark.parametrize("content", ["", "{", '{"journal": 12', "\x00" * 500, "null", "3", "[1,2]", '{"journal": "x"}'])
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
    assert "tfmlflow.incomplete" not in run.data.tags
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
    run = store.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["tfmlflow.incomplete"] == "1 point, damaged on this machine before delivery"
    (item,) = pending.items(store.spool)
    assert (item.delivered, item.whole) == (True, False)


@pytest.mark.parametrize("file", ["journal", "essentials"])
def test_what_every_run_needs_survives_damage_of_either_file(store: SpooledStore, file: str) -> None:
    """Once a flipped bit in the first record was enough for a run that was never created, and nobody said so."""
    folder = store.put(
        *(f"{file:a<32}".replace("r", "0"), store.begin(None), Params({f"p{i}": str(i) for i in range(23)})),
        *(points("a", np.arange(700.0)), Tags({"t": "1"}), finished()),
    )
    content = bytearray((folder.path / file).read_bytes())
    for frame in format.frames(bytes(content), len(format.HEADER)):
        if frame.kind == format.OTHER:
            content[frame.end - 3] ^= 4
    (folder.path / file).write_bytes(content)
    store.deliver(folder)
    (run,) = store.client.search_runs([store.experiment], f"tags.`tfmlflow.local_id` = '{folder.key}'")
    assert len(run.data.params) == 23
    assert (run.data.tags["t"], run.info.status) == ("1", "FINISHED")
    assert len(store.history(run.info.run_id, "a")) == 700
    assert "tfmlflow.incomplete" not in run.data.tags


def test_a_run_whose_beginning_is_lost_altogether_is_named_and_costs_itself(store: SpooledStore) -> None:
    run_id, folder = store.run(points("a", [1.0]), finished())
    for file in (folder.journal, folder.essentials):
        content = bytearray(file.read_bytes())
        content[len(format.HEADER) + format.FRAME.size + 9] ^= 1
        file.write_bytes(content)
    other, second = store.run(points("a", np.arange(185.0)), finished())
    store.deliver(until=lambda: second.delivered and Trouble.of(folder) is not None)
    assert len(store.history(other, "a")) == 185
    items = {item.folder.key: item for item in pending.items(store.spool)}
    assert "its beginning is damaged" in items[folder.key].state
    assert not items[folder.key].up_to_date
    assert store.client.get_run(run_id).info.status == "RUNNING"


def test_a_journal_that_is_gone_leaves_a_run_that_says_so(store: SpooledStore) -> None:
    run_id, folder = store.run(Params({"p": "1"}), points("a", np.arange(50.0)), finished(), process=dead_process())
    folder.journal.unlink()
    store.deliver(folder)
    run = store.client.get_run(run_id)
    assert (run.info.status, run.data.params) == ("FINISHED", {"p": "1"})
    assert run.data.tags["tfmlflow.incomplete"].startswith("50 points, damaged")


def test_a_model_whose_folder_is_gone_is_told_in_the_run(store: SpooledStore, tmp_path: Path) -> None:
    run_id, folder = store.run(Model(str(tmp_path / "gone"), "best", 3, {}, 17), finished())
    store.deliver(folder)
    run = store.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["tfmlflow.incomplete"] == "the model best, whose files are gone from this machine"


def test_a_child_learns_of_its_parent_whichever_is_created_first(store: SpooledStore) -> None:
    def found(local_id: str) -> list[Any]:
        return list(store.client.search_runs([store.experiment], f"tags.`tfmlflow.local_id` = '{local_id}'"))

    def tag(local_id: str) -> str | None:
        return found(local_id)[0].data.tags.get("mlflow.parentRunId")

    child = store.put("c" * 32, store.begin(None, parent="d" * 32), points("a", [1.0]), finished())
    parent = store.spool.open("d" * 32, store.uri)  # it has not said anything yet
    store.deliver(until=lambda: [run.info.status for run in found("c" * 32)] == ["FINISHED"])
    assert tag("c" * 32) is None
    assert not child.delivered
    store.put("d" * 32, store.begin(None), finished())
    store.deliver(child, parent)
    (run,) = store.client.search_runs([store.experiment], f"tags.`tfmlflow.local_id` = '{'d' * 32}'")
    assert tag("c" * 32) == run.info.run_id
    late = store.put("b" * 32, store.begin(None, parent="d" * 32), finished())
    store.deliver(late)
    assert tag("b" * 32) == run.info.run_id
    orphan = store.put("a" * 32, store.begin(None, parent="9" * 32), finished())
    store.deliver(orphan)
    (run,) = store.client.search_runs([store.experiment], f"tags.`tfmlflow.local_id` = '{'a' * 32}'")
    assert "place under the run of its sweep" in run.data.tags["tfmlflow.incomplete"]


@pytest.mark.parametrize("name", ["no", "#1?.txt", "a b.txt"])
def test_artifacts_that_are_gone_cost_themselves(store: SpooledStore, tmp_path: Path, name: str) -> None:
    run_id, folder = store.run(
        Artifact(str(tmp_path / "never" / name), "plots"), Artifact(a_file(tmp_path, "a.txt"), ""), finished()
    )
    store.deliver(folder)
    assert artifacts(store, run_id) == {"a.txt"}
    run = store.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["tfmlflow.incomplete"] == f"plots/{name}, whose files are gone from this machine"


def test_paths_that_lead_out_of_the_run_are_not_followed(store: SpooledStore, tmp_path: Path) -> None:
    victim = Path(store.folder / "victim.txt")
    victim.write_text("precious")
    run_id, folder = store.run(Withdrawn("victim.txt", "../../.."), Withdrawn("../../../victim.txt", ""), finished())
    store.deliver(folder)
    assert victim.read_text() == "precious"
    assert "victim" in store.client.get_run(run_id).data.tags["tfmlflow.incomplete"]


def test_many_runs_are_delivered_by_one_shipper(store: SpooledStore) -> None:
    made: list[Any] = [store.run(points("a", np.arange(100.0)), finished()) for _ in range(30)]
    store.deliver(*(folder for _, folder in made))
    assert {store.client.get_run(run_id).info.status for run_id, _ in made} == {"FINISHED"}
    assert all(len(store.history(run_id, "a")) == 100 for run_id, _ in made)


def test_what_is_withdrawn_before_it_was_stored_is_not_missed(store: SpooledStore, tmp_path: Path) -> None:
    """A checkpoint that has been replaced is deleted as soon as the journal says so, which may be read much later."""
    many = [points("batch/loss", np.ones(MANY), first=1 + n * MANY) for n in range(2)]
    taken, replaced = Artifact(str(tmp_path / "step-1.npz"), "checkpoints"), Withdrawn("step-1.npz", "checkpoints")
    run_id, folder = store.run(taken, *many, replaced, finished(), process=dead_process())
    requests = Requests(store.uri)
    follower = Follower(folder, requests)
    uploads = Uploads(requests, lambda: [follower])
    follower.step()  # as far as the first points
    assert follower.cursor.waiting
    for _ in range(10):
        uploads._try(follower)
        follower.step()
    run = store.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert "tfmlflow.incomplete" not in run.data.tags


def test_a_run_whose_files_wait_is_not_read_again_and_again(
    store: SpooledStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty runs that a store does not take files of have kept a processor at work for half an hour."""
    run_id, folder = store.run(Artifact(a_file(tmp_path, "a.txt"), ""), process=dead_process())
    follower = Follower(folder, Requests(store.uri))
    while follower.step():
        pass
    assert follower.cursor.waiting
    opened: list[Path] = []
    real = reader._frames
    monkeypatch.setattr(reader, "_frames", lambda file, offset: (opened.append(file), real(file, offset))[1])
    for _ in range(50):
        follower.step()
    assert opened == []
    store.put(folder.key, points("late", [1.0]), finished())  # what is new is read
    while follower.step():
        pass
    assert follower.cursor.end is not None
    assert len(store.history(run_id, "late")) == 1
