"""How long `tfmlflow compare` takes over thousands of runs, against `mlflow.search_runs` of the same.

    python benchmarks/compare.py --runs 10000 --turns 5

Both are processes of their own, started in turn, so that a busy machine slows both; the store is SQLite, and its runs
have params, metrics and tags like ours. Exit code 1 when our median wall time is more than `--limit` times the peer's.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from sqlalchemy import MetaData, create_engine

PEER = """\
import mlflow, sys

mlflow.set_tracking_uri(sys.argv[1])
print(len(mlflow.search_runs(experiment_names=["many"])))
"""
SETTINGS = 50  # params that all runs share
EVERY = ("loss", "accuracy")


def main() -> int:
    """Measure, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=5, help="of each, after one that is not counted")
    parser.add_argument("--limit", type=float, default=2.0, help="largest ratio that is good enough")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        uri = f"sqlite:///{Path(name) / 'mlflow.db'}"
        began = time.perf_counter()
        fill(uri, arguments.runs)
        print(f"{arguments.runs:,} runs made in {time.perf_counter() - began:.1f} s")
        ours = [sys.executable, "-m", "tfmlflow", "compare", "--experiment", "many", "--uri", uri]
        peer = [sys.executable, "-c", PEER, uri]
        times: dict[str, list[float]] = {"tfmlflow compare": [], "mlflow.search_runs": []}
        for turn in range(arguments.turns + 1):
            for what, command in zip(times, (ours, peer), strict=True):
                took = taken(command)
                if turn:
                    times[what].append(took)
    for what, seconds in times.items():
        print(f"{what:20} {statistics.median(seconds):6.2f} s  ({min(seconds):.2f} to {max(seconds):.2f})")
    ratio = statistics.median(times["tfmlflow compare"]) / statistics.median(times["mlflow.search_runs"])
    print(f"ratio {ratio:.2f}, at most {arguments.limit}")
    return int(ratio > arguments.limit)


def taken(command: list[str]) -> float:
    """Seconds that a process takes, which must end well."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}: exit code {done.returncode}\n{done.stderr}")
    return time.perf_counter() - began


def fill(uri: str, count: int) -> None:
    """Write `count` runs into the tables of a new SQLite store: through MLflow itself it would take an hour."""
    experiment = MlflowClient(uri).create_experiment("many")
    engine = create_engine(uri)
    tables = MetaData()
    tables.reflect(engine)
    rows: dict[str, list[dict[str, Any]]] = {"runs": [], "params": [], "tags": [], "latest_metrics": [], "metrics": []}
    draw = random.Random(1)
    for number in range(count):
        for table, row in run_rows(number, int(experiment), draw):
            rows[table].append(row)
    with engine.begin() as connection:
        for table, content in rows.items():
            connection.execute(tables.tables[table].insert(), content)
    engine.dispose()


def run_rows(number: int, experiment: int, draw: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of one run: a configuration has three seeds."""
    run, config = uuid.UUID(int=draw.getrandbits(128)).hex, random.Random(number // 3)
    rate, units, optimizer = 10 ** config.uniform(-4, -1), config.choice((32, 64, 128)), config.choice(("sgd", "adam"))
    seed, began = number % 3 + 1, 1_700_000_000_000 + 60_000 * number
    loss = abs(rate - 0.01) * 5 + 3 / units + draw.gauss(0, 0.01) + 0.2
    failed = number % 50 == 0
    yield (
        "runs",
        {
            "run_uuid": run,
            "name": f"mlp {optimizer} {number}",
            "source_type": "LOCAL",
            "user_id": "me",
            "status": "FAILED" if failed else "FINISHED",
            "start_time": began,
            "end_time": began + 50_000,
            "lifecycle_stage": "active",
            "artifact_uri": f"artifacts/{run}",
            "experiment_id": experiment,
        },
    )
    settings = {f"group{index % 5}.setting_{index}": "0.5" for index in range(SETTINGS)} | {
        "seed": str(seed),
        "objective.metric": "val/loss",
        "objective.mode": "min",
        "optimizer.name": optimizer,
        "optimizer.learning_rate": repr(rate),
        "model.units": str(units),
    }
    for key, value in settings.items():
        yield "params", {"run_uuid": run, "key": key, "value": value}
    tags = {"mlflow.runName": f"mlp {optimizer} {number}", "tfmlflow.data_digest": "d" * 32, "hydra.job.num": number}
    tags |= {"tfmlflow.end_reason": "error" if failed else "completed", "tfmlflow.fingerprint": run}
    for key, value in tags.items():
        yield "tags", {"run_uuid": run, "key": key, "value": str(value)}
    metrics = {f"{part}/{name}": loss for part in ("train", "val") for name in EVERY}
    if not failed:
        metrics |= {f"{part}/{name}": loss for part in ("best", "test") for name in EVERY} | {"best/epoch": 9.0}
    metrics |= {f"system/resource_{index}": 50.0 for index in range(10)}
    for key, value in metrics.items():
        point = {"run_uuid": run, "key": key, "value": value, "timestamp": began, "step": 10, "is_nan": False}
        yield "latest_metrics", point
        yield "metrics", point


if __name__ == "__main__":
    sys.exit(main())
