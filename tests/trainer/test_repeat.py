"""The same seed: the same losses and weights, bit for bit, with dropout and augmentation, whoever takes the steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import stores
from tests.conftest import Command, run

SCRIPT = """
import hashlib, sys
import keras
import tensorflow as tf
way = sys.argv[1]
tf.config.threading.set_inter_op_parallelism_threads(int(sys.argv[2]))  # which prepare batches
tf.config.threading.set_intra_op_parallelism_threads(2)  # by whose number sums are rounded
from tfmlflow.datasets import digits
from tfmlflow.data.augment import geometric
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.hardware import Runtime
from tfmlflow.models import cnn
from tfmlflow import trainer

keras.utils.set_random_seed(3)
data = digits.load(seed=3).limited(300)
model = cnn.build(data, filters=[4, 8], dense_units=[16], dropout=0.2, batch_norm=True)
told = lambda epoch, logs: print("losses", logs["loss"], logs["val_loss"])
losses = keras.callbacks.LambdaCallback(on_epoch_end=told)
getattr(trainer, way)(
    model, keras.optimizers.Adam(0.01), data, Runtime(("/device:CPU:0",)),
    Pipeline(data.train, 64, 3, geometric(rotation=10, translation=0.1)),
    trainer.Objective.of("val/loss"), 64, [losses], epochs=2, progress="none",
)
print("weights", hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest())
"""


def said(folder: Path, way: str = "fit", threads: int = 2) -> list[str]:
    """Losses of the epochs, and the digest of the weights."""
    done = run("-c", SCRIPT, way, str(threads), cwd=folder, TF_CPP_MIN_LOG_LEVEL="3")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith(("losses", "weights"))]
    assert len(lines) == 3, done.stdout
    return lines


@pytest.mark.slow
def test_processes_threads_and_ways_to_train_make_no_difference(tmp_path: Path) -> None:
    first = said(tmp_path)
    assert said(tmp_path, threads=1) == first  # of another process
    assert said(tmp_path, "loop") == first


@pytest.mark.slow
@pytest.mark.usefixtures("ready_store")
def test_the_place_in_a_sweep_makes_no_difference(train: Command, tmp_path: Path) -> None:
    """Jobs of one process, one after the other, and a run alone."""
    words = ("trainer.epochs=2", "data.limit=300", "model.dropout=0.3", "tracking.log_model=false")
    done = train("-m", "seed=5,9", *words)
    assert done.returncode == 0, done.stderr
    alone = tmp_path / "alone"
    alone.mkdir()
    done = train("seed=9", *words, cwd=alone)
    assert done.returncode == 0, done.stderr
    (last,) = (one for one in stores.runs(tmp_path) if one.data.params.get("seed") == "9")
    for key in ("train/loss", "val/loss", "test/loss"):
        assert last.data.metrics[key] == stores.only_run(alone).data.metrics[key], key
