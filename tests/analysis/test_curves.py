"""Pictures of curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfmlflow.analysis import curves


def test_each_metric_has_a_picture_of_its_own(tmp_path: Path) -> None:
    history = {"train/a/b": [(1, 0.5)], "val/a/b": [(1, 0.6)], "train/a_b": [(1, 5.0)], "train/loss": [(1, 1.0)]}
    files = curves.draw(history, tmp_path, 1)
    assert [file.name for file in files] == ["a_b.png", "a_b_2.png", "loss.png"]
    assert files[0].read_bytes() != files[1].read_bytes()
    matrices = curves.draw_matrices({"m/n": np.eye(2), "m_n": np.ones((2, 2))}, tmp_path)
    assert [file.name for file in matrices] == ["m_n.png", "m_n_2.png"]
