"""A stored model takes raw examples and gives labels and probabilities by name, where tfmlflow is not installed too."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.servers.model_server import ask, serving
from tfmlflow.data.record import Data
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets import csv, images
from tfmlflow.models import mlp
from tfmlflow.predictor import dates
from tfmlflow.predictor.columns import Column
from tfmlflow.predictor.predictor import Predictor
from tfmlflow.predictor.preparation import Preparation, Unfit
from tfmlflow.tracking.models import model_export

ROWS = 120


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with whole numbers, gaps, text, dates and truth values."""
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": chance.integers(18, 80, ROWS),
            "income": np.where(chance.random(ROWS) < 0.1, np.nan, chance.normal(3e4, 1e4, ROWS)),
            "city": chance.choice(np.array(["Bonn", "Kiel", "Ulm", None], dtype=object), ROWS),
            "joined": (pd.Timestamp("2020-01-01") + pd.to_timedelta(chance.integers(0, 1500, ROWS), unit="D")).strftime(
                "%Y-%m-%d"
            ),
            "member": chance.random(ROWS) < 0.5,
            "tree": chance.choice(["oak", "elm", "fir"], ROWS),
        }
    )
    file = tmp_path_factory.mktemp("rows") / "t.csv"
    frame.to_csv(file, index=False)
    return file


def stored(data: Data, folder: Path, model: keras.Model | None = None) -> Any:
    """The model of `data` in MLflow's format, as a Python function."""
    model = model or mlp.build(data)
    example = np.asarray(data.test.x[:1] if data.test.decode is None else np.zeros((1, *data.input_shape)), np.float32)
    model_export.save_prepared(model, folder, example, data.prepared_by, data.raw)
    return mlflow.pyfunc.load_model(str(folder))


@pytest.fixture(scope="module")
def table(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Data, Path, Any]:
    data = csv.load(str(rows), "tree")
    folder = tmp_path_factory.mktemp("table") / "model"
    return data, folder, stored(data, folder)


def test_raw_rows_give_what_the_network_gives_for_prepared_ones(table: Any, rows: Path) -> None:
    data, folder, function = table
    frame = pd.read_csv(rows)
    given = function.predict(frame)
    prepared = data.preparation.rows(frame)
    network = mlflow.tensorflow.load_model(str(folder)).predict(prepared, verbose=0)
    names = [f"probability_{name}" for name in ("elm", "fir", "oak")]
    np.testing.assert_allclose(given[names].to_numpy(), network, rtol=1e-5, atol=1e-7)
    assert given["prediction"].tolist() == [data.class_names[place] for place in network.argmax(axis=1)]


@pytest.mark.parametrize(
    "row",
    [
        {"age": 30, "income": 1.0, "city": "Ulm", "joined": "2021-01-01", "member": True},
        {"age": 30.5, "income": None, "city": None, "joined": None, "member": False},
        {"age": None, "income": 3, "city": "Rom", "joined": pd.Timestamp("2031-01-01"), "member": None},
        {"member": 1, "joined": "2021-01-01 10:00", "city": "", "income": float("nan"), "age": "31"},
    ],
    ids=["whole", "gaps", "strange", "turned"],
)
def test_a_row_may_have_gaps_and_what_no_training_row_had(table: Any, row: dict[str, Any]) -> None:
    given = table[2].predict(pd.DataFrame([row]))
    assert given.shape == (1, 4)
    assert given["prediction"][0] in ("elm", "fir", "oak")
    assert given.iloc[0, 1:].sum() == pytest.approx(1.0)


def test_the_rows_keep_their_index_and_none_gives_none(table: Any, rows: Path) -> None:
    frame = pd.read_csv(rows).set_index(pd.Index([f"row {n}" for n in range(ROWS)])).iloc[3:5]
    assert [*table[2].predict(frame).index] == ["row 3", "row 4"]
    assert len(table[2].predict(frame.iloc[:0])) == 0


def test_what_does_not_fit_is_named(table: Any, rows: Path) -> None:
    frame = pd.read_csv(rows)
    with pytest.raises(Exception, match=r"column 'age' holds text \('old'\)"):
        table[2].predict(frame.assign(age="old"))
    with pytest.raises(Exception, match=r"missing inputs \['age'\]"):
        table[2].predict(frame.drop(columns="age"))


def test_the_signature_and_the_example_show_raw_rows(table: Any) -> None:
    _, folder, function = table
    signature = function.metadata.signature
    assert signature.inputs.input_names() == ["age", "income", "city", "joined", "member"]
    assert signature.outputs.input_names() == ["prediction", *(f"probability_{c}" for c in ("elm", "fir", "oak"))]
    assert isinstance(function.input_example, pd.DataFrame)
    assert "code" in {path.name for path in folder.iterdir()}
    assert "pandas==" in (folder / "requirements.txt").read_text()


USE = """
import json, sys
sys.modules["tfmlflow"] = None
import mlflow, pandas
function = mlflow.pyfunc.load_model(sys.argv[1])
print(json.dumps(function.predict(pandas.read_csv(sys.argv[2]))["prediction"].tolist()))
"""


@pytest.mark.slow
def test_it_needs_no_tfmlflow(table: Any, rows: Path) -> None:
    _, folder, function = table
    done = subprocess.run(
        [sys.executable, "-c", USE, str(folder), str(rows)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == function.predict(pd.read_csv(rows))["prediction"].tolist()


@pytest.mark.slow
def test_mlflow_serves_it(table: Any, tmp_path: Path) -> None:
    _, folder, function = table
    with serving(str(folder), tmp_path) as port:
        answer = ask(port, json.loads((folder / "serving_input_example.json").read_text()))
        expected = function.predict(function.input_example)["prediction"].tolist()
        assert [one["prediction"] for one in answer] == expected
        gaps = {"age": 33, "income": None, "city": "Rom", "joined": None, "member": True}
        (one,) = ask(port, {"dataframe_records": [gaps]})
        assert set(one) == {"prediction", "probability_elm", "probability_fir", "probability_oak"}


def picture(color: tuple[int, int, int], size: tuple[int, int] = (9, 7), form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, color).save(stream, form)
    return stream.getvalue()


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model of pictures that tells red from green, made by hand."""
    root = tmp_path_factory.mktemp("pictures")
    for name in ("green", "red"):
        (root / name).mkdir()
        for number in range(20):
            shade = 150 + 5 * number
            (root / name / f"{number}.png").write_bytes(picture((shade, 0, 0) if name == "red" else (0, shade, 0)))
    data = images.load(str(root), size=(4, 5))
    inputs = keras.Input((4, 5, 3))
    means = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid", name="red")(means))
    model.get_layer("red").set_weights([np.array([[9.0], [-9.0], [0.0]]), np.zeros(1)])
    return stored(data, root / "model", model)


@pytest.mark.parametrize("form", ["bytes", "jpeg", "array", "size"])
def test_encoded_pictures_and_pixels_are_taken(looked: Any, form: str) -> None:
    colors = [(200, 10, 10), (10, 200, 10)]
    cells: list[Any] = {
        "bytes": [picture(color) for color in colors],
        "jpeg": [picture(color, form="JPEG") for color in colors],
        "array": [np.full((9, 7, 3), color, np.uint8) for color in colors],
        "size": [picture(color, (300, 200)) for color in colors],
    }[form]
    given = looked.predict(pd.DataFrame({"image": cells}))
    assert given["prediction"].tolist() == ["red", "green"]
    assert given["probability_red"][0] == pytest.approx(1 / (1 + np.exp(-9 * 190 / 255)), abs=2e-3)
    np.testing.assert_allclose(given["probability_red"] + given["probability_green"], 1.0)


def test_a_broken_picture_is_named(looked: Any) -> None:
    with pytest.raises(Exception, match="picture 1: neither JPEG, PNG, BMP, GIF nor an array"):
        looked.predict(pd.DataFrame({"image": [picture((1, 2, 3)), b"no picture"]}))


def test_pixels_are_scaled_as_in_the_training(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (40, 3, 3, 1), np.uint8)
    data = from_arrays("pixels", x, np.arange(40) % 2, task="binary", class_names=("even", "odd"))
    model = mlp.build(data)
    function = stored(data, tmp_path / "model", model)
    np.testing.assert_allclose(
        function.predict(x)["probability_odd"], model(x.astype(np.float32) / 255.0).numpy()[:, 0], rtol=1e-5
    )


class Fixed:
    """A model whose outputs are known."""

    def __init__(self, *outputs: list[float]) -> None:
        self.outputs = np.array(outputs)

    def predict(self, x: Any, verbose: int) -> Any:
        """The outputs."""
        return self.outputs[: len(x)]


@pytest.mark.parametrize(
    ("task", "scores", "outputs", "expected"),
    [
        ("multiclass", "probabilities", [0.2, 0.7, 0.1], {"prediction": "b", "probability_b": 0.7}),
        ("multiclass", "logits", [0.0, np.log(3.0), -99.0], {"prediction": "b", "probability_b": 0.75}),
        ("multiclass", "scores", [5.0, 1.0, 7.0], {"prediction": "c", "score_c": 7.0}),
        ("multiclass", "probabilities", [np.nan, 0.7, 0.1], {"prediction": None}),
        ("regression", "probabilities", [3.5], {"prediction": 3.5}),
        ("regression", "probabilities", [3.5, 4.5], {"prediction_0": 3.5, "prediction_1": 4.5}),
    ],
)
def test_outputs_are_named_for_what_they_are(
    task: str, scores: str, outputs: list[float], expected: dict[str, Any]
) -> None:
    preparation = Preparation("arrays", task, ("a", "b", "c"), scores=scores)
    given = Predictor(Fixed(outputs), preparation).predict(np.zeros((1, 2)))
    found = {name: given[name][0] for name in expected}
    assert found == {
        name: value if isinstance(value, str | None) else pytest.approx(value) for name, value in expected.items()
    }


@pytest.mark.parametrize(("scores", "output", "second"), [("probabilities", 0.8, 0.8), ("logits", np.log(4.0), 0.8)])
def test_a_binary_output_is_the_second_class(scores: str, output: float, second: float) -> None:
    preparation = Preparation("arrays", "binary", ("no", "yes"), scores=scores)
    given = Predictor(Fixed([output]), preparation).predict(np.zeros((1, 2)))
    assert given["prediction"][0] == "yes"
    assert given["probability_yes"][0] == pytest.approx(second)
    assert given["probability_no"][0] == pytest.approx(1 - second)


def test_logits_are_known_by_the_loss_and_scores_by_their_values(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(0, 9, (60, 3)).astype(np.float32)
    data = from_arrays("rows", x, np.arange(60) % 3, task="multiclass")
    found = {}
    for name, loss in {"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "scores": "mse"}.items():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, kernel_initializer="ones")])
        model.compile("sgd", loss)
        stored(data, tmp_path / name, model)
        read = Preparation.read(tmp_path / name)
        assert read is not None
        found[name] = read.scores
    assert found == {"logits": "logits", "scores": "scores"}


def test_dates_are_days_and_what_comes_again() -> None:
    values = pd.Series(["2020-01-01", "2020-01-03", None], name="when")
    assert dates.written(values) == dates.ISO
    column = Column.of_numbers(values, dates.ISO)
    assert column.names == ["when", "when is missing", "when weekday sin", "when weekday cos"]
    prepared = column.prepared(values)
    np.testing.assert_allclose(prepared[:, 0] * column.deviation, [-1.0, 1.0, 0.0], atol=1e-5)
    turn = 2 * np.pi * np.array([2, 4]) / 7  # a Wednesday and a Friday
    np.testing.assert_allclose(prepared[:2, 2:], np.stack([np.sin(turn), np.cos(turn)], axis=1), atol=1e-6)
    np.testing.assert_array_equal(prepared[2, 2:], [0, 0])
    later = column.prepared(pd.Series(["2020-01-05T12:00"], name="when"))[0, 0] * column.deviation
    assert later == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("values", "form", "days"),
    [
        (["26.11.2026", "1.2.2027"], "%d.%m.%Y", [20783, 20850]),
        (["26.11.2026 18:00", "1.2.2027 06:00"], "%d.%m.%Y %H:%M", [20783.75, 20850.25]),
        (["11/26/2026", "02/01/2027"], "%m/%d/%Y", [20783, 20850]),
        (["26/11/2026", "01/02/2027"], "%d/%m/%Y", [20783, 20850]),
        (["2026/11/26", "2027/2/1"], "%Y/%m/%d", [20783, 20850]),
        (["03/04/2026", "05/06/2026"], None, []),
    ],
)
def test_dates_are_read_as_they_are_written_where_that_can_be_told(
    values: list[str], form: str | None, days: list[float]
) -> None:
    column = pd.Series(values)
    assert dates.written(column) == form
    if form is not None:
        np.testing.assert_allclose(dates.days(column, form), days)
        np.testing.assert_array_equal(np.sign(dates.turns(np.array(days), "month")[0]), [-1, 1])  # November
        assert dates.cycles(np.array(days))[:2] == ("month", "weekday")


def test_dates_that_are_written_otherwise_than_in_training_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    column = Column.of_numbers(pd.Series(["26.11.2026", "01.12.2026"], name="when"), "%d.%m.%Y")
    preparation = Preparation("table", "regression", columns=(column,))
    with caplog.at_level(logging.WARNING):
        preparation.rows(pd.DataFrame({"when": ["2026-11-26", "27.11.2026", None]}), "new.csv")
    assert "new.csv: column 'when': 1 of 3 rows hold no date as %d.%m.%Y has it" in caplog.text


@pytest.mark.parametrize("values", [["2020-01-01", "soon"], ["12", "13"], [1, 2], ["2020-13-45"], [None, None]])
def test_what_is_no_date_is_none(values: list[Any]) -> None:
    assert dates.written(pd.Series(values)) is None


def test_whole_numbers_as_categories_are_the_same_beside_a_gap() -> None:
    column = Column.of_text(pd.Series([5, 7, 7], name="zip"))
    np.testing.assert_array_equal(column.prepared(pd.Series([5.0, None], name="zip"))[0], [0, 0, 1])


def test_a_model_that_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="has no preparation"):
        Predictor.of(tmp_path)


def test_a_linear_output_is_no_probability_by_accident(tmp_path: Path) -> None:
    x = np.full((40, 2), 0.25, np.float32)
    data = from_arrays("rows", x, np.arange(40) % 2, task="binary", class_names=("no", "yes"))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])  # gives 0.5
    model.compile("sgd", "mse")
    assert [*stored(data, tmp_path / "model", model).predict(x[:1]).columns] == ["prediction", "score_yes"]


def test_what_is_no_pixel_is_not_taken_for_one(looked: Any) -> None:
    with pytest.raises(Exception, match="values from 0 to 300; pixels go from 0 to 255"):
        looked.predict(pd.DataFrame({"image": [np.arange(63).reshape(7, 3, 3) * 0 + [0, 150, 300]]}))


def test_dates_are_no_numbers() -> None:
    with pytest.raises(ValueError, match="column 'age' holds dates"):
        Column("age").prepared(pd.Series(pd.to_datetime(["2020-01-01"]), name="age"))


def test_texts_go_in_as_they_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = pd.DataFrame({"review": ["a fine film", "a poor film"] * 20, "stars": ["good", "bad"] * 20})
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = csv.load(str(tmp_path / "t.csv"), "stars", text="review", length=5)
    model = mlp.build(data, embedding=4)
    model_export.save_prepared(model, tmp_path / "stored", data.test.x[:1], data.prepared_by, data.raw)
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "stored"))
    given = pd.DataFrame({"review": ["A POOR film!", "unheard of", ""], "other": [1, 2, 3]}, index=[7, 8, 9])
    predicted = loaded.predict(given[["review"]])
    assert list(predicted.index) == [7, 8, 9]
    assert set(predicted["prediction"]) <= {"bad", "good"}
    words = np.array([[0, 0, *_numbers(data, "a", "poor", "film")], [0, 0, 0, 1, 1], [0] * 5], np.int32)
    np.testing.assert_allclose(predicted["probability_good"], np.asarray(model(words))[:, 0], atol=1e-6)
    assert "1 of 3 texts have no word in them" in caplog.text
    preparation = Preparation.read(tmp_path / "stored")
    assert preparation is not None
    assert preparation.words == data.prepared_by.words
    plain = Predictor(model, preparation)
    np.testing.assert_array_equal(plain.prepared(["A POOR film!", "unheard of", ""]), words)
    with pytest.raises(Unfit, match="the column 'review' of the texts is missing; it has text"):
        plain.prepared(pd.DataFrame({"text": ["a"]}))
    with pytest.raises(Unfit, match="text 0: is 5, a int; it must be text"):
        plain.prepared([5])


def _numbers(data: Data, *words: str) -> list[int]:
    return [data.prepared_by.words.index(word) + 2 for word in words]
