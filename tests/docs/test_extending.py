"""The page on parts of one's own, done as it says: its files written, its commands typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import stores
from tests.conftest import ROOT, run
from tests.docs import shell
from tests.docs.blocks import blocks, write_files

PAGE = ROOT / "docs" / "extending.md"


@pytest.mark.slow
@pytest.mark.xdist_group("docs")
def test_parts_of_ones_own_train_as_the_page_says(tmp_path: Path) -> None:
    stores.ready(tmp_path)
    write_files(PAGE, tmp_path)
    (last,) = (block for block in blocks(PAGE) if block.excuse == ("run by", "tests/docs/test_extending.py"))
    for typed in shell.commands(last.text):
        words = typed.words[typed.words.index("python") + 1 :]
        done = run(str(ROOT / words[0]), *words[1:], "tracking.log_model=false", cwd=tmp_path, PYTHONPATH=".")
        assert done.returncode == 0, done.stderr
    recorded = [found.data for found in stores.runs(tmp_path) if "model.width" in found.data.params]
    assert sorted(data.params["model.width"] for data in recorded) == ["16", "32", "8"]
    assert {data.tags["hardware.strategy"] for data in recorded} == {"MirroredStrategy", "none"}
    assert {data.params["optimizer.name"] for data in recorded} == {"adam", "signsgd"}
    assert all(data.metrics["test/accuracy"] > 0.3 for data in recorded)
