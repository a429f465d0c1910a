"""Names and values that nobody expects arrive, or arrive made legal."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from tests import stores
from tests.chaos import truth
from tests.chaos.script import Script, Store, eventually, said_by_shipper, stored_steps

ODD = [
    "acc@1",
    "../../etc/hosts",
    "/etc/motd",
    "two\nlines",
    "<script>alert('x')</script>",
    "long " * 60,
    "x" * 249 + "/" + "y" * 50,  # cut to 250 characters it ends with a slash
    "..",
    "größe",
    "a//b",
    "50%",
]

NAMES = """
import json, sys
from pathlib import Path
import keras, numpy as np, tfmlflow

odd = json.loads(sys.argv[1])

class Logs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs.update({name: float(i) for i, name in enumerate(odd)})

class Odd(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        session = callback.session
        for i, name in enumerate(odd):
            session.params({name: f"param {i}"})
            session.tags({name: f"tag {i}"})
            session.text(name, f"marker of a text {i}", "texts")
            session.text(f"{i}.txt", f"marker of a folder {i}", name)
        file = Path("ha#lf?.txt")
        file.write_text("marker of a file")
        session.artifact(file, "../../../files", keep=True)

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(1e-4), "mse")
callback = tfmlflow.TrackingCallback("loss", run_name=sys.argv[2], system_metrics=False, log_model=False)
model.fit(x, x.sum(1), epochs=2, verbose=0, callbacks=[Logs(), callback, Odd()])
"""


@pytest.mark.slow
def test_odd_names_arrive_legal_and_nothing_leaves_its_folder(tmp_path: Path) -> None:
    run_name = "<script>\n" + "../" * 100
    with Script(tmp_path / "a" / "b" / "c" / "run", NAMES, json.dumps(ODD), run_name) as script:
        assert script.ended() == 0, script.errors
        eventually(lambda: script.run.info.status == "FINISHED", 20, lambda: said_by_shipper(script))
        run = script.run
        metrics = {key: script.client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
        files = stores.files(script.store, run.info.run_id)
        artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
        lost = []
        for i, name in enumerate(ODD):
            keys = [key for key, history in metrics.items() if [point.value for point in history] == [float(i)] * 2]
            lost += [f"metric {name!r}: {keys}"] if len(keys) != 1 else []
            lost += [f"param {name!r}"] if f"param {i}" not in run.data.params.values() else []
            lost += [f"tag {name!r}"] if f"tag {i}" not in run.data.tags.values() else []
            for what in (f"marker of a text {i}", f"marker of a folder {i}"):
                holding = [path for path in files if (artifacts / path).read_bytes() == what.encode()]
                lost += [f"{what}, {name!r}: {holding}"] if len(holding) != 1 else []
        assert lost == [], said_by_shipper(script)
        assert "files/ha_lf_.txt" in files
        assert "tfmlflow.incomplete" not in run.data.tags, run.data.tags["tfmlflow.incomplete"]
        assert len(run.info.run_name) <= 250, "more than a PostgreSQL store takes"
        assert run.info.run_name.startswith("<script>")
    inside = (artifacts, script.spool)
    for file in tmp_path.rglob("*"):
        if file.is_file() and file.name != "ha#lf?.txt" and not any(place in file.parents for place in inside):
            assert b"marker of a" not in file.read_bytes() or file.suffix == ".txt", file
            assert file.name not in ("hosts", "motd"), file


EPOCHS = """
import importlib.abc, math, sys

class NoTensorBoard(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorboard":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTensorBoard())
import keras, numpy as np, tfmlflow

ODD = [math.nan, math.inf, -math.inf, 1.0]

class Logs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["odd"] = ODD[epoch % 4]

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(1e-3), "mse", metrics=["mae"])
callback = tfmlflow.TrackingCallback(system_metrics=False, keep_last=2)
model.fit(x, x.sum(1), epochs=100, validation_split=0.5, verbose=0, callbacks=[Logs(), callback])
assert "tensorboard" not in sys.modules
"""


@pytest.mark.stress
@pytest.mark.slow
def test_100_epochs_with_nan_and_infinity_and_without_tensorboard(tmp_path: Path, new_store: Store) -> None:
    with Script(new_store(tmp_path / "run"), EPOCHS) as script:
        assert script.ended() == 0, script.errors
        truth.wait_delivered(script.spool)
        run = truth.assert_true(script.client, script.run_folder)
        for key in ("train/loss", "train/mae", "val/loss", "val/mae"):
            assert stored_steps(script, key) == list(range(1, 101))
        odd = sorted(script.client.get_metric_history(run.info.run_id, "train/odd"), key=lambda point: point.step)
        assert [math.isnan(point.value) for point in odd] == [True, False, False, False] * 25
        largest = sys.float_info.max  # as MLflow keeps infinity
        assert [point.value for point in odd if not math.isnan(point.value)] == [largest, -largest, 1.0] * 25
        assert len(truth.logged_models(script.client, run)) == 1
        assert script.errors == ""
