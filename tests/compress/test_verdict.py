"""What is accepted, what is refused, and which of several models no other beats."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tfmlflow.analysis.pareto import Pareto
from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.compress.compared import Compared, Side
from tfmlflow.compress.measured import agreement


def compared(was: float, now: float, mode: str = "max", max_loss: float = 0.01) -> Compared:
    """Two models that differ in one metric."""
    sides = [Side({"size_bytes": size, "gzip_bytes": size}, {"m": value}, {}) for size, value in ((8, was), (2, now))]
    return Compared(*sides, metric="m", mode=mode, max_loss=max_loss)


@pytest.mark.parametrize(
    ("was", "now", "mode", "accepted"),
    [
        (0.9, 0.892, "max", True),
        (0.9, 0.89, "max", False),
        (2.0, 2.01, "min", True),
        (2.0, 2.1, "min", False),
        (2.0, 1.0, "min", True),
        (-0.5, -0.6, "max", False),
        (0.0, 0.0, "min", True),
        (0.0, 0.1, "min", False),
        (0.9, math.nan, "max", False),
    ],
)
def test_what_loses_more_than_the_share_of_the_origins_value_is_refused(
    was: float, now: float, mode: str, accepted: bool
) -> None:
    found = compared(was, now, mode)
    assert found.accepted is accepted
    assert found.verdict.startswith("accepted" if accepted else "refused")


def test_both_sides_stand_in_the_run() -> None:
    said = compared(0.9, 0.8).metrics()
    assert (said["origin/size_bytes"], said["compress/size_bytes"], said["compress/size_ratio"]) == (8, 2, 4)
    assert (said["origin/val/m"], said["compress/val/m"]) == (0.9, 0.8)
    assert said["compress/loss_share"] == pytest.approx(1 / 9)


def stored(name: str, size: float, latency: float, accuracy: float, verdict: str = "accepted: ") -> StoredRun:
    """A run as a sweep leaves it."""
    costs = {"size_bytes": size, "gzip_bytes": size, "latency_p50_ms": latency, "val/accuracy": accuracy}
    origin = {"size_bytes": 100.0, "gzip_bytes": 90.0, "latency_p50_ms": 5.0, "val/accuracy": 0.9}
    metrics = {f"compress/{k}": v for k, v in costs.items()} | {f"origin/{k}": v for k, v in origin.items()}
    tags = {"tfmlflow.compress": verdict, "tfmlflow.compressed_from": "abcd"}
    facts = {"run_id": name, "name": f"{name} of cnn", "experiment": "e", "experiment_id": "1", "status": "FINISHED"}
    rest = {"reason": "", "error": "", "started": 0.0, "seconds": 1.0, "params": {}, "steps": {}, "models": ()}
    return StoredRun(**facts, **rest, metrics=metrics, tags=tags, digest="")  # type: ignore[arg-type]


def test_a_refused_model_beats_nobody_and_one_that_is_larger_slower_and_worse_is_beaten(tmp_path: Path) -> None:
    runs = [
        stored("small", 10, 1, 0.88),
        stored("good", 50, 2, 0.91),
        stored("beaten", 60, 3, 0.89),
        stored("broken", 5, 0.5, 0.2, "refused: "),
    ]
    found = Pareto.of(runs)
    assert found is not None
    assert found.metric == "val/accuracy"
    assert [one.name for one in found.points] == ["broken", "small", "good", "beaten", "origin"]
    assert {one.name for one in found.points if one.unbeaten} == {"small", "good"}
    found.draw(tmp_path / "pareto.png")
    assert (tmp_path / "pareto.png").stat().st_size > 10_000
    assert found.csv().splitlines()[1].startswith("broken,5")


def test_a_sweep_that_compresses_nothing_has_no_such_table() -> None:
    assert Pareto.of([]) is None


def test_labels_of_logits_agree_on_either_side_of_nothing() -> None:
    before, after = np.array([[0.2], [-3.0], [4.0]]), np.array([[0.4], [-2.0], [-0.1]])
    assert agreement(before, after, "binary", logits=True)["label_agreement"] == pytest.approx(2 / 3)
    assert agreement(before, after, "binary")["label_agreement"] == pytest.approx(2 / 3)
    assert agreement(before[:1], -after[:1], "binary", logits=True)["label_agreement"] == 0
    assert agreement(before[:1], -after[:1], "binary")["label_agreement"] == 1
