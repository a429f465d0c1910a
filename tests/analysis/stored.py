"""Runs as trainings leave them, written into a real store."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

BEGAN = 1_790_000_000_000  # milliseconds since 1970
HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)> \x1b[31m%{x} $y$ </script> &lt;b&gt;"


def put(
    client: MlflowClient,
    experiment: str,
    name: str,
    params: Mapping[str, object],
    curves: Mapping[str, Sequence[float]],
    once: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
    status: str = "FINISHED",
    seconds: float = 60.0,
) -> str:
    """A run with a point an epoch of each of `curves`; returns its id."""
    run_id = str(client.create_run(experiment, start_time=BEGAN, run_name=name).info.run_id)
    epochs = max((len(values) for values in curves.values()), default=1)
    points = [
        Metric(key, value, BEGAN + int(1000 * seconds * (index + 1) / len(values)), index + 1)
        for key, values in curves.items()
        for index, value in enumerate(values)
    ]
    points += [Metric(key, value, BEGAN + int(1000 * seconds), epochs) for key, value in (once or {}).items()]
    client.log_batch(
        run_id,
        points,
        [Param(key, str(value)) for key, value in params.items()],
        [RunTag(key, value) for key, value in (tags or {}).items()],
    )
    client.set_terminated(run_id, status, end_time=BEGAN + int(1000 * seconds))
    return run_id


def put_ours(
    client: MlflowClient,
    experiment: str,
    final: float,
    settings: Mapping[str, object],
    seed: int,
    tags: Mapping[str, str] | None = None,
    name: str | None = None,
    status: str = "FINISHED",
    reason: str = "completed",
    model: bool = False,
) -> str:
    """A run of ours whose `val/loss` is the least, `final`, at epoch 3 of 4."""
    losses = [final + 0.5, final + 0.2, final, final + 0.1]
    steps = [100.0 * (index + 1) for index in range(4)]
    ended = {"best/loss": final, "best/epoch": 3.0, "test/loss": final + 0.01} if status == "FINISHED" else {}
    run_id = put(
        client,
        experiment,
        name or f"mlp seed={seed}",
        {"seed": seed, "data.seed": seed, "objective.metric": "val/loss", "objective.mode": "auto", "trainer.epochs": 4}
        | dict(settings),
        {"val/loss": losses, "train/loss": [value * 0.9 for value in losses], "val/accuracy": [0.5, 0.6, 0.7, 0.8]},
        ended | {"system/process_cpu_percentage": 150.0},
        {"tfmlflow.fingerprint": "f", "tfmlflow.end_reason": reason, "tfmlflow.data_digest": "d1", **(tags or {})},
        status,
    )
    times = [BEGAN + 15_000 * (index + 1) for index in range(4)]
    client.log_batch(
        run_id, [Metric("perf/step_ms_p50", 5.0, time, int(step)) for time, step in zip(times, steps, strict=True)]
    )
    return run_id


def sweep(client: MlflowClient) -> None:
    """`grid`: three learning rates of three seeds, a run that became NaN, one that was killed; one sweep."""
    experiment = client.create_experiment("grid")
    parent = put(client, experiment, "sweep", {"trials": 11}, {}, {"best/loss": 0.1}, {"tfmlflow.sweep_parent": "true"})
    client.set_tag(parent, "tfmlflow.sweep", "s1")
    tags = {"tfmlflow.sweep": "s1", "mlflow.parentRunId": parent, "hydra.overrides": "optimizer.learning_rate=1 seed=1"}
    draw = random.Random(1)
    for rate, loss in ((0.1, 0.5), (0.01, 0.2), (0.001, 0.9)):
        for seed in (1, 2, 3):
            put_ours(client, experiment, loss + draw.gauss(0, 0.01), {"optimizer.learning_rate": rate}, seed, tags)
    failed = {"tfmlflow.error": "Traceback\nValueError: loss is [red]nan[/red] <script>"}
    bad = {"optimizer.learning_rate": 10}
    put_ours(client, experiment, math.nan, bad, 1, tags | failed, status="FAILED", reason="nan")
    put_ours(client, experiment, 0.05, bad, 2, tags, status="FAILED", reason="killed")


def foreign(client: MlflowClient) -> None:
    """`foreign`: another tool's runs, that say nothing of an objective; `val_accuracy` is best in the middle."""
    experiment = client.create_experiment("foreign")
    for depth, best in ((3, 0.7), (5, 0.9)):
        for state in (0, 1):
            params = {"depth": depth, "random_state": state, "tracking.of_their_own": "same"}
            curve = [0.1, best + state / 100, 0.5]
            put(client, experiment, f"tree {depth}", params, {"val_accuracy": curve, "loss": [3.0, 2.0, 1.0]})


def hostile(client: MlflowClient) -> None:
    """`hostile`: everything that a run can be called by is markup."""
    experiment = client.create_experiment("hostile <script>alert(0)</script>")
    for index in range(3):
        params = {"note": f"{HOSTILE}{index}", "formula": "=1+1" if index else "plain"}
        put_ours(client, experiment, 0.1 + index, params, 1, {"tfmlflow.error": HOSTILE}, f"{HOSTILE}{index}")
    put_ours(client, experiment, 5.0, {"note": HOSTILE}, 1, {"tfmlflow.error": HOSTILE}, HOSTILE, "FAILED", HOSTILE)


def searched(client: MlflowClient) -> None:
    """`searched`: 40 configurations drawn at random; the loss is made by `rate` alone."""
    experiment, draw = client.create_experiment("searched"), random.Random(2)
    for _ in range(40):
        rate, units = draw.uniform(0, 1), draw.choice((16, 32, 64))
        settings = {"optimizer.learning_rate": rate, "model.units": units, "model.name": draw.choice(("mlp", "cnn"))}
        put_ours(client, experiment, rate + draw.gauss(0, 0.01), settings, 1)


def two(client: MlflowClient, folder: Path) -> list[str]:
    """`two`: two runs that differ in settings, code, packages and data; returns their ids."""
    experiment, made = client.create_experiment("two"), []
    patch = "diff --git a/{0} b/{0}\n--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-old\n+{1}\n"
    for index, (file, versions) in enumerate((("model.py", "keras==3.15.0"), ("data.py", "keras==3.16.0\nextra==1"))):
        run_id = put_ours(
            client,
            experiment,
            0.3 + index,
            {"model.units": 64 * (index + 1)} | ({"optimizer.momentum": 0.9} if index else {}),
            1,
            {
                "mlflow.source.git.commit": str(index + 1) * 40,
                "tfmlflow.git_dirty": "true" if index else "false",
                "tfmlflow.data_digest": f"digest{index}",
            },
        )
        for path, text in (
            ("diff.patch", patch.format(file, "new") + patch.format("both.py", index)),
            ("packages.txt", f"{versions}\nnumpy==2.0\n"),
        ):
            (folder / path).write_text(text)
            client.log_artifact(run_id, str(folder / path), "environment")
        made.append(run_id)
    return made
