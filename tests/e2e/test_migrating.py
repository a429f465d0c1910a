"""The pages for those who come from something else: their code is run, block by block, as it stands there."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import stores
from tests.conftest import ROOT, run

pytestmark = pytest.mark.slow
PAGES = ROOT / "docs" / "migrating"
BLOCK = re.compile(r"^```(python|sh) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEAVES = {  # metrics that a page's last block leaves in its run
    "mlflow": {"train/accuracy", "val/accuracy", "train/loss", "val/loss", "batch/loss"},
    "wandb": {"train/accuracy", "val/accuracy", "batch/loss", "batch/learning_rate"},
    "tensorboard": {"batch/loss"},
    "keras-tuner": {"val/accuracy", "test/accuracy", "best/objective"},
    "scikit-learn": {"val/accuracy", "test/accuracy", "best/objective"},
}


class Block(NamedTuple):
    """Code on a page: its language, whether it is `before`, `after` or a `file=`, and itself."""

    language: str
    kind: str
    text: str


def blocks(page: str) -> list[Block]:
    """Those of a page."""
    return [Block(*found) for found in BLOCK.findall((PAGES / f"{page}.md").read_text())]


def chosen(kind: str) -> list[tuple[str, int]]:
    """Pages, and the places of their blocks of that kind."""
    pages = sorted(file.stem for file in PAGES.glob("*.md"))
    return [(page, place) for page in pages for place, block in enumerate(blocks(page)) if block.kind == kind]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the files that the pages share."""
    stores.ready(tmp_path)
    for page in ("README", "keras-tuner"):
        for block in blocks(page):
            if block.kind.startswith("file="):
                (tmp_path / block.kind.removeprefix("file=")).write_text(block.text)
    return tmp_path


@pytest.mark.stress  # other people's code: minutes, and no change of ours breaks it
@pytest.mark.parametrize(("page", "place"), chosen("before"))
def test_what_one_comes_from_works(folder: Path, page: str, place: int) -> None:
    text = blocks(page)[place].text
    needed = {"wandb": "wandb", "keras_tuner": "keras_tuner", "TensorBoard": "tensorboard"}
    for word, package in needed.items():
        if word in text and find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    done = run("-c", text, cwd=folder)
    assert done.returncode == 0, done.stderr


SAME_WAY = {("scikit-learn", 1), ("scikit-learn", 2)}  # folds and a sampler, as test_folds.py and tests/sweep have them


@pytest.mark.parametrize(
    ("page", "place"),
    [pytest.param(*one, marks=pytest.mark.stress) if one in SAME_WAY else one for one in chosen("after")],
)
def test_what_one_comes_to_works(folder: Path, page: str, place: int) -> None:
    language, _, text = blocks(page)[place]
    commands = [["-c", text]] if language == "python" else [["-m", *shlex.split(line)] for line in text.splitlines()]
    for command in commands:
        done = run(*command, cwd=folder, timeout=900)
        assert done.returncode == 0, done.stderr
    newest = stores.runs(folder)[-1]
    assert newest.info.status == "FINISHED"
    assert LEAVES[page] <= set(newest.data.metrics) | ({"batch/loss"} if page == "tensorboard" else set())


def test_no_page_is_without_code_on_both_sides() -> None:
    for page in LEAVES:
        assert {"before", "after"} <= {block.kind for block in blocks(page)}, page
    assert {file.stem for file in PAGES.glob("*.md")} == {*LEAVES, "README"}
