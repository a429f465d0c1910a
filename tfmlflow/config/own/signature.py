"""What arguments a function of somebody's own takes, read in its module's text without importing it."""

from __future__ import annotations

import ast
import importlib.machinery
from dataclasses import dataclass
from pathlib import Path

from tfmlflow.config.own.targets import found

HOPS = 5  # `from .build import build`, followed so often


@dataclass(frozen=True)
class Signature:
    """Arguments by name.

    Attributes:
        names: All of them, in their order.
        required: Those without a default.
        open: Whether it takes any others too (`**kwargs`).
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    open: bool


def of(target: str) -> Signature | None:
    """The signature of a function, or of a class's `__init__`; None where the text does not tell."""
    module, _, name = target.rpartition(".")
    for _ in range(HOPS):
        spec = found(module)
        body = _body(spec)
        if spec is None or body is None:
            return None
        defined = next((node for node in reversed(body) if getattr(node, "name", None) == name), None)
        if isinstance(defined, ast.FunctionDef | ast.AsyncFunctionDef):
            return None if _changed(defined) else _arguments(defined.args)
        if isinstance(defined, ast.ClassDef):
            made = next((node for node in defined.body if getattr(node, "name", None) == "__init__"), None)
            known = isinstance(made, ast.FunctionDef) and not defined.keywords
            return _arguments(made.args, bound=True) if known and isinstance(made, ast.FunctionDef) else None
        elsewhere = _imported(spec, body, name)
        if elsewhere is None:
            return None
        module, name = elsewhere
    return None


def _body(spec: importlib.machinery.ModuleSpec | None) -> list[ast.stmt] | None:
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    try:
        return ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return None


def _changed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a decorator may have given it other arguments."""
    return bool(function.decorator_list)


def _arguments(said: ast.arguments, bound: bool = False) -> Signature:
    plain = [*said.posonlyargs, *said.args][1 if bound else 0 :]
    optional = {one.arg for one in plain[len(plain) - len(said.defaults) :]} if said.defaults else set()
    optional |= {one.arg for one, value in zip(said.kwonlyargs, said.kw_defaults, strict=True) if value is not None}
    names = tuple(one.arg for one in [*plain, *said.kwonlyargs])
    return Signature(names, tuple(name for name in names if name not in optional), said.kwarg is not None)


def _imported(spec: importlib.machinery.ModuleSpec, body: list[ast.stmt], name: str) -> tuple[str, str] | None:
    """(module, name there) of a name that a module takes from another one."""
    for node in reversed(body):
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            if (alias.asname or alias.name) == name and isinstance(node, ast.ImportFrom):
                package = spec.name if spec.submodule_search_locations else spec.name.rpartition(".")[0]
                for _ in range(node.level - 1):
                    package = package.rpartition(".")[0]
                where = ".".join(filter(None, (package if node.level else "", node.module or "")))
                return (where, alias.name) if where else None
    return None
