"""`tfmlflow export-model`, as typed: files of other formats that give what the stored model gives, or no file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from click.testing import CliRunner, Result

from tests import stores, tables
from tfmlflow.cli import main
from tfmlflow.data.record import Data
from tfmlflow.data.splits import from_arrays
from tfmlflow.export import request
from tfmlflow.export.check import compare
from tfmlflow.models import mlp, recurrent
from tfmlflow.predictor.preparation import Preparation
from tfmlflow.tracking.models import model_export

pytestmark = pytest.mark.xdist_group("export")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stores.ready(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Data, keras.Model, Path]:
    """A stored model of a table with texts and gaps: its folder, its data, itself, the file."""
    folder = tmp_path_factory.mktemp("table")
    data = tables.homes(folder, rows=150, gaps=0.1)
    model = mlp.build(data, units=(64, 64))
    model_export.save_prepared(model, folder / "model", data.test.x[:2], data.prepared_by, data.raw)
    return folder / "model", data, model, folder / "t.csv"


def saved(model: keras.Model, folder: Path, example: Any) -> Path:
    """Without a preparation."""
    return model_export.save(model, folder, example)


def typed(*words: str) -> Result:
    """`tfmlflow export-model <words>`."""
    return CliRunner().invoke(main, ["export-model", *words])


def left(folder: Path) -> set[str]:
    """What is there, beside the store."""
    return {path.name for path in folder.iterdir()} - {"mlflow.db", "artifacts", "m"}


def asked(to: str, place: Path, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What an export gives, asked as whoever has got it would."""
    if to == "keras":
        return np.asarray(keras.saving.load_model(place)(x))
    if to == "savedmodel":
        loaded = tf.saved_model.load(str(place))
        return np.asarray(loaded.signatures["serving_default"](input=tf.constant(x))["probabilities"])
    if to == "litert":
        runner = tf.lite.Interpreter(str(place)).get_signature_runner("serving_default")
        return np.asarray(runner(input=x)["probabilities"])
    session = onnxruntime.InferenceSession(str(place))
    return np.asarray(session.run(["probabilities"], {"input": x})[0])


@pytest.mark.parametrize(
    ("to", "name"), [("keras", "a.keras"), ("savedmodel", "a"), ("litert", "a.tflite"), ("onnx", "a.onnx")]
)
def test_an_export_gives_what_the_model_gives(table: Any, tmp_path: Path, to: str, name: str) -> None:
    folder, data, model, file = table
    done = typed(str(folder), "--to", to, "--output", name, "data=csv", f"data.path={file}", "data.label=kind")
    assert done.exit_code == 0, done.output
    assert f"checked on {len(data.test)} examples of data=csv" in done.output
    assert f"{len(data.test)} of {len(data.test)} labels equal" in done.output
    assert "the scaling of 1 columns, the categories of 1, the names of 3 classes" in done.output
    np.testing.assert_allclose(asked(to, tmp_path / name, data.test.x), model(data.test.x), atol=1e-5)
    beside = tmp_path / (f"{name}/preparation.json" if to == "savedmodel" else f"{name}.preparation.json")
    assert Preparation.read(beside) == Preparation.read(folder)
    assert left(tmp_path) == {name} if to == "savedmodel" else {name, beside.name}


def test_an_export_that_differs_is_not_left(table: Any, tmp_path: Path) -> None:
    done = typed(str(table[0]), "--to", "onnx", "--output", "a.onnx", "--tolerance", "0")
    assert done.exit_code == 1
    assert "a.onnx: gives something else than the stored model, at probabilities of example" in done.output
    assert left(tmp_path) == set()


def test_what_is_there_is_replaced_only_by_force(table: Any, tmp_path: Path) -> None:
    for to, name in (("keras", "a.keras"), ("savedmodel", "folder")):
        words = (str(table[0]), "--to", to, "--output", name)
        assert typed(*words).exit_code == 0
        before = {path: path.stat().st_ino for path in [tmp_path / name]}
        again = typed(*words)
        assert again.exit_code == 2
        assert f"--output {name}: is there already; --force replaces it" in again.output
        assert {path: path.stat().st_ino for path in before} == before
        assert typed(*words, "--force").exit_code == 0
        assert {path: path.stat().st_ino for path in before} != before
    assert left(tmp_path) == {"a.keras", "a.keras.preparation.json", "folder"}


def test_force_deletes_nothing_that_is_of_no_export(table: Any, tmp_path: Path) -> None:
    words = (str(table[0]), "--to", "savedmodel", "--output", "mine")
    assert typed(*words).exit_code == 0
    (tmp_path / "mine" / "thesis.md").write_text("all of it")
    refused = typed(*words, "--force")
    assert refused.exit_code == 2
    assert "--output mine: holds thesis.md, which is of no export; --force would delete it" in refused.output
    assert (tmp_path / "mine" / "thesis.md").read_text() == "all of it"
    (tmp_path / "mine" / "thesis.md").rename(tmp_path / "mine" / "assets" / "thesis.md")
    assert "holds assets/thesis.md, which is of no export" in typed(*words, "--force").output
    (tmp_path / "mine" / "assets" / "thesis.md").unlink()
    assert typed(*words, "--force").exit_code == 0
    (tmp_path / "b.keras.preparation.json").write_text('{"kind": "of my own"}')
    refused = typed(str(table[0]), "--to", "keras", "--output", "b.keras", "--force")
    assert (refused.exit_code, "is of no export" in refused.output) == (2, True), refused.output
    assert (tmp_path / "b.keras.preparation.json").read_text() == '{"kind": "of my own"}'


def test_a_file_of_another_export_does_not_keep_its_preparation(table: Any, tmp_path: Path) -> None:
    assert typed(str(table[0]), "--to", "keras", "--output", "a.keras").exit_code == 0
    assert (tmp_path / "a.keras.preparation.json").exists()
    saved(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), tmp_path / "m", np.ones((1, 3), "f4"))
    assert typed("./m", "--to", "keras", "--output", "a.keras", "--force").exit_code == 0
    assert not (tmp_path / "a.keras.preparation.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "onnx", "--output", "a.tflite"], "a file for --to onnx ends with .onnx"),
        (["--to", "savedmodel", "--output", "a.onnx"], "makes a folder, and this is the name of a file"),
        (["--to", "keras", "--output", "nowhere/a.keras"], "there is no folder nowhere"),
        (["--to", "savedmodel", "--output", "mine", "--force"], "is no SavedModel, and --force replaces nothing else"),
        (["--to", "keras", "data.path=x.csv"], "data: say which"),
    ],
    ids=["suffix", "folder", "nowhere", "not ours", "no data"],
)
def test_a_wrong_command_is_refused_before_anything_is_read(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    done = typed("0123abcd", *words)
    assert done.exit_code == 2
    assert said in done.output
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "find_spec", lambda name: None if name == "tf2onnx" else name)
    done = typed("0123abcd", "--to", "onnx")
    assert done.exit_code == 2
    assert "--to onnx: needs tf2onnx: pip install 'tfmlflow[export]'" in done.output


@pytest.mark.parametrize("to", ["litert", "onnx"])
def test_recurrent_networks_go_too(tmp_path: Path, to: str) -> None:
    x = np.random.default_rng(0).normal(size=(60, 6, 2)).astype("float32")
    data = from_arrays("series", x, np.arange(60) % 2, task="binary", class_names=("down", "up"))
    model = recurrent.lstm(data, units=(4,), bidirectional=to == "onnx")
    model_export.save_prepared(model, tmp_path / "m", x[:1], data.prepared_by, data.raw)
    done = typed("./m", "--to", to, "--output", f"a.{'tflite' if to == 'litert' else to}")
    assert done.exit_code == 0, done.output
    assert "64 of 64 labels equal" in done.output
    name = next(name for name in left(tmp_path) if not name.endswith(".json"))
    np.testing.assert_allclose(asked(to, tmp_path / name, x), model(x), atol=1e-5)


def two() -> keras.Model:
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    both = keras.layers.Concatenate()([left, right])
    outputs = {"kind": keras.layers.Dense(3, "softmax")(both), "price": keras.layers.Dense(1)(left)}
    return keras.Model({"left": left, "right": right}, outputs)


@pytest.mark.parametrize("to", ["savedmodel", "onnx"])
def test_several_inputs_and_outputs_keep_their_names(tmp_path: Path, to: str) -> None:
    chance = np.random.default_rng(0)
    example = {"left": chance.normal(size=(3, 3)).astype("f4"), "right": chance.normal(size=(3, 2)).astype("f4")}
    model = two()
    saved(model, tmp_path / "m", example)
    done = typed("./m", "--to", to, "--output", "a.onnx" if to == "onnx" else "a")
    assert done.exit_code == 0, done.output
    expected = model(example)
    if to == "onnx":
        session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"))
        found = dict(zip(["kind", "price"], session.run(["kind", "price"], example), strict=True))
    else:
        loaded = tf.saved_model.load(str(tmp_path / "a"))
        found = loaded.signatures["serving_default"](**{name: tf.constant(one) for name, one in example.items()})
    for name, one in expected.items():
        np.testing.assert_allclose(found[name], one, atol=1e-6)


def test_text_is_refused_by_name_where_a_format_has_none(tmp_path: Path) -> None:
    inputs = keras.Input((1,), dtype="string", name="city")
    looked = keras.layers.StringLookup(vocabulary=["Bonn", "Ulm"], output_mode="one_hot")(inputs)
    saved(keras.Model(inputs, keras.layers.Dense(1)(looked)), tmp_path / "m", np.array([["Ulm"]], dtype=object))
    done = typed("./m", "--to", "litert")
    assert done.exit_code == 2
    assert "the input 'city' takes text, which this format cannot; --to keras and savedmodel can" in done.output
    assert left(tmp_path) == set()
    done = typed("./m", "--to", "savedmodel", "--output", "a")
    assert done.exit_code == 0, done.output


def test_half_precision_is_refused_by_name(tmp_path: Path) -> None:
    inputs = keras.Input((3,))
    half = keras.layers.Dense(2, dtype="mixed_bfloat16", name="half")(inputs)
    saved(
        keras.Model(inputs, keras.layers.Activation("softmax", dtype="float32")(half)),
        tmp_path / "m",
        np.ones((1, 3), "f4"),
    )
    for to in ("onnx", "litert"):
        done = typed("./m", "--to", to)
        assert done.exit_code == 2
        assert "the layer 'half' computes in bfloat16 (hardware.precision)" in done.output


def test_what_a_converter_does_not_take_is_one_line(tmp_path: Path) -> None:
    inputs = keras.Input((3, 3))
    saved(keras.Model(inputs, keras.ops.svd(inputs, compute_uv=False)), tmp_path / "m", np.ones((1, 3, 3), "f4"))
    done = typed("./m", "--to", "onnx")
    assert done.exit_code in (1, 2)
    assert done.output.startswith("error: ")
    assert len(done.output.splitlines()) == 1
    assert left(tmp_path) == set()


@keras.saving.register_keras_serializable("somebody")
class Doubled(keras.layers.Layer):
    """A layer of somebody's own."""

    def call(self, x: Any) -> Any:
        """Twice what is given."""
        return 2 * x


def test_layers_of_ones_own_need_trust(tmp_path: Path) -> None:
    inputs = keras.Input((3,))
    saved(keras.Model(inputs, Doubled()(keras.layers.Dense(2)(inputs))), tmp_path / "m", np.ones((1, 3), "f4"))
    refused = typed("./m", "--to", "onnx")
    assert refused.exit_code == 2
    assert "Doubled, which is not Keras's own" in refused.output
    done = typed("./m", "--to", "onnx", "--trust", "--output", "a.onnx")
    assert done.exit_code == 0, done.output
    assert left(tmp_path) == {"a.onnx"}


def test_it_is_put_into_the_run_that_has_made_the_model(tmp_path: Path, table: Any) -> None:
    client = stores.client(tmp_path)
    run = client.create_run("0")
    client.log_artifacts(run.info.run_id, str(table[0]), "best")
    done = typed(f"runs:/{run.info.run_id}/best", "--to", "savedmodel", "--output", "a", "--log")
    assert done.exit_code == 0, done.output
    assert {"exports/savedmodel/a/saved_model.pb", "exports/savedmodel/a/preparation.json"} <= stores.files(
        tmp_path, run.info.run_id
    )
    refused = typed(str(table[0]), "--to", "keras", "--output", "b.keras", "--log")
    assert refused.exit_code == 2
    assert "does not name a run; give its id" in refused.output
    assert not (tmp_path / "b.keras").exists()


def test_differences_are_told_by_the_worst_example() -> None:
    known = Preparation("arrays", "multiclass", ("a", "b"))
    one = {"scores": np.array([[1.0, 2.0], [300.0, np.nan]])}
    assert compare(one, {"scores": one["scores"].copy()}, known).largest == 0.0
    found = compare(one, {"scores": np.array([[1.0, 2.0], [303.0, np.nan]])}, known)
    assert (found.largest, found.relative, found.place) == (3.0, 0.01, "scores of example 1")
    assert compare(one, {"scores": np.array([[1.0, 2.0], [300.0, 0.0]])}, known).largest == np.inf
    assert compare(one, {"scores": np.zeros((2, 3))}, known).largest == np.inf
    assert compare(one, {"others": one["scores"]}, known).largest == np.inf
    swapped = compare({"scores": np.array([[0.5, 0.5 + 1e-9]])}, {"scores": np.array([[0.5 + 1e-9, 0.5]])}, known)
    assert (swapped.equal, swapped.labels, swapped.within(1e-3)) == (0, 1, False)


def test_an_input_example_leads_nowhere_out_of_its_folder(table: Any, tmp_path: Path) -> None:
    from tfmlflow.tracking.models import stored_example

    (tmp_path / "secret.json").write_text(json.dumps({"columns": ["a"], "data": [[1]]}))
    (tmp_path / "m").mkdir()
    text = (
        (table[0] / "MLmodel").read_text().replace("artifact_path: input_example.json", "artifact_path: ../secret.json")
    )
    (tmp_path / "m" / "MLmodel").write_text(text)
    assert stored_example.read(table[0]) is not None
    assert stored_example.read(tmp_path / "m") is None
