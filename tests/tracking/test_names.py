"""Names and values on their way into MLflow."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mlflow import MlflowClient

from tests import stores
from tfmlflow.masking import MASK, masked, masked_text
from tfmlflow.tracking.journal.records import as_param
from tfmlflow.tracking.recording.intervals import Intervals
from tfmlflow.tracking.run.run_log import RunLog
from tfmlflow.tracking.store import names

SETTINGS = {"model": {"name": "mlp"}, "optimizer": {"name": "adam"}, "tracking": {"run_name": "auto"}}


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("acc@1", "acc_1"),
        ("val/loss", "val/loss"),
        ("../../etc/passwd", "etc/passwd"),
        ("/leading", "leading"),
        ("a//b", "a/b"),
        ("", "unnamed"),
        ("ключ", "ключ"),
        ("métrique", "métrique"),
        ("me\u0301trique", "métrique"),  # the accent as a character of its own
        ("精度/F₁", "精度/F₁"),
        ("Größe™ 🙂", "Größe_ _"),
        ("é" * 200, "é" * 125),  # 250 bytes
        ("x" * 400, "x" * 250),
        ("line\nbreak", "line_break"),
    ],
)
def test_names_become_such_as_mlflow_takes(given: str, stored: str) -> None:
    assert names.legal(given) == stored


NAMES = ("métrique", "me\u0301trique", "metrique", "ключ", "精度/top", "Größe™", "é" * 200, "acc@1", "acc_1")


@pytest.mark.parametrize("store", ["sql", "files", "server"])
def test_every_store_keeps_them_and_each_has_its_own(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = {"sql": lambda: stores.ready(tmp_path), "files": lambda: (tmp_path / "mlruns").as_uri()}.get(
        store, lambda: request.getfixturevalue("sqlite_server").uri
    )()
    client = MlflowClient(uri)
    experiment = client.create_experiment(f"names {uuid.uuid4()}")
    run_id = client.create_run(experiment).info.run_id
    log = RunLog(SimpleNamespace(put=lambda record: None))  # type: ignore[arg-type]
    legal = [log._legal(name) for name in NAMES]
    assert len({names.alike(one) for one in legal}) == len(NAMES)
    assert legal[0] == "métrique"
    for place, name in enumerate(legal):
        client.log_metric(run_id, name, place, step=1)
        client.log_param(run_id, name, place)
    run = client.get_run(run_id)
    assert run.data.metrics == {name: float(place) for place, name in enumerate(legal)}
    assert run.data.params == {name: str(place) for place, name in enumerate(legal)}
    assert [point.value for point in client.get_metric_history(run_id, "精度/top")] == [4.0]
    found = client.search_runs([experiment], "metrics.`métrique` = 0")
    assert [one.info.run_id for one in found] == [run_id]


def test_keras_names_become_sections() -> None:
    assert names.metric("loss") == "train/loss"
    assert names.metric("val_top_k") == "val/top_k"


def test_nested_settings_become_dotted_names_without_targets_that_a_name_says_already() -> None:
    settings = {"model": {"name": "mlp", "_target_": "x.y"}, "data": {"name": "custom", "_target_": "my.load", "a": {}}}
    assert names.flat(settings) == {"model.name": "mlp", "data.name": "custom", "data._target_": "my.load"}


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "mlp adam"),
        (["optimizer=adam", "hardware=gpu"], "mlp adam gpu"),
        (["trainer.epochs=3", "tracking.uri=sqlite:///x.db", "data.path=/tmp/x"], "mlp adam epochs=3"),
        (["seed=7", "+model.width=3"], "mlp adam seed=7 width=3"),
        (["+model.api_key=hunter2", "model._target_=my_pkg.build"], "mlp adam build"),
    ],
)
def test_a_run_is_named_by_what_was_changed(overrides: list[str], name: str) -> None:
    assert names.run_name(SETTINGS, overrides) == name


def test_a_given_run_name_is_taken() -> None:
    assert names.run_name(SETTINGS | {"tracking": {"run_name": "mine"}}, ["seed=7"]) == "mine"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "null"), (True, "true"), (float(np.float32(0.01)), "0.01"), (1e-07, "1e-07"), (0.1, "0.1"), ([1], "[1]")],
)
def test_params_read_as_they_are_typed(value: object, shown: str) -> None:
    assert as_param(value) == shown


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("tracking.tags.api_key", "abc", MASK),
        ("data.password", "abc", MASK),
        ("tracking.uri", "postgresql://me:secret@host/db", f"postgresql://{MASK}@host/db"),
        ("tracking.uri", "sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("data.token", None, None),
        ("model.api_token", "abc", MASK),
        ("model.max_tokens", 12, 12),
        ("model.tokenizer", "wordpiece", "wordpiece"),
        ("model.token", "12", "12"),
    ],
)
def test_secrets_are_masked(key: str, value: object, kept: object) -> None:
    assert masked(key, value) == kept


def test_secrets_in_files_are_masked_line_by_line() -> None:
    text = "uri: http://me:pw@host:5000\npassword: hunter2\nmodel:\n  api_key: abc\n- tracking.token=xyz\nseed: 1\n"
    text += "override_dirname: a=1,+model.api_key=qwe\n- '+tracking.tags={db_password: rty}'\n"
    stored = masked_text(text)
    for secret in ("me:pw", "hunter2", "abc", "xyz", "qwe", "rty"):
        assert secret not in stored
    assert "seed: 1" in stored


def test_intervals_end_at_multiples_whatever_the_groups() -> None:
    intervals = Intervals(3)
    points = [*intervals.add(0, [1, 2]), *intervals.add(2, [3, 4, 5, 6, 7]), *intervals.rest(7)]
    assert points == [(3, 2.0), (6, 5.0), (7, 7.0)]
