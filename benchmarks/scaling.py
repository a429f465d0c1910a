"""What workers that train in step say to each other: bytes and seconds of a step, and what follows for more of them.

    python benchmarks/scaling.py --output docs/scaling.md

Two processes on this machine, over loopback, as `hardware=multi_worker` sets them up (ring, gRPC). Sums of one tensor
of so many floats are timed alone, as a chain inside one graph, in turns over the sizes; the median of the turns counts.
A line through them gives what a sum costs by itself and by the byte. Bytes are what the loopback device has carried,
headers included.
A ring of n workers sends 2 (n - 1) / n of the bytes through each, in 2 (n - 1) messages one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import psutil

from tfmlflow.job.cluster import VARIABLE, Cluster
from tfmlflow.launch.local import free_ports

SIZES = (1_000, 10_000, 100_000, 109_386, 1_000_000, 4_000_000, 16_000_000)  # floats; 109,386 has the MLP of conf/model
CHAIN = {size: max(3, min(50, 20_000_000 // size)) for size in SIZES}  # sums in one call
WORKERS = (2, 8, 64, 512)
NETWORKS = {
    "10 Gbit/s Ethernet": (1.25e9, 50e-6),
    "100 Gbit/s, RDMA": (12.5e9, 5e-6),
}  # bytes a second, seconds a message
MODELS = {"MLP (conf/model/mlp.yaml on MNIST)": 109_386, "ResNet-50": 25_636_712, "BERT base": 109_482_240}
MARKS = ("<!-- measured: start -->", "<!-- measured: end -->")


def worker(turns: int) -> None:
    """Be one of the two; the chief prints what was measured."""
    import tensorflow as tf

    from tfmlflow.hardware import multi_worker

    runtime = multi_worker(log_level="error", communication="ring")
    strategy = runtime.strategy

    def several(size: int) -> Any:
        def chain() -> tf.Tensor:
            value = tf.ones(size)
            for _ in range(CHAIN[size]):
                value = tf.distribute.get_replica_context().all_reduce("mean", value)
            return value[0]

        return tf.function(lambda: strategy.run(chain), autograph=False)

    calls = {size: several(size) for size in SIZES}
    for call in calls.values():
        call()
    seconds: dict[int, list[float]] = {size: [] for size in SIZES}
    carried: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(turns):
        for size, call in calls.items():
            before, began = psutil.net_io_counters(pernic=True)["lo"].bytes_sent, time.perf_counter()
            float(strategy.reduce("mean", call(), axis=None))
            seconds[size].append((time.perf_counter() - began) / CHAIN[size])
            carried[size].append((psutil.net_io_counters(pernic=True)["lo"].bytes_sent - before) / CHAIN[size])
    if runtime.chief:
        said = {size: [statistics.median(seconds[size]), min(seconds[size]), max(seconds[size])] for size in SIZES}
        print(json.dumps({"seconds": said, "bytes": {size: statistics.median(carried[size]) for size in SIZES}}))


def measured(turns: int) -> dict[str, Any]:
    """What the chief of two says."""
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(2))
    processes = []
    for index in range(2):
        environment = os.environ | {VARIABLE: Cluster(addresses, index=index).as_variable(), "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, __file__, "--worker", "--turns", str(turns)]
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=900)[0] for process in processes]
    found: dict[str, Any] = json.loads(said[0].splitlines()[-1])
    return found


def table(found: dict[str, Any]) -> str:
    """In Markdown."""
    lines = ["| floats | bytes of them | carried | a sum, ms (least, most) | MB/s |", "|---:|---:|---:|---:|---:|"]
    for size in SIZES:
        middle, least, most = found["seconds"][str(size)]
        carried, content = found["bytes"][str(size)], 4 * size
        lines.append(
            f"| {size:,} | {content:,} | {carried:,.0f} | {1000 * middle:.2f} ({1000 * least:.2f}, {1000 * most:.2f}) "
            f"| {content / middle / 1e6:,.0f} |"
        )
    each, byte = line(found)
    lines += [
        "",
        f"A sum of two workers costs {1000 * each:.2f} ms by itself and {1e9 * byte:.2f} ns a byte, "
        f"{1 / byte / 1e6:,.0f} MB/s.",
        "",
        f"| model | network | {' | '.join(f'{count} workers' for count in WORKERS)} |",
        f"|---|---|{'---:|' * len(WORKERS)}",
    ]
    for model, size in MODELS.items():
        for network, (bandwidth, latency) in {"this machine, loopback": (1 / byte, each / 2), **NETWORKS}.items():
            costs = [f"{1000 * ring(count, 4 * size, bandwidth, latency):,.1f} ms" for count in WORKERS]
            lines.append(f"| {model} | {network} | {' | '.join(costs)} |")
    return "\n".join(lines)


def line(found: dict[str, Any]) -> tuple[float, float]:
    """(seconds of a sum by itself, seconds a byte), by least squares of relative errors."""
    sizes = np.array([4.0 * size for size in SIZES])
    seconds = np.array([found["seconds"][str(size)][0] for size in SIZES])
    matrix = np.stack([np.ones_like(sizes), sizes], axis=1) / seconds[:, None]
    (each, byte), *_ = np.linalg.lstsq(matrix, np.ones_like(seconds), rcond=None)
    return max(float(each), 0.0), float(byte)


def ring(workers: int, content: float, bandwidth: float, latency: float) -> float:
    """Seconds of a sum by a ring."""
    return 2 * (workers - 1) / workers * content / bandwidth + 2 * (workers - 1) * latency


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--output", type=Path, help="file whose marked part is replaced")
    given = parser.parse_args()
    if given.worker:
        worker(given.turns)
        return
    said = table(measured(given.turns))
    print(said)
    if given.output is not None:
        text = given.output.read_text()
        before, rest = text.split(MARKS[0])
        given.output.write_text(f"{before}{MARKS[0]}\n{said}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")


if __name__ == "__main__":
    main()
