"""What is known of a job that has ended."""

from __future__ import annotations

import math
from pathlib import Path

from tfmlflow.job.outcome import Outcome
from tfmlflow.job.report import JobReport


def test_what_a_job_left_decides_over_what_its_launcher_says() -> None:
    word = JobReport("FAILED", "nan", run_id="r", objective=0.5, seconds=3.0)
    assert Outcome.of(word, None, 9.0).error == "the loss is not a number"
    assert Outcome.of(word, RuntimeError("x"), 9.0).seconds == 3.0
    assert Outcome.of(None, RuntimeError("no process\nmore"), 9.0).error == "no process"
    assert Outcome.of(None, RuntimeError("x"), 9.0).reason == "error"
    gone = Outcome.of(JobReport("RUNNING", run_id="r"), RuntimeError("ended by SIGKILL"), 9.0)
    assert (gone.status, gone.reason, gone.error, gone.run_id) == ("FAILED", "killed", "ended by SIGKILL", "r")
    assert Outcome.of(None, None, None).status == "FAILED"
    assert Outcome.of(JobReport("FINISHED", "completed", objective=math.nan), None, 1.0).value is None
    assert not Outcome("KILLED", "signal").done


def test_a_last_word_comes_back_whole_and_a_torn_one_not_at_all(tmp_path: Path) -> None:
    word = JobReport("FINISHED", "completed", "r", "mlp", 0.5, 3, {"test/loss": 0.4}, "", 2.0)
    word.write(tmp_path)
    assert JobReport.read(tmp_path) == word
    assert JobReport.read(tmp_path / "nowhere") is None
    (tmp_path / "run.json").write_text('{"status": "FINI')
    assert JobReport.read(tmp_path) is None
    word.write(tmp_path / "nowhere" / "deep")
