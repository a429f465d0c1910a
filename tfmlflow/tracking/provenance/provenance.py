"""What code and packages a run was made with."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import sys
from functools import cache
from pathlib import Path

from tfmlflow.tracking.provenance import scripts
from tfmlflow.tracking.provenance.git import diff, git
from tfmlflow.tracking.provenance.patch import LARGEST_NEW_FILE
from tfmlflow.tracking.provenance.written import WRITTEN, new_files

# Of new files that lie in the folder itself: reports, notes and pictures that people make beside their code. Anywhere
# below it, or in the repository, such a file may be what somebody trains on.
BESIDE = ("md", "rst", "html", "pdf", "log", "ipynb", "png", "svg")


def source_folder() -> str:
    """Where the running program comes from: its script's folder, or the working folder for an installed command."""
    script = Path(sys.argv[0])
    return str(script.resolve().parent) if script.suffix == ".py" and script.is_file() else "."


@cache
def commit(folder: str) -> tuple[str, bool] | None:
    """The commit checked out at `folder`, and whether files differ from it; None outside a repository."""
    head = git(folder, "rev-parse", "HEAD")
    if not head:
        return None
    return head.strip(), bool(git(folder, "status", "--porcelain", "--untracked-files=normal"))


@cache
def _differs(folder: str) -> str:
    """A digest of what files differ by from the commit, all of it that a training can depend on; empty for nothing."""
    but = [f":(exclude){name}" for name in WRITTEN]
    beside = [f":(exclude,glob)*.{ending}" for ending in BESIDE]
    changes = diff(folder, "HEAD", "--binary", "--", ":/", *but)
    digest, found = hashlib.sha256(changes.encode()), bool(changes)
    for name in new_files(folder, *beside):
        file = Path(folder) / name
        if file.is_file() and file.stat().st_size <= LARGEST_NEW_FILE:
            digest.update(name.encode() + b"\0" + file.read_bytes())
            found = True
    return digest.hexdigest()[:16] if found else ""


def code(folder: str) -> str:
    """Names the code at `folder`: the commit and a digest of what differs from it; outside a repository, of scripts."""
    head = commit(folder)
    if head is None:
        return scripts.digest(folder)
    return f"{head[0]} {_differs(folder)}".rstrip() if head[1] else head[0]


def program(folder: str) -> str:
    """Names all code of a program: that at `folder`, and that in the working folder, where own models may lie."""
    parts = [code(folder)]
    if Path(folder).resolve() != Path.cwd():
        parts.append(code("."))
    return " ".join(parts)


@cache
def packages() -> str:
    """Every installed package with its version, as pip takes it."""
    found = dict(filter(None, map(_named, importlib.metadata.distributions())))
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))


def _named(package: importlib.metadata.Distribution) -> tuple[str, str] | None:
    """Name and version, off the head of its metadata: to parse all of hundreds of them takes half a second."""
    text = package.read_text("METADATA") or package.read_text("PKG-INFO") or ""
    head = dict(re.findall(r"^(Name|Version):[ \t]*(\S+)", text.split("\n\n", 1)[0], re.MULTILINE))
    return (head["Name"].lower(), head["Version"]) if len(head) == 2 else None


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
