"""Exports of trained models: size, largest difference from the original, time to load and to predict.

python benchmarks/export.py --data mnist.npz
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
FORMATS = {"keras": "m.keras", "savedmodel": "m", "litert": "m.tflite", "onnx": "m.onnx"}


def houses(file: Path) -> None:
    """A table with texts, dates and gaps."""
    chance, n = np.random.default_rng(0), 2000
    frame = pd.DataFrame(
        {
            "area": np.where(chance.random(n) < 0.1, np.nan, chance.normal(80, 20, n).round(1)),
            "rooms": chance.integers(1, 7, n),
            "city": chance.choice(np.array(["Bonn", "Kiel", "Ulm", None], dtype=object), n),
        }
    )
    frame["price"] = frame.area.fillna(80) * 3 + frame.rooms * 5 + chance.normal(0, 1, n)
    frame.to_csv(file, index=False)


def main() -> None:
    """Train, export, measure, print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="MNIST as an npz file")
    mnist = parser.parse_args().data.resolve()
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        houses(Path("houses.csv"))
        os.environ.update(TFMLFLOW_SPOOL=f"{temporary}/spool", MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false")
        table = ["data=csv", f"data.path={temporary}/houses.csv", "data.label=price"]
        models = {
            "mlp, digits": ["data=digits", "model=mlp"],
            "cnn, MNIST": ["data=mnist", f"data.path={mnist}", "model=cnn", "data.limit=5000"],
            "lstm, digits": ["data=digits", "model=lstm"],
            "mlp, table": table,
        }
        print("| model | format | bytes | largest difference | load ms | first ms | 100 examples ms |")
        print("|---|---|---|---|---|---|---|")
        for name, words in models.items():
            measure(name, words)


def measure(name: str, words: list[str]) -> None:
    """Print the lines of one model."""
    from tfmlflow.cli import main as command
    from tfmlflow.tracking.models import model_import

    env = os.environ | {"PYTHONPATH": str(ROOT)}
    train = [sys.executable, str(ROOT / "train.py"), *words, "trainer.epochs=2", "tracking.system_metrics=false"]
    done = subprocess.run(train, env=env, capture_output=True, text=True, check=True)
    run_id = next(line.split()[-1] for line in done.stdout.splitlines() if line.startswith("run   "))
    data = [word for word in words if word.startswith("data") and "limit" not in word]
    stored = model_import.load(run_id, None)
    shape = tuple(stored.model.input_shape[1:])
    x = np.random.default_rng(0).random((100, *shape), np.float32)
    for to, file in FORMATS.items():
        made = CliRunner().invoke(command, ["export-model", run_id, "--to", to, "--output", file, "--force", *data])
        if made.exit_code:
            print(f"| {name} | {to} | {made.output.strip()} | | | | |")
            continue
        lines = made.output.splitlines()
        size = next(line for line in lines if " bytes" in line).split("  ")[1].split(" ")[0]
        largest = next(line for line in lines if "largest" in line).split("largest difference ")[1].split(",")[0]
        load, first, many = timed(to, Path(file), x)
        print(f"| {name} | {to} | {size} | {largest} | {load:.0f} | {first:.1f} | {many:.1f} |", flush=True)


def timed(to: str, place: Path, x: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    """Milliseconds to load an export, to ask it first, and, the middle of 20 turns, to ask it for all examples."""
    from tfmlflow.export import formats

    began = time.perf_counter()
    ask = formats.read(to, place, None)
    loaded = time.perf_counter()
    ask({"input": x[:1]})
    first, took = time.perf_counter(), []
    ask({"input": x})  # once for the shape
    for _ in range(20):
        turn = time.perf_counter()
        ask({"input": x})
        took.append(time.perf_counter() - turn)
    return 1000 * (loaded - began), 1000 * (first - loaded), 1000 * sorted(took)[10]


if __name__ == "__main__":
    main()
