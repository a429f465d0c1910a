"""The trace of TensorFlow's own profiler."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from tfmlflow.profile import trace


def test_a_trace_is_a_file_where_tensorboard_looks_for_it(tmp_path: Path) -> None:
    (file,) = trace.take(lambda: tf.reduce_sum(tf.ones(8)), tmp_path)
    assert file.name.endswith(".xplane.pb")
    assert file.relative_to(tmp_path).parts[:2] == ("plugins", "profile")


def test_a_second_trace_at_once_costs_the_trace_and_nothing_else(tmp_path: Path) -> None:
    inner: list[list[Path]] = []
    outer = trace.take(lambda: inner.append(trace.take(lambda: None, tmp_path / "inner")), tmp_path / "outer")
    assert inner == [[]]
    assert len(outer) == 1
