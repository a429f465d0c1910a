"""The shipper in a thread: the same run as by a process, and no process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.tracking.trainings import compiled, fitted, own_store, points
from tfmlflow.tracking.shipper import launch


def test_a_run_is_whole_without_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> Any:
        raise AssertionError("a process was started")

    monkeypatch.setattr(launch.subprocess, "Popen", refused)
    with own_store(tmp_path, processes=False):
        callback = fitted(compiled(), epochs=2, log_model=True)
        run = MlflowClient().get_run(callback.run_id)
        assert run.info.status == "FINISHED"
        assert "tfmlflow.incomplete" not in run.data.tags
        assert "tfmlflow.heartbeat" not in run.data.tags
        assert [step for step, _ in points(callback.run_id, "train/loss")] == [1, 2]
        assert run.outputs.model_outputs
