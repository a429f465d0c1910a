"""Blocks of commands taken apart: what is typed, what is said to it, and the files that it speaks of."""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("python", "tfmlflow", "mlflow", "make", "pip", "srun", "curl", "git", "pre-commit", "cd", "export", ".")
KINDS = ("", "bash", "sh", "shell", "console")
STARTS = re.compile(rf"^(\$ )?([A-Z_]+=\S* )*(\S*/)?({'|'.join(map(re.escape, PROGRAMS))}) ")
PLACEHOLDER = re.compile(r"<[\w ]+>")
OWN = """
def load(**own): ...
def build(data, **own): ...
def step(model, batch, clip=1.0): ...
def decay(epoch, rate): return rate
class MyOptimizer: ...
"""


@dataclass(frozen=True)
class Typed:
    """A command.

    Attributes:
        words: Of it, without what only a shell sees.
        said: The lines below it that a session shows.
    """

    words: tuple[str, ...]
    said: str = ""


def commands(text: str) -> list[Typed]:
    """The commands of a block; empty if there are none."""
    found: list[Typed] = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if STARTS.match(f"{line} "):
            plain = PLACEHOLDER.sub("0123abcd", line.removeprefix("$ "))
            for part in _parts(shlex.split(plain, comments=True)):
                found.append(Typed(part))
        elif found and line.strip() and "$ " in text:
            found[-1] = Typed(found[-1].words, f"{found[-1].said}{line}\n")
    return found


def strangers(text: str) -> list[str]:
    """Lines among the commands of a block that are neither commands nor Python; what a session shows is none."""
    if "$ " in text:
        return []
    found = []
    for part in re.sub(r"\\\n\s*", " ", text).split("\n\n"):
        lines = [line for line in part.splitlines() if line.strip() and not line.startswith("#")]
        if any(STARTS.match(f"{line} ") for line in lines):  # else it is what the commands above have said
            found += [line for line in lines if not STARTS.match(f"{line} ") and not is_python(line)]
    return found


def _parts(words: list[str]) -> list[tuple[str, ...]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word in ("&&", ";"):
            parts.append([])
        else:
            parts[-1].append(word)
    return [tuple(part) for part in parts if part]


def is_python(text: str) -> bool:
    """Whether a block without a language is Python, such as a call."""
    try:
        tree = ast.parse(PLACEHOLDER.sub("x", text))
    except SyntaxError:
        return False
    return any(isinstance(node, ast.Call) for node in ast.walk(tree))


def make_files(typed: Typed, folder: Path) -> None:
    """What a command takes for granted: data where it says, functions in the package that it names."""
    for word in typed.words:
        key, _, value = word.partition("=")
        if key == "model.weights" and value.endswith((".h5", ".keras")):
            (folder / value).touch()
        if key == "data.path" and value and not Path(value).is_absolute():
            place = folder / value.replace("*", "0")
            if place.suffix:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
            else:
                place.mkdir(parents=True, exist_ok=True)
                (place / "0.tfrecord").touch()
        for package in re.findall(r"(?:_target_|path)=(my_pkg)\.", word):
            (folder / f"{package}.py").write_text(OWN)
    if "--config-dir" in typed.words:
        own = folder / typed.words[typed.words.index("--config-dir") + 1] / "model"
        own.mkdir(parents=True, exist_ok=True)
        (own / "mine.yaml").write_text("name: mine\n_target_: my_pkg.build\n")
        (folder / "my_pkg.py").write_text(OWN)
