"""Whether a `_target_` exists, found out without importing it.

Importing would load TensorFlow before the config is known to be right. The package is located, its modules are read as
text, and the name is looked for among what a module defines or imports.
"""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path

from tfmlflow.config.nearest import did_you_mean


def problem(target: str) -> str | None:
    """What is wrong with a dotted path, or None if it exists or cannot be judged from outside."""
    parts = target.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        return "must be a dotted path such as my_pkg.build"
    if parts[0] in sys.builtin_module_names:
        return None
    search: Sequence[str] | None = None
    for depth, part in enumerate(parts):
        spec = importlib.machinery.PathFinder.find_spec(part, search)
        if spec is None:
            return f"no package {part!r} is installed or in this folder{did_you_mean(part, _packages())}"
        names = _names(spec)
        search = spec.submodule_search_locations
        rest = parts[depth + 1 :]
        if not rest:
            break
        if len(rest) == 1 and names is not None and rest[0] in names:
            return None
        deeper = search is not None and importlib.machinery.PathFinder.find_spec(rest[0], search) is not None
        if not deeper:
            return None if names is None or rest[0] in names else _missing(".".join(parts[: depth + 1]), rest[0], names)
    return f"{target} is a module; name a function or class in it"


def _missing(owner: str, name: str, names: set[str]) -> str:
    public = sorted(known for known in names if not known.startswith("_"))
    listed = f"; it has {', '.join(public)}" if len(public) <= 12 else ""
    return f"{owner} has no {name!r}{did_you_mean(name, public) or listed}"


def _packages() -> set[str]:
    return {"keras", "tensorflow", "tfmlflow"} | {path.stem for path in Path.cwd().glob("*.py")}


def _names(spec: importlib.machinery.ModuleSpec) -> set[str] | None:
    """Names a module binds at its top level; None if they cannot be told from its text."""
    if spec.origin is None or not spec.origin.endswith(".py"):
        return None
    try:
        body = ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return None
    names: set[str] = set()
    pending = list(body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name == "__getattr__":
                return None
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":
                    return None
                names.add(alias.asname or alias.name.split(".")[0])
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(name.id for t in targets for name in ast.walk(t) if isinstance(name, ast.Name))
        elif isinstance(node, ast.If | ast.Try | ast.With):
            pending += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
            for handler in getattr(node, "handlers", []):
                pending += handler.body
    return names
