"""Every key of every option: from option files, the schema that checks them, and docstrings of their targets."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from docs.site import docstrings
from docs.site.option_file import Key, OptionFile
from tfmlflow.config.location import conf, groups, options
from tfmlflow.config.schema import SCHEMA

WHOLE = ("experiment", "debug")  # of these an option sets keys of other groups
BEHIND = {  # what is asked of a key, where the target's own docstring is silent
    "tfmlflow.models.recurrent.lstm": ("tfmlflow.models.recurrent.stack",),
    "tfmlflow.models.recurrent.gru": ("tfmlflow.models.recurrent.stack",),
    "tfmlflow.trainer.fit": ("tfmlflow.trainer.settings.Settings",),
    "tfmlflow.trainer.loop": ("tfmlflow.trainer.settings.Settings", "tfmlflow.trainer.fit"),
}
OF_GROUP = {
    "hardware": ("tfmlflow.hardware.process.configure",),
    "tracking": ("tfmlflow.TrackingCallback",),
    "data": ("tfmlflow.data.pipeline.Pipeline", "tfmlflow.data.splits.from_arrays"),
}


@dataclass(frozen=True)
class Row:
    """A key of a group, over all options that have it.

    Attributes:
        name: As it is typed: `optimizer.learning_rate`.
        allowed: What the schema allows; empty where it is left to somebody's own function.
        defaults: (default, the options with it).
        said: (what it means, the options that say so).
        of: The options that have it; empty if all have.
    """

    name: str
    allowed: str
    defaults: tuple[tuple[str, tuple[str, ...]], ...]
    said: tuple[tuple[str, tuple[str, ...]], ...]
    of: tuple[str, ...]


def markdown() -> str:
    """The page, below its title."""
    parts = [_run()]
    parts += [_group(group) for group in groups() if group not in WHOLE]
    parts += [_whole(group) for group in WHOLE if group in groups()]
    return "\n\n".join(parts)


def rows(group: str) -> list[Row]:
    """The keys of a group, in the order of its files."""
    files = [OptionFile.of(conf() / group / f"{name}.yaml") for name in options(group)]
    order = list(dict.fromkeys(key.name for file in _by_length(files) for key in file.keys if key.name != "defaults"))
    return [_row(group, name, files) for name in order]


def _by_length(files: Sequence[OptionFile]) -> list[OptionFile]:
    return sorted(files, key=lambda file: -len(file.keys))


def _row(group: str, name: str, files: Sequence[OptionFile]) -> Row:
    found = {file: key for file in files for key in file.keys if key.name == name}
    regular = [file for file in files if file.name != "custom"]
    of = tuple(file.name for file in found) if set(regular) - set(found) else ()
    defaults: dict[str, list[str]] = {}
    said: dict[str, list[str]] = {}
    for file, key in found.items():
        defaults.setdefault(key.default, []).append(file.name)
        if text := _meaning(group, file, key):
            said.setdefault(text, []).append(file.name)
    if not said:
        raise ValueError(f"{group}.{name}: nothing says what it means; put a comment behind it in conf/{group}/*.yaml")
    kind = SCHEMA.get(group, {}).get(name)
    return Row(
        f"{group}.{name}",
        "" if kind is None else str(kind),
        tuple((value, tuple(names)) for value, names in defaults.items()),
        tuple((text, tuple(names)) for text, names in said.items()),
        of,
    )


def _meaning(group: str, file: OptionFile, key: Key) -> str:
    """The comment in the option's file or the docstring of its target, whichever says more."""
    last = key.name.rpartition(".")[2]
    for target in (file.target, *BEHIND.get(file.target, ()), *OF_GROUP.get(group, ())):
        if target and (text := _arguments(target).get(last)):
            ours = target.startswith("tfmlflow.")
            told = text if ours else _of_keras(text)
            return told if not key.said or (ours and target == file.target and len(told) > len(key.said)) else key.said
    return key.said


@cache
def _arguments(target: str) -> dict[str, str]:
    module, _, name = target.rpartition(".")
    try:
        return docstrings.arguments(getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError):
        return {}


def _of_keras(text: str) -> str:
    """The first sentence of a long docstring that says more than what type an argument has."""
    sentences = re.split(r"(?<=[a-z0-9`)\"])\.\s+(?=[A-Z])", text)
    types = (
        r"(A )?(`?keras|floating|float|boolean|bool|int|string|optional|none|defaults|only used)\b(?! hyperparameter)"
    )
    told = [sentence for sentence in sentences if not re.match(types, sentence, re.IGNORECASE)]
    return (told[0] if told else sentences[0]).rstrip(".") + "."


def _run() -> str:
    keys = OptionFile.of(conf() / "config.yaml").keys
    parts = ["## The run itself"]
    for key in keys:
        section, _, name = key.name.rpartition(".")
        if section in ("", "objective") and (kind := SCHEMA[section].get(name)):
            said = key.said or "The metric that decides which epoch, and which run, is the better one."
            parts.append(_shown(Row(key.name, str(kind), ((key.default, ("",)),), ((said, ("",)),), ())))
    return "\n\n".join(parts)


def _group(group: str) -> str:
    files = [OptionFile.of(conf() / group / f"{name}.yaml") for name in options(group)]
    head = [f"({group})=", f"## `{group}`", "", f"`{group}=` one of:", ""]
    head += [f"- `{file.name}`{_description(group, file)}" for file in files]
    return "\n\n".join(["\n".join(head), *(_shown(row) for row in rows(group))])


def _description(group: str, file: OptionFile) -> str:
    said = file.said or _summary(file.target)
    target = ""
    if file.target.startswith("tfmlflow."):
        target = f" {{py:obj}}`{file.target}`"
    elif file.target:
        target = f" `{file.target}`"
    return f": {said}{target}" if said else f":{target}" if target else ""


def _summary(target: str) -> str:
    """What a function says of itself in its first line."""
    if not target.startswith("tfmlflow."):
        return ""
    module, _, name = target.rpartition(".")
    try:
        return (
            (getattr(importlib.import_module(module), name).__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
        )
    except (ImportError, AttributeError):
        return ""


def _whole(group: str) -> str:
    what = "Whole experiments" if group == "experiment" else "Ways to look into one"
    parts = [f"({group})=", f"## `{group}`", "", f"{what}: keys of other groups; what is typed beside it counts more."]
    for name in options(group):
        file = OptionFile.of(conf() / group / f"{name}.yaml")
        text = (conf() / group / f"{name}.yaml").read_text(encoding="utf-8")
        kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        parts += ["", f"### `{group}={name}`", "", _sentence(file.said), "", "```yaml", kept.strip(), "```"]
    return "\n".join(parts)


def _shown(row: Row) -> str:
    return "\n".join(_lines(row))


def _lines(row: Row) -> Iterator[str]:
    yield f"```{{confval}} {row.name}"
    yield ""
    for text, of in row.said:
        yield _sentence(text, row.allowed) + (
            f" ({', '.join(f'`{name}`' for name in of)})" if len(row.said) > 1 else ""
        )
        yield ""
    yield f":Default: {_several(row.defaults)}"
    if row.allowed:
        yield f":Allowed: {escaped(row.allowed)}"
    if row.of:
        yield f":Options: {', '.join(f'`{name}`' for name in row.of)}"
    yield "```"


def _several(defaults: Sequence[tuple[str, Sequence[str]]]) -> str:
    """The default of most options first."""
    pairs = sorted(defaults, key=lambda pair: -len(pair[1]))
    shown = [("none, it must be given" if value == "???" else f"`{value}`", of) for value, of in pairs]
    return "; ".join(
        [shown[0][0], *(f"{value} for {', '.join(f'`{name}`' for name in of)}" for value, of in shown[1:])]
    )


def escaped(text: str) -> str:
    """Text that is no markup, but for what stands in ticks."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([<*_\[\]{}\\])", r"\\\1", part) for part in parts)


def _sentence(text: str, allowed: str = "") -> str:
    """As it stands alone here; a value at the beginning stays as it is typed."""
    first = re.match(r"[\w$/.=]+", text)
    value = first is not None and (
        first[0] in re.findall(r"\w+", f"{allowed} null true false skip") or not first[0].isalpha()
    )
    text = f"`{first[0]}`{text[first.end() :]}" if value and first else text[:1].upper() + text[1:]
    return escaped(text if text.endswith((".", "!", "?")) else f"{text}.")
