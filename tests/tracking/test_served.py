"""`tfmlflow serve`: raw rows in, predictions out, nothing of the store's code run, and nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tests import stores, tables
from tests.servers.model_server import ask
from tests.servers.ports import free_port, is_listening, listen
from tests.tracking.test_stored_models import Tells
from tfmlflow.cli import main
from tfmlflow.errors import UsageError
from tfmlflow.models import mlp
from tfmlflow.serving.request import body, curl
from tfmlflow.tracking.models import model_export, served

pytestmark = pytest.mark.xdist_group("export")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored model of a table with texts and gaps, in a folder with a store."""
    folder = tmp_path_factory.mktemp("served")
    stores.ready(folder)
    data = tables.homes(folder, rows=100, gaps=0.3)
    model_export.save_prepared(mlp.build(data), folder / "m", data.test.x[:2], data.prepared_by, data.raw)
    return folder / "m"


def uri(stored: Path) -> str:
    return f"sqlite:///{stored.parent / 'mlflow.db'}"


def test_nothing_that_came_with_the_model_is_run(stored: Path, tmp_path: Path) -> None:
    told, evil = tmp_path / "told", tmp_path / "evil"
    shutil.copytree(stored, evil)
    for file in (evil / "code").rglob("*.py"):
        file.write_text(f"from pathlib import Path\nPath({str(told)!r}).touch()\n" + file.read_text())
    (evil / "data" / "keras_module.txt").write_text("evil_module")
    import cloudpickle

    (evil / "data" / "global_custom_objects.cloudpickle").write_bytes(cloudpickle.dumps({"a": Tells(told)}))
    told.unlink(missing_ok=True)
    (tmp_path / "place").mkdir()
    found = served.prepare(str(evil), uri(stored), tmp_path / "place")
    rows = pd.read_csv(stored.parent / "t.csv")[["area", "city"]]
    function = mlflow.pyfunc.load_model(str(found.folder))
    pd.testing.assert_frame_equal(function.predict(rows), mlflow.pyfunc.load_model(str(stored)).predict(rows))
    assert function.metadata.signature.inputs.input_names() == ["area", "city"]
    assert not told.exists()


def test_a_model_without_a_preparation_is_served_too(stored: Path, tmp_path: Path) -> None:
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    x = np.ones((2, 3), np.float32)
    model_export.save(model, tmp_path / "m", x)
    (tmp_path / "place").mkdir()
    found = served.prepare(str(tmp_path / "m"), uri(stored), tmp_path / "place")
    np.testing.assert_allclose(mlflow.pyfunc.load_model(str(found.folder)).predict(x), model(x), rtol=1e-6)
    assert json.loads(body(found.example) or "") == {"inputs": [[1.0, 1.0, 1.0]]}


def test_what_would_run_code_needs_trust(stored: Path, tmp_path: Path) -> None:
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs))
    mlflow.tensorflow.save_model(model, str(tmp_path / "m"), pip_requirements=[])
    (tmp_path / "place").mkdir()
    with pytest.raises(UsageError, match=r"keras\.layers\.Lambda.*--trust"):
        served.prepare(str(tmp_path / "m"), uri(stored), tmp_path / "place")


def test_a_port_that_is_taken_is_said_before_anything_is_read() -> None:
    port = free_port()
    with listen(port):
        done = CliRunner().invoke(main, ["serve", "0123abcd", "--port", str(port)])
    assert done.exit_code == 2
    assert done.output == f"error: --port {port}: is in use on 127.0.0.1; --port names another, such as {port + 1}\n"


def test_a_request_says_gaps_pictures_and_dates_in_json() -> None:
    row = {"area": np.nan, "image": b"\x89PNG", "when": pd.Timestamp("2026-01-02"), "rooms": np.int64(3), "city": None}
    said = json.loads(body(pd.DataFrame([row], dtype=object)) or "")["dataframe_records"][0]
    assert said == {"area": None, "image": "iVBORw==", "when": "2026-01-02 00:00:00", "rooms": 3, "city": None}
    assert body(None) is None


def test_a_long_request_goes_into_a_file(tmp_path: Path) -> None:
    line = curl("http://127.0.0.1:1", json.dumps({"inputs": [[0.0] * 1000]}), tmp_path)
    assert f"-d @{tmp_path}/request.json" in line
    assert json.loads((tmp_path / "request.json").read_text()) == {"inputs": [[0.0] * 1000]}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_it_answers_what_the_trainer_says_and_leaves_nothing(stored: Path, tmp_path: Path, number: int) -> None:
    port, said = free_port(), tmp_path / "said"
    command = [sys.executable, "-m", "tfmlflow", "serve", str(stored), "--port", str(port), "--uri", uri(stored)]
    with said.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "TMPDIR": str(tmp_path)})
    try:
        deadline = time.monotonic() + 180
        while ("curl " if number == signal.SIGINT else "starting ") not in said.read_text():
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.2)
        if number == signal.SIGINT:
            typed = next(line for line in said.read_text().splitlines() if line.startswith("curl "))
            done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=True, timeout=60)
            assert set(json.loads(done.stdout)["predictions"][0]) > {"prediction", "probability_flat"}
            rows = pd.read_csv(stored.parent / "t.csv")[["area", "city"]].head(20)
            records = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in rows.to_dict("records")]
            given = pd.DataFrame(ask(port, {"dataframe_records": records}))
            expected = mlflow.pyfunc.load_model(str(stored)).predict(rows)
            assert given["prediction"].tolist() == expected["prediction"].tolist()
            np.testing.assert_allclose(given["probability_flat"], expected["probability_flat"], atol=1e-6)
    finally:
        process.send_signal(number)
        code = process.wait(60)
    assert code == 128 + number
    assert said.read_text().splitlines()[-1] == f"stopped by {signal.Signals(number).name}"
    assert not is_listening(port)
    assert not [name for name in tmp_path.iterdir() if name.name.startswith("tfmlflow-serve-")]
    assert not [line for line in _processes() if f"--port {port}" in line or f"--port={port}" in line]


def _processes() -> list[str]:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return found.stdout.splitlines()
