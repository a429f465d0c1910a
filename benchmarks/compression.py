"""Compresses three models in every shipped way and writes the tables and pictures of docs/compression.md.

    python benchmarks/compression.py --data ../shared/data/mnist.npz

The CNN of experiment=mnist_cnn; a ResNet on pictures of the shape of CIFAR-10's, made of MNIST's digits on coloured
noise; and a model that plain Keras and MLflow have put into the store. Every training and every sweep is a command as a
user types it; the figures are read from the MLflow store. What is in `--folder` already is not run again.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run

ROOT = Path(__file__).resolve().parents[1]
WAYS = (
    *("prune", "prune_units", "prune_2_4", "prune_int8", "prune_litert_int8", "qat", "int8", "int4", "float8"),
    *("float16", "litert", "litert_dynamic", "litert_float16", "litert_int8"),
)
THEIRS = """
import keras, mlflow, numpy as np, sys
mlflow.set_tracking_uri(sys.argv[2])
mlflow.set_experiment("theirs")
data = np.load(sys.argv[1])
x, y = data["x_train"][:20000, ..., None] / 255.0, data["y_train"][:20000]
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((28, 28, 1)), keras.layers.Conv2D(32, 3, activation="relu"), keras.layers.MaxPooling2D(),
    keras.layers.Conv2D(64, 3, activation="relu"), keras.layers.MaxPooling2D(), keras.layers.Flatten(),
    keras.layers.Dense(128, activation="relu"), keras.layers.Dropout(0.5), keras.layers.Dense(10, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
with mlflow.start_run(run_name="plain Keras") as run:
    model.fit(x, y, batch_size=128, epochs=3, verbose=2)
    mlflow.tensorflow.log_model(model, name="model", pip_requirements=["tensorflow"])
"""


def main() -> None:
    """Train what is not there yet, compress it, write the page's tables and pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="MNIST as an npz file")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tfmlflow-compression")
    parser.add_argument("--limit", type=int, default=20000, help="training examples")
    parser.add_argument("--epochs", type=int, default=4, help="of a training, and of pruning and qat")
    parser.add_argument("--seconds", type=float, default=2.0, help="that a latency is measured for")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--only", nargs="+", default=["cnn", "resnet", "theirs"])
    parser.add_argument("--docs", type=Path, default=ROOT / "docs" / "compression.md")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    mnist = arguments.data.resolve()
    epochs = f"trainer.epochs={arguments.epochs}"
    limit = f"data.limit={arguments.limit}"
    commands = {
        "cnn": ["experiment=mnist_cnn", f"data.path={mnist}", limit, epochs],
        "resnet": ["data=cifar10", f"data.path={coloured(mnist, arguments.folder)}", "model=resnet", limit, epochs],
        "theirs": [],
    }
    for name in arguments.only:
        origin = trained(name, commands[name], mnist, arguments.folder)
        theirs = ["data=mnist", f"data.path={mnist}", limit] if name == "theirs" else []
        words = [*theirs, f"compress.epochs={arguments.epochs}", f"compress.seconds={arguments.seconds}"]
        compress(name, origin, words, arguments.ways, arguments.folder)
        write(arguments.docs, name, table(name, arguments.folder), arguments.folder)


def coloured(mnist: Path, folder: Path) -> Path:
    """Digits on coloured noise, `(n, 32, 32, 3)` with labels `(n, 1)`, laid out as CIFAR-10's file."""
    file = folder / "coloured.npz"
    if not file.exists():
        rng, made = np.random.default_rng(0), {}
        with np.load(mnist) as data:
            for part, count in (("train", 30000), ("test", 10000)):
                x, y = data[f"x_{part}"][:count], data[f"y_{part}"][:count]
                digit = np.pad(x, ((0, 0), (2, 2), (2, 2)))[..., None] / 255.0
                ink = rng.uniform(0.4, 1.0, (count, 1, 1, 3))
                paper = rng.uniform(0.0, 0.6, (count, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
                made[f"x_{part}"] = (255 * (digit * ink + (1 - digit) * paper)).astype("uint8")
                made[f"y_{part}"] = y[:, None].astype("uint8")
        np.savez(file, **made)
    return file


def trained(name: str, words: list[str], mnist: Path, folder: Path) -> str:
    """The id of the origin's run."""
    if (run := newest(folder, name, "")) is None:
        if words:
            typed([*words, f"tracking.experiment={name}"], folder)
        else:
            command = [sys.executable, "-c", THEIRS, str(mnist), store(folder)]
            subprocess.run(command, check=True, cwd=folder, env=environment(folder))
        run = newest(folder, name, "")
    assert run is not None
    return str(run.info.run_id)


def compress(name: str, origin: str, words: list[str], ways: list[str], folder: Path) -> None:
    """A sweep over all ways, unless it is there."""
    typed([f"compress={','.join(ways)}", f"compress.from={origin}", *words, "-m"], folder)
    run = newest(folder, name, "true")
    assert run is not None
    client = MlflowClient(store(folder))
    for file in ("pareto.csv", "pareto.png"):
        shutil.copyfile(client.download_artifacts(run.info.run_id, file), folder / f"{name}-{file}")


def typed(words: list[str], folder: Path) -> None:
    """`python train.py <words>`."""
    print("python train.py", *words, flush=True)
    subprocess.run([sys.executable, str(ROOT / "train.py"), *words], check=True, cwd=folder, env=environment(folder))


def environment(folder: Path) -> dict[str, str]:
    """Of these commands."""
    return os.environ | {"MLFLOW_TRACKING_URI": store(folder), "TFMLFLOW_SPOOL": str(folder / "spool")}


def store(folder: Path) -> str:
    """Where the runs are."""
    return f"sqlite:///{folder / 'mlflow.db'}"


def newest(folder: Path, experiment: str, sweep: str) -> Run | None:
    """The newest finished run: of a sweep, or one that was trained and compresses nothing."""
    client = MlflowClient(store(folder))
    known = client.get_experiment_by_name(experiment)
    if known is None:
        return None
    found = client.search_runs([known.experiment_id], "attributes.status = 'FINISHED'")
    for run in found:
        tags = run.data.tags
        if tags.get("tfmlflow.sweep_parent", "") == sweep and "tfmlflow.compress" not in tags:
            return run
    return None


def table(name: str, folder: Path) -> str:
    """The sweep's own table, in Markdown."""
    with (folder / f"{name}-pareto.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    metric = head[7]
    lines = [
        f"| | KB | gzip KB | zeros | ms, p50 | ms, p95 | ms of 32, p50 | {metric} | test | |",
        "|---|" + "---:|" * 8 + "---|",
    ]
    for one, size, packed, zeros, p50, p95, of_32, value, test, verdict, best in rows:
        name = f"**{one.split(' epochs=')[0]}**" if best == "True" else one.split(" epochs=")[0]
        cells = [f"{float(size) / 1000:.1f}", f"{float(packed) / 1000:.1f}", f"{float(zeros):.0%}"]
        cells += [
            f"{float(p50):.3g}",
            f"{float(p95):.3g}",
            f"{float(of_32):.3g}",
            f"{float(value):.4f}",
            f"{float(test):.4f}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {verdict} |")
    return "\n".join(lines)


def write(docs: Path, name: str, text: str, folder: Path) -> None:
    """Put a table between its marks, and the picture beside the page."""
    start, end = f"<!-- compression {name}: start -->", f"<!-- compression {name}: end -->"
    machine = f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores"
    text = f"{text}\n\nMeasured on {machine}, Python {platform.python_version()}."
    page = docs.read_text(encoding="utf-8") if docs.exists() else ""
    if start in page:
        before, _, rest = page.partition(start)
        page = f"{before}{start}\n{text}\n{end}{rest.partition(end)[2]}"
        docs.write_text(page, encoding="utf-8")
    shutil.copyfile(folder / f"{name}-pareto.png", docs.parent / "images" / f"compression-{name}.png")
    print(text)


if __name__ == "__main__":
    main()
