"""Whether a `_target_` exists, found out without importing it.

Importing would load TensorFlow before the config is known to be right. The package is located, its modules are read as
text, and the name is looked for among what a module defines or imports.
"""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from tfmlflow.config.nearest import did_you_mean

BINDS_UNSEEN = ("setattr(", "globals()", "sys.modules[", "__path__", "exec(", "__getattr__")
KINDS = {ast.FunctionDef: "function", ast.AsyncFunctionDef: "function", ast.ClassDef: "class", ast.Import: "module"}


def problem(target: str) -> str | None:
    """What is wrong with a dotted path, or None if it exists or cannot be judged from outside."""
    parts = target.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        return "must be a dotted path such as my_pkg.build"
    spec = _top(parts[0])
    if spec is None:
        return f"no package {parts[0]!r} is installed or in this folder{did_you_mean(parts[0], _packages())}"
    for depth in range(1, len(parts)):
        name, owner = parts[depth], ".".join(parts[:depth])
        names, inside = _names(spec), spec.submodule_search_locations
        if names is not None and depth == len(parts) - 1 and name in names:
            return f"{target} is a module; name a function or class in it" if names[name] == "module" else None
        deeper = importlib.machinery.PathFinder.find_spec(name, inside) if inside is not None else None
        if deeper is None:
            if names is None:
                return None
            if name not in names:
                return _missing(owner, name, [*names, *_submodules(inside)])
            if names[name] == "function":
                return f"{owner}.{name} is a function and has no {parts[depth + 1]!r}"
            return None
        spec = deeper
    return f"{target} is a module; name a function or class in it"


def found(module: str) -> importlib.machinery.ModuleSpec | None:
    """Where a module is, by its dotted name; None if it is nowhere, or only an import would tell."""
    first, *rest = module.split(".")
    spec = _top(first)
    for name in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        deeper = importlib.machinery.PathFinder.find_spec(name, spec.submodule_search_locations)
        if deeper is not None:
            deeper.name = f"{spec.name}.{name}"
        spec = deeper
    return spec


def _top(name: str) -> importlib.machinery.ModuleSpec | None:
    try:
        # As a file first; an import hook may know packages that the path does not show.
        return importlib.machinery.PathFinder.find_spec(name) or importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _missing(owner: str, name: str, names: Sequence[str]) -> str:
    public = sorted({known for known in names if not known.startswith("_")})
    listed = f"; it has {', '.join(public)}" if 0 < len(public) <= 12 else ""
    return f"{owner} has no {name!r}{did_you_mean(name, public) or listed}"


def _packages() -> set[str]:
    return {"keras", "tensorflow", "tfmlflow"} | {path.stem for path in Path.cwd().glob("*.py")}


def _submodules(folders: Sequence[str] | None) -> set[str]:
    return {path.stem for folder in folders or () for path in Path(folder).glob("*") if path.suffix in ("", ".py")}


def _names(spec: importlib.machinery.ModuleSpec) -> dict[str, str] | None:
    """Names a module binds at its top level, and what they are; None if they cannot be told from its text."""
    if spec.origin is None or not spec.origin.endswith(".py"):
        return None
    try:
        text = Path(spec.origin).read_text(encoding="utf-8")
        body = ast.parse(text).body
    except (OSError, SyntaxError, ValueError):
        return None
    if any(mark in text for mark in BINDS_UNSEEN):
        return None
    names: dict[str, str] = {}
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop()
        kind = KINDS.get(type(node), "other")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[node.name] = kind
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":
                    return None
                names.setdefault(alias.asname or alias.name.split(".")[0], kind)
        else:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names[node.id] = kind
            pending += ast.iter_child_nodes(node)
    return names
