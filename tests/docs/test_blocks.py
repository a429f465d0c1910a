"""Every block of README and docs: commands are given to their programs, Python runs, the rest says why not."""

from __future__ import annotations

import json
import pkgutil
import re
from pathlib import Path

import pytest
import yaml

from tests import stores
from tests.conftest import ROOT, run
from tests.docs import shell
from tests.docs.blocks import ALL, PAGES, Block, write_files

FILES = [block for block in ALL if block.file and block.file.endswith(".yaml")]
HERE = [block for block in ALL if block.excuse is None]
COMMANDS = [block for block in HERE if block.kind in shell.KINDS and shell.commands(block.text)]
CALLS = [block for block in HERE if block.kind == "" and any(map(shell.is_python, block.text.splitlines()))]
PYTHON = [block for block in HERE if block.kind == "python" and not block.file]
PAGES_WITH = sorted({block.page for block in PYTHON})

# What the pages take for granted: the reader's own model, data and step.
BEFORE = """
import keras, matplotlib.figure, mlflow, numpy as np, pandas
keras.utils.set_random_seed(0)
x, y = np.random.default_rng(0).normal(size=(64, 4)).astype("float32"), np.arange(64) % 2
x_val, y_val = x[:16], y[:16]
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
batches = [x[start : start + 16] for start in range(0, 64, 16)]
train_step = lambda batch: float(batch.mean())
figure = matplotlib.figure.Figure()
pixels = np.zeros((8, 8))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is wrong with the commands of each block, all of them looked at by one process."""
    folders = {page: tmp_path_factory.mktemp("page") for page in {block.page for block in COMMANDS}}
    for page, folder in folders.items():
        write_files(ROOT / page, folder)
    typed = [(block, one) for block in COMMANDS for one in shell.commands(block.text)]
    typed += [(block, one) for block in FILES if (one := _choosing(block, [each for _, each in typed])) is not None]
    for block, one in typed:
        shell.make_files(one, folders[block.page])
    given = [{"words": one.words, "said": one.said, "folder": str(folders[block.page])} for block, one in typed]
    orders = tmp_path_factory.mktemp("orders") / "orders.json"
    orders.write_text(json.dumps(given))
    done = run("-m", "tests.docs.typed", str(orders), cwd=orders.parent, PYTHONPATH=str(ROOT), timeout=500)
    assert done.returncode == 0, done.stderr
    problems: dict[str, list[str]] = {str(block): [] for block, _ in typed}
    for (block, one), problem in zip(typed, json.loads(orders.with_suffix(".found").read_text()), strict=True):
        if problem:
            problems[str(block)].append(f"{' '.join(one.words)}: {problem}")
    return problems


def _choosing(block: Block, typed: list[shell.Typed]) -> shell.Typed | None:
    """A command that takes the option in a block; None if the pages have one."""
    folder, group, name = Path(block.file or "").with_suffix("").parts
    if any(f"{group}={name}" in one.words for one in typed):
        return None
    return shell.Typed(("python", "train.py", "--config-dir", folder, f"{group}={name}", "-m"))


@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_a_command_is_one_that_its_program_takes(block: Block, found: dict[str, list[str]]) -> None:
    assert found[str(block)] == []
    assert shell.strangers(block.text) == []


@pytest.mark.parametrize("block", CALLS, ids=str)
def test_a_call_among_commands_names_what_there_is(block: Block) -> None:
    for line in block.text.splitlines():
        if shell.is_python(line):
            for name in re.findall(r"(?<![\w.)])[a-z]+(?:\.\w+)+(?=\()", line):
                assert pkgutil.resolve_name(name), name


@pytest.mark.parametrize("page", PAGES_WITH)
def test_python_on_a_page_runs(page: str, tmp_path: Path) -> None:
    stores.ready(tmp_path)
    parts = [block for block in PYTHON if block.page == page]
    script = "\n".join([BEFORE, *(block.text for block in parts)])
    done = run("-c", script, cwd=tmp_path)
    assert done.returncode == 0, f"{', '.join(map(str, parts))}\n{done.stderr}"


@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize("block", FILES, ids=str)
def test_an_option_file_is_one_that_can_be_chosen(block: Block, found: dict[str, list[str]]) -> None:
    assert found.get(str(block), []) == []


@pytest.mark.parametrize("block", [block for block in HERE if block.kind in ("yaml", "json")], ids=str)
def test_settings_are_readable(block: Block) -> None:
    assert yaml.safe_load(block.text)


@pytest.mark.parametrize("block", ALL, ids=str)
def test_no_block_is_left_out_without_a_word(block: Block) -> None:
    if block.excuse is None:
        assert block in COMMANDS or block.kind in ("python", "yaml", "json") or shell.is_python(block.text), (
            f"{block}: neither commands nor Python; say what it is by a mark, as tests/docs/blocks.py has them"
        )
    elif block.excuse[0] == "run by":
        assert (ROOT / block.excuse[1]).exists(), f"{block}: {block.excuse[1]} is not there"
    else:
        assert len(block.excuse[1]) > 5, f"{block}: does not say why no test runs it"


def test_pictures_and_links_to_files_are_there() -> None:
    gone = []
    for page in PAGES:
        for path in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not (page.parent / path).exists():
                gone.append(f"{page.name}: {path}")
    assert gone == []
