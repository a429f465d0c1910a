"""Trains experiment=mnist_cnn with three optimizers and three seeds and writes the table of docs/results.md.

    python benchmarks/mnist_optimizers.py --data ../shared/data/mnist.npz

Every run is a command as a user types it, in a process of its own; the figures are read from the MLflow store.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OPTIMIZERS = ("adam", "sgd", "rmsprop")
PUBLISHED = {"adam": "99.2 / 98.9", "sgd": "98.7 / 98.4", "rmsprop": "98.9 / 98.6"}
START, END = "<!-- mnist_optimizers: start -->", "<!-- mnist_optimizers: end -->"


def main() -> None:
    """Run what is not in the store yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="MNIST as an npz file")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tfmlflow-mnist")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs" / "results.md")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    rows = [
        trained(optimizer, seed, arguments.data.resolve(), arguments.folder)
        for seed in range(arguments.seeds)
        for optimizer in OPTIMIZERS
    ]
    write(arguments.docs, table(rows))


def trained(optimizer: str, seed: int, data: Path, folder: Path) -> dict[str, float | str]:
    """The figures of one run; run it if they are not in `folder` yet."""
    file = folder / f"{optimizer}-{seed}.json"
    if not file.exists():
        store = f"sqlite:///{folder / 'mlflow.db'}"
        command = [sys.executable, str(ROOT / "train.py"), "experiment=mnist_cnn", f"optimizer={optimizer}"]
        command += [
            f"data.path={data}",
            f"seed={seed}",
            f"tracking.uri={store}",
            "tracking.experiment=mnist_optimizers",
        ]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(command, check=True, cwd=folder)
        wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        file.write_text(
            json.dumps({"optimizer": optimizer, "seed": seed, "wall": wall, "cpu": cpu} | read(store, data))
        )
    figures: dict[str, float | str] = json.loads(file.read_text())
    print(figures, flush=True)
    return figures


def read(store: str, data: Path) -> dict[str, float]:
    """Test accuracy and best epoch of the newest run, and its best model's accuracy on all 60,000 training images."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import mlflow
    import numpy as np

    mlflow.set_tracking_uri(store)
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("mnist_optimizers")
    run = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"], max_results=1)[0]
    model = mlflow.tensorflow.load_model(f"models:/{run.outputs.model_outputs[0].model_id}")
    with np.load(data) as arrays:
        x, y = arrays["x_train"], arrays["y_train"]
    right = sum(
        int((model.predict_on_batch(x[i : i + 1000, ..., None] / np.float32(255)).argmax(-1) == y[i : i + 1000]).sum())
        for i in range(0, len(x), 1000)
    )
    metrics = run.data.metrics
    return {
        "train": right / len(x),
        "test": metrics["test/accuracy"],
        "validation": metrics["best/accuracy"],
        "epoch": metrics["best/epoch"],
    }


def table(rows: list[dict[str, float | str]]) -> str:
    """The rows as Markdown: one line an optimizer, then one a run."""
    lines = [
        "| optimizer | published train / test, % | ours: train, % | ours: test, % (each seed) | mean | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for optimizer in OPTIMIZERS:
        mine = [row for row in rows if row["optimizer"] == optimizer]
        tests = [100 * float(row["test"]) for row in mine]
        trains = statistics.mean(100 * float(row["train"]) for row in mine)
        seconds = " ".join(f"{float(row['wall']):.0f}" for row in mine)
        lines.append(
            f"| {optimizer} | {PUBLISHED[optimizer]} | {trains:.2f} | {' '.join(f'{t:.2f}' for t in tests)} "
            f"| {statistics.mean(tests):.2f} | {seconds} |"
        )
    slowest = max(float(row["cpu"]) for row in rows)
    return (
        "\n".join(lines)
        + f"\n\n{len(rows)} runs on {os.cpu_count()} CPU cores, Python {platform.python_version()}. Seconds are those "
        "of the whole command on a machine that did other work meanwhile; the most processor time that a run took, "
        f"over all cores, was {slowest:.0f} s. Test accuracy is that of the epoch with the best validation accuracy; "
        "train accuracy is the same weights' on all 60,000 training images, without augmentation.\n"
    )


def write(file: Path, content: str) -> None:
    """Put the table between its marks in the page."""
    page = file.read_text(encoding="utf-8")
    before, _, rest = page.partition(START)
    file.write_text(before + START + "\n" + content + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
