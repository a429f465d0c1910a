"""What code and packages a run was made with."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

# What trainings write, which may lie in the folder that they start in, and is not code.
WRITTEN = ("outputs", "multirun", "mlruns", "mlartifacts", "*.db", "*.db-*")
LARGEST_DIFF = 10_000_000  # characters
LARGEST_NEW_FILE = 200_000  # bytes


def source_folder() -> str:
    """Where the running program comes from: its script's folder, or the working folder for an installed command."""
    script = Path(sys.argv[0])
    return str(script.resolve().parent) if script.suffix == ".py" and script.is_file() else "."


@cache
def commit(folder: str) -> tuple[str, bool] | None:
    """The commit checked out at `folder`, and whether files differ from it; None outside a repository."""
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return None
    return head.strip(), bool(_git(folder, "status", "--porcelain"))


@cache
def diff(folder: str) -> str:
    """What files differ by from the commit, new small ones included, as `git apply` takes it; empty if by nothing."""
    but = [f":(exclude){name}" for name in WRITTEN]
    parts = [_git(folder, "diff", "HEAD", "--binary", "--", ":/", *but)]
    for name in _git(folder, "ls-files", "--others", "--exclude-standard", "--", ".", *but).splitlines():
        file = Path(folder) / name
        if file.is_file() and file.stat().st_size <= LARGEST_NEW_FILE:
            parts.append(_git(folder, "diff", "--no-index", "--binary", "/dev/null", name, differs=True))
    return "".join(parts)[:LARGEST_DIFF]


def code(folder: str) -> str:
    """Names the code at `folder`: the commit and a digest of what differs from it; outside a repository, of scripts."""
    head = commit(folder)
    if head is None:
        scripts = b"".join(script.read_bytes() for script in sorted(Path(folder).glob("*.py")) if script.is_file())
        return hashlib.sha256(scripts).hexdigest()[:16]
    return f"{head[0]} {hashlib.sha256(diff(folder).encode()).hexdigest()[:16]}" if head[1] else head[0]


def program(folder: str) -> str:
    """Names all code of a program: that at `folder`, and that in the working folder, where own models may lie."""
    parts = [code(folder)]
    if Path(folder).resolve() != Path.cwd():
        parts.append(code("."))
    return " ".join(parts)


@cache
def packages() -> str:
    """Every installed package with its version, as pip takes it."""
    found = {(d.metadata["Name"] or "").lower(): d.version for d in importlib.metadata.distributions()}
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()) if name)


def requirements(*names: str) -> list[str]:
    """The named packages with their versions; one that goes by another name here (tensorflow-cpu) is left out."""
    installed = packages().splitlines()
    return [line for line in installed if line.split("==")[0] in names]


def machine(devices: tuple[str, ...] = ()) -> str:
    """Python, system, processor and devices, as JSON."""
    return json.dumps(
        {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "system": platform.platform(),
            "processor": _processor(),
            "cpu_count": os.cpu_count(),
            "devices": list(devices),
        },
        indent=2,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _git(folder: str, *arguments: str, differs: bool = False) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments], capture_output=True, text=True, timeout=20, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode in ((0, 1) if differs else (0,)) else ""
