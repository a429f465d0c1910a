"""Names and values on their way into MLflow."""

from __future__ import annotations

import numpy as np
import pytest

from tfmlflow.masking import MASK, masked, masked_text
from tfmlflow.tracking.journal.records import as_param
from tfmlflow.tracking.recording.intervals import Intervals
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
        ("ключ", "____"),
        ("x" * 400, "x" * 250),
        ("line\nbreak", "line_break"),
    ],
)
def test_names_become_such_as_mlflow_takes(given: str, stored: str) -> None:
    assert names.legal(given) == stored


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
