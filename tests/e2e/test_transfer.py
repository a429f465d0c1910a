"""`model=pretrained` as it is typed: phases in one run, going on with it, a stored model that sees pictures."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests import stores
from tests.conftest import ROOT, run
from tfmlflow.datasets import images

pytestmark = pytest.mark.xdist_group("transfer")

TYPED = (
    *("model=pretrained", "model.weights=net.keras", "data=images", "data.path=pictures", "data.size=[16,16]"),
    *("data.batch_size=8", "trainer.unfreeze=[{epoch: 2, layers: conv_2, learning_rate: 1e-2}]"),
    *("optimizer.learning_rate=0.02", "tracking.system_metrics=false"),
)


def trained(folder: Path, out: str, epochs: int, **environment: str) -> str:
    """What the training has printed."""
    typed = (*TYPED, f"trainer.epochs={epochs}", f"hydra.run.dir={folder / out}")
    done = run(str(ROOT / "train.py"), *typed, cwd=folder, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of three shades, a network that was stored, and a training of four epochs."""
    folder = tmp_path_factory.mktemp("transfer")
    stores.ready(folder)
    rng = np.random.default_rng(0)
    for shade in (40, 120, 200):
        (folder / "pictures" / f"shade-{shade}").mkdir(parents=True)
        for number in range(20):
            pixels = np.clip(rng.normal(shade, 30, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / f"shade-{shade}" / f"{number}.png")
    keras.utils.set_random_seed(3)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv_1")(inputs)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv_2")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    keras.Model(inputs, keras.layers.Dense(7, name="old_head")(x), name="net").save(folder / "net.keras")
    (folder / "said").write_text(trained(folder, "whole", 4))
    return folder


def history(folder: Path, key: str) -> list[float]:
    client, found = stores.client(folder), stores.only_run(folder)
    return [point.value for point in client.get_metric_history(found.info.run_id, key)]


def test_phases_are_marked_in_one_run(folder: Path) -> None:
    said, found = (folder / "said").read_text(), stores.only_run(folder)
    assert "net of net.keras up to its layer pool\n15 of its parameters are trained from the first epoch" in said
    assert "phase 1 of 2: 15 of 275 parameters are trained" in said
    assert "phase 2 of 2: conv_2 at 0.5 of the learning rate from epoch 2; 163 of 275 parameters are trained" in said
    params = found.data.params
    assert (params["phase.1.frozen_parameters"], params["phase.2.trained_parameters"]) == ("260", "163")
    assert (params["phase.2.layers"], params["phase.2.learning_rate_factor"]) == ("conv_2", "0.5")
    assert len(params["model.weights_sha256"]) == 64
    assert history(folder, "phase/number") == [1, 2, 2, 2]
    assert history(folder, "phase/trained_parameters") == [15, 163, 163, 163]
    assert len(history(folder, "val/loss")) == 4


def test_the_stored_model_sees_pictures_as_the_training_has_seen_them(folder: Path) -> None:
    found = stores.only_run(folder)
    data = images.load(str(folder / "pictures"), (16, 16))
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    model = mlflow.pyfunc.load_model(f"runs:/{found.info.run_id}/best")
    rows = pd.DataFrame({"image": [Path(str(file)).read_bytes() for file in np.asarray(data.test.x)]})
    given = model.predict(rows)
    chances = given[[f"probability_{name}" for name in data.class_names]].to_numpy()
    right = chances[np.arange(len(data.test)), data.test.y]
    assert -np.log(right).mean() == pytest.approx(found.data.metrics["test/loss"], rel=1e-4)


def last(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Variables of the last checkpoint, and what it says of itself."""
    with np.load(max((folder / "checkpoints").glob("step-*.npz"))) as stored:
        about = json.loads(stored["about"].tobytes())
        return {key: stored[key] for key in stored if key != "about"}, about


def test_it_is_gone_on_with_in_its_phase_to_the_same_weights(folder: Path, tmp_path: Path) -> None:
    whole, about = last(folder / "whole")
    assert (about["phase"]["number"], about["phase"]["layers"]) == (2, ["conv_2"])
    stores.ready(tmp_path)
    for name in ("net.keras", "pictures"):
        (tmp_path / name).symlink_to(folder / name)
    began = str(time.time())
    trained(tmp_path, "out", 2)
    trained(tmp_path, "out", 4, TFMLFLOW_GO_ON=began)
    again, _ = last(tmp_path / "out")
    assert again.keys() == whole.keys()
    for key, value in whole.items():
        np.testing.assert_array_equal(again[key], value, err_msg=key)
