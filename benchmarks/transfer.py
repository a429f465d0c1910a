"""Frozen, phased and from scratch: what a base that was trained on other pictures is worth on a few of one's own.

    python benchmarks/transfer.py --data mnist.npz --base MobileNet

The base is trained here on MNIST's digits 0 to 4, saved as a file of weights, and loaded from it by its path, as
`model=pretrained model.base=... model.weights=<file>` does. The task is digits 5 to 9, of which there are few. All ways
have the same epochs, batches, rates and seeds.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
from rich.console import Console

from tfmlflow import trainer
from tfmlflow.data import Data
from tfmlflow.data.pipeline import Pipeline
from tfmlflow.data.splits import from_arrays
from tfmlflow.hardware import Runtime
from tfmlflow.models import base, pretrained
from tfmlflow.models.units import weighted

CPU = Runtime(("/device:CPU:0",))
SIZE = (32, 32)
RATE = 1e-3  # of Adam
BASES: dict[str, dict[str, Any]] = {  # arguments, what the second phase trains, and the rate of all of it by RATE
    "MobileNet": {"arguments": {"alpha": 0.25}, "layers": ["conv_dw_12", "conv_pw_12", "conv_*w_13"], "whole": 1.0},
    "VGG16": {"arguments": {}, "layers": ["block5"], "whole": 0.1},
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="MNIST as an npz file")
    options.add_argument("--base", choices=list(BASES), default="MobileNet")
    options.add_argument("--source", type=int, default=3000, help="pictures that the base is trained on")
    options.add_argument("--source-epochs", type=int, default=3)
    options.add_argument("--pictures", type=int, default=200, help="of the task, to train on")
    options.add_argument("--test", type=int, default=500)
    options.add_argument("--epochs", type=int, default=8)
    options.add_argument("--batch", type=int, default=20)
    options.add_argument("--seeds", type=int, default=3)
    given = options.parse_args()
    chosen = BASES[given.base]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "base.weights.h5"
        source = digits(given.data, range(5), given.source, 300, 0)
        whole = [{"epoch": 1, "layers": given.base.lower(), "factor": chosen["whole"]}]
        model, fitted = trained(source, given.base, None, given.source_epochs, 0, 32, whole)
        reached = trainer.evaluate(model, source.test, 64)["accuracy"]
        model.get_layer(index=[isinstance(one, keras.Model) for one in model.layers].index(True)).save_weights(file)
        print(f"{given.base}: {given.source:,} pictures of 0 to 4, {fitted.epochs} epochs, accuracy {reached:.3f}")
        middle = given.epochs // 2 + 1
        phases = [{"epoch": middle, "layers": chosen["layers"], "factor": 0.1}]
        ways: dict[str, tuple[Path | None, list[dict[str, Any]]]] = {
            "from scratch": (None, whole),
            "frozen": (file, []),
            f"phased, from epoch {middle}": (file, phases),
        }
        print("| way | trained parameters | test accuracy, by seed | mean | seconds a run |\n|---|---|---|---|---|")
        for name, (weights, unfreeze) in ways.items():
            found, seconds, counts = [], [], list[int]()
            for seed in range(given.seeds):
                data = digits(given.data, range(5, 10), given.pictures, given.test, seed)
                begun = time.monotonic()
                model, _ = trained(data, given.base, weights, given.epochs, seed, given.batch, unfreeze)
                seconds.append(time.monotonic() - begun)
                found.append(trainer.evaluate(model, data.test, 64)["accuracy"])
                counts.append(sum(int(np.prod(one.shape)) for one in model.trainable_weights))
            shown = ", ".join(f"{one:.3f}" for one in found)
            print(f"| {name} | {counts[0]:,} | {shown} | {np.mean(found):.3f} | {np.mean(seconds):.0f} |", flush=True)


def digits(file: Path, classes: Sequence[int], pictures: int, test: int, seed: int) -> Data:
    """Some of MNIST's pictures of some digits, uint8 (28, 28, 1)."""
    with np.load(file) as found:
        parts = [(found["x_train"], found["y_train"], pictures), (found["x_test"], found["y_test"], test)]
    chosen = []
    for part, (x, y, count) in enumerate(parts):
        places = np.random.default_rng((seed, part)).permutation(np.flatnonzero(np.isin(y, classes)))[:count]
        chosen.append((x[places][..., None], y[places] - min(classes)))
    (x, y), held = chosen
    return from_arrays("digits", x, y, test=held, task="multiclass", validation_share=0.2, seed=seed)


def trained(
    data: Data,
    name: str,
    weights: Path | None,
    epochs: int,
    seed: int,
    batch_size: int,
    unfreeze: Sequence[dict[str, Any]] = (),
) -> tuple[keras.Model, trainer.Fitted]:
    """As `train.py model=pretrained` trains it, without a run."""
    keras.utils.set_random_seed(seed)
    keys = {"base": name, "weights": None if weights is None else str(weights), "size": SIZE}
    start = base.prepare(data, missing, arguments=BASES[name]["arguments"], **keys)
    model = pretrained.build(data, size=SIZE, prepared=start)
    assert weights is None or not any(one.trains for one in weighted(start.base))
    plan = [trainer.Phases(trainer.Unfreezing.all_of(unfreeze, RATE))] if unfreeze else []
    fitted = trainer.loop(
        model,
        keras.optimizers.Adam(RATE),
        data,
        CPU,
        Pipeline(data.train, batch_size, seed, None, classes=data.classes),
        trainer.Objective.of("val/accuracy", "max"),
        batch_size,
        plan,
        console=Console(file=io.StringIO()),
        epochs=epochs,
    )
    return model, fitted


def missing(reference: str) -> keras.Model:
    raise ValueError(reference)


if __name__ == "__main__":
    main()
