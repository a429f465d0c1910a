"""The same seed in a fresh process: the same weights, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import run

SCRIPT = """
import hashlib
import keras
from tfmlflow.datasets import digits
from tfmlflow.data.augment import geometric
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.hardware import Runtime
from tfmlflow.models import cnn
from tfmlflow import trainer

keras.utils.set_random_seed(3)
data = digits.load(seed=3).limited(300)
model = cnn.build(data, filters=[4, 8], dense_units=[16], dropout=0.2, batch_norm=True)
trainer.fit(
    model, keras.optimizers.Adam(0.01), data, Runtime(("/device:CPU:0",)),
    Pipeline(data.train, 64, 3, geometric(rotation=10, translation=0.1)),
    trainer.Objective.of("val/loss"), 64, epochs=2,
)
print("weights", hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest())
"""


def weights(folder: Path) -> str:
    done = run("-c", SCRIPT, cwd=folder, TF_CPP_MIN_LOG_LEVEL="3")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_two_processes_with_one_seed_end_with_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    assert weights(tmp_path) == weights(tmp_path)
