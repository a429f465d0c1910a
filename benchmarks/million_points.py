"""A million metric points in one run: how fast they arrive, how much memory it takes, whether all of them are there.

    python benchmarks/million_points.py --ui
    python benchmarks/million_points.py --store http --points 100000

A process of its own says them as `TrackingCallback` does, two metrics, some hundred steps at a time, as fast as it
can; the shipper delivers them to a new SQLite file, or to a real `mlflow server` over one. Then every point is read
back from the store and from `history.parquet`, and compared by count and checksum. With `--ui` the run's page is opened
in Chromium; budget: its charts are drawn within 5 s (median of three visits of new browser profiles). Exit code 1 if a
point is missing or the budget is missed. There is no peer: MLflow's client, which the shipper uses, takes 1,000 points
a request.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil

KEYS = ("batch/loss", "batch/learning_rate")
GROUP = 250  # steps that are said at once: a quarter of a second of 1 ms steps
MEGABYTE = 1024 * 1024
CHARTS = 5.0  # seconds


def main() -> int:
    """Measure, print, and return 1 if something is missing or too slow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--store", choices=["sqlite", "http", "both"], default="sqlite")
    parser.add_argument("--ui", action="store_true", help="open the run's page in Chromium")
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help="of that page")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for the delivery")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    parser.add_argument("--say", nargs=3, metavar=("URI", "STEPS", "TIMEOUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.say:
        say(arguments.say[0], int(arguments.say[1]), float(arguments.say[2]))
        return 0
    stores = ("sqlite", "http") if arguments.store == "both" else (arguments.store,)
    results = {store: measured(store, arguments) for store in stores}
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1))
    return int(any(result["missed"] for result in results.values()))


def loss_and_rate(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Each step's values; float32, as the graph has them."""
    random = np.random.default_rng(0)
    loss = 2.3 * np.exp(-np.arange(steps) / (steps / 5)) + random.gamma(2, 0.02, steps)
    return loss.astype(np.float32).astype(float), np.linspace(1e-3, 1e-5, steps).astype(np.float32).astype(float)


def say(uri: str, steps: int, timeout: float) -> None:
    """What the training's process does; prints the run's id, and at the end what it took."""
    import delivery

    with delivery.session(uri, "a million points", drain_timeout=timeout) as run:
        print(json.dumps({"run": run.run_id}), flush=True)
        values = dict(zip(KEYS, loss_and_rate(steps), strict=True))
        began, cpu = time.perf_counter(), time.process_time()
        for first in range(0, steps, GROUP):
            last = min(first + GROUP, steps)
            numbers = np.arange(first + 1, last + 1)
            at = time.time() + np.arange(last - first) * 1e-6
            for key in KEYS:
                run.series(key, numbers, at, values[key][first:last])
        said, used = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"said": said, "cpu": used, "ended": time.perf_counter() - began}), flush=True)


class Memory:
    """The largest memory of some processes, looked at ten times a second."""

    def __init__(self, processes: dict[str, Any]) -> None:
        self._processes = processes  # name -> function that gives a process or None
        self.first: dict[str, int] = {}
        self.peak: dict[str, int] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.1):
            for name, process in self._processes.items():
                with contextlib.suppress(psutil.Error):
                    found = process()
                    if found is not None:
                        size = found.memory_info().rss
                        self.first.setdefault(name, size)
                        self.peak[name] = max(size, self.peak.get(name, 0))


def measured(store: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Say, deliver, read back, look at."""
    import delivery
    from tracking_overhead import place

    steps = arguments.points // len(KEYS)
    with tempfile.TemporaryDirectory(prefix="million-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with place(store, folder) as uri:
            shipper = delivery.Shipper(uri, folder / "spool", warm=False)
            with shipper, (folder / "log").open("w") as log:
                command = [sys.executable, __file__, "--say", uri, str(steps), str(arguments.timeout)]
                child = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
                trainer = psutil.Process(child.pid)
                assert child.stdout is not None
                run = json.loads(child.stdout.readline() or "{}").get("run")
                with Memory({"trainer": lambda: trainer, "shipper": lambda: shipper.process}) as memory:
                    last = json.loads(child.stdout.readline() or "{}")
                    child.wait()
                used = shipper.cpu
            if child.returncode != 0 or not last:
                sys.exit((folder / "log").read_text()[-4000:])
            result: dict[str, Any] = {"points": steps * len(KEYS), **last, "shipper_cpu": used}
            result |= {"memory": {k: [memory.first[k] / MEGABYTE, v / MEGABYTE] for k, v in memory.peak.items()}}
            result["missed"] = missing(uri, run, steps, folder)
            report(store, result, folder)
            if arguments.ui:
                result["charts"] = opened(store, uri, run, folder, arguments.screenshot)
                middle = statistics.median(result["charts"])
                each = ", ".join(f"{seconds:.1f}" for seconds in result["charts"])
                print(f"  charts drawn after {middle:.1f} s ({each}; budget: at most {CHARTS:.0f})")
                if middle > CHARTS:
                    result["missed"].append(f"charts after {middle:.1f} s")
    return result


def checksum(steps: np.ndarray, values: np.ndarray) -> str:
    """Of points in the order of their steps."""
    order = np.argsort(steps, kind="stable")
    return hashlib.sha256(steps[order].astype("<i8").tobytes() + values[order].astype("<f8").tobytes()).hexdigest()


def missing(uri: str, run: str, steps: int, folder: Path) -> list[str]:
    """What is not as it was said, in the store and in `history.parquet`."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from mlflow import MlflowClient

    client, wrong = MlflowClient(uri), []
    status = client.get_run(run).info.status
    if status != "FINISHED":
        wrong.append(f"the run is {status}")
    table = pq.read_table(client.download_artifacts(run, "history.parquet", str(folder)))
    for key, values in zip(KEYS, loss_and_rate(steps), strict=True):
        expected = checksum(np.arange(1, steps + 1), values)
        points = client.get_metric_history(run, key)
        found = checksum(np.array([p.step for p in points]), np.array([p.value for p in points]))
        rows = table.filter(pc.equal(table["key"].cast("string"), key))
        kept = checksum(rows["step"].to_numpy(), rows["value"].to_numpy())
        if (len(points), found) != (steps, expected):
            wrong.append(f"{key}: {len(points):,} points of {steps:,} in the store, or other ones")
        if (rows.num_rows, kept) != (steps, expected):
            wrong.append(f"{key}: {rows.num_rows:,} points of {steps:,} in history.parquet, or other ones")
    return wrong


def report(store: str, result: dict[str, Any], folder: Path) -> None:
    """Print it."""
    points, memory = result["points"], result["memory"]
    print(f"{store}: {points:,} points")
    print(f"  said in {result['said']:.1f} s ({1e6 * result['cpu'] / points:.2f} us of processor time a point)")
    print(f"  in the store after {result['ended']:.1f} s: {points / result['ended']:,.0f} points/s")
    print(f"  shipper: {result['shipper_cpu']:.1f} s of processor time")
    for name, (first, peak) in memory.items():
        print(f"  memory of the {name}: {peak:.0f} MB at most, {first:.0f} at the beginning")
    print("  " + ("; ".join(result["missed"]) or "all there, in the store and in history.parquet"))


def opened(store: str, uri: str, run: str, folder: Path, screenshot: Path | None) -> list[float]:
    """Seconds until the charts of the run's page are drawn, each time in a new browser profile."""
    from run_page import visit

    from tests.servers.mlflow_server import MlflowServer

    if store == "http":
        return [visit(uri, run, screenshot) for _ in range(3)]
    with MlflowServer(folder, uri) as server:
        return [visit(server.uri, run, screenshot) for _ in range(3)]


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main())
