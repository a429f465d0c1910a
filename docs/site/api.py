"""The names that users write in their own code or in option files, each with its docstring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from docs.site.option_file import OptionFile
from tfmlflow.config.location import conf, groups, options

OWN_CODE = {
    "In a script of one's own": (
        "autoclass:: tfmlflow.TrackingCallback",
        "autoclass:: tfmlflow.track",
        "autoclass:: tfmlflow.Data",
        "autoclass:: tfmlflow.Split",
        "autofunction:: tfmlflow.data.splits.from_arrays",
        "autofunction:: tfmlflow.data.own_batches.from_dataset",
    ),
}
BESIDE = {  # what functions of a group take and return
    "model": ("autofunction:: tfmlflow.models.recurrent.stack",),
    "schedule": ("autoclass:: tfmlflow.optim.schedules.Run", "autoclass:: tfmlflow.optim.schedules.Schedule"),
    "hardware": ("autoclass:: tfmlflow.hardware.Runtime",),
    "trainer": ("autofunction:: tfmlflow.trainer.gradient_step", "autoclass:: tfmlflow.trainer.Fitted"),
}
ERRORS = ("UsageError", "Interrupted", "WorkerLost", "JobFailed")
MEMBERS = {
    "tfmlflow.TrackingCallback": "run_id",
    "tfmlflow.track": "",
    "tfmlflow.Data": "inputs, input_dtype, limited",
    "tfmlflow.Split": "take",
    "tfmlflow.optim.schedules.Run": "steps",
    "tfmlflow.hardware.Runtime": "",
}


def markdown() -> str:
    """The page, below its title."""
    parts = [section(title, {one.rpartition(".")[2]: one for one in said}) for title, said in OWN_CODE.items()]
    for group in groups():
        beside = {one.rpartition(".")[2]: one for one in BESIDE.get(group, ())}
        if named := targets(group):
            options_of = {f"{group}={', '.join(names)}": f"autofunction:: {one}" for one, names in named.items()}
            parts.append(section(f"`{group}`", options_of | beside))
    parts.append(section("Errors", {name: f"autoexception:: tfmlflow.errors.{name}" for name in ERRORS}))
    return "\n\n".join(parts)


def targets(group: str) -> dict[str, list[str]]:
    """The functions of this package that the options of a group name, and the options that do."""
    found: dict[str, list[str]] = {}
    for file in (OptionFile.of(conf() / group / f"{name}.yaml") for name in options(group)):
        if file.target.startswith("tfmlflow."):
            found.setdefault(file.target, []).append(file.name)
    return found


def section(title: str, directives: Mapping[str, str]) -> str:
    """A heading, and below it what Sphinx makes out of docstrings."""
    parts = [f"## {title}"]
    for name, directive in directives.items():
        parts += [f"### `{name}`", "\n".join(["```{eval-rst}", *_lines(directive), "```"])]
    return "\n\n".join(parts)


def _lines(directive: str) -> Iterator[str]:
    members = MEMBERS.get(directive.rpartition(" ")[2])
    yield f".. {directive}"
    if members is not None:
        yield f"   :members: {members}".rstrip()
    if members == "":
        yield "   :inherited-members:"
