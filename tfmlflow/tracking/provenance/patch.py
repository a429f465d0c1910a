"""What the working tree differs by from its commit, fit to be kept: no keys, no data, secrets masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from tfmlflow.masking import masked_text
from tfmlflow.masking.forms import masked_base64
from tfmlflow.tracking.provenance.git import diff, git
from tfmlflow.tracking.provenance.written import WRITTEN, new_files
from tfmlflow.vocabulary import File

LONGEST = 10_000_000  # characters of all
LARGEST_NEW_FILE = 200_000  # bytes
MOST_NEW_FILES = 200
PROGRAMS = {
    *(".py", ".pyi", ".ipynb", ".c", ".cc", ".cpp", ".cu", ".h", ".hpp", ".go", ".rs", ".java", ".kt", ".scala"),
    *(".js", ".ts", ".r", ".jl", ".lua", ".pyx", ".proto"),
}
TEXTS = {
    *(".sh", ".bash", ".zsh", ".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".md", ".rst", ".txt", ".sql"),
    *(".html", ".css", ".cmake", ".mk", ".bat", ".ps1", ".in", ".lock", ".gin", ".jsonnet", ".dockerfile"),
}
NAMES = {"Makefile", "Dockerfile", "MLproject", "Pipfile", "Snakefile", "Jenkinsfile", "LICENSE", "README"}
NAMES |= {".gitignore", ".gitattributes", ".dockerignore", ".python-version", "CMakeLists.txt"}
UNKNOWN = "is neither code nor text of a known kind"
SECRET_FOLDERS = {".aws", ".ssh", ".gnupg", ".kube", ".azure", ".gcloud", ".docker"}
SECRET_FILE = re.compile(
    r"\.env(\..*|rc)?|.*\.env|\.?id_(rsa|dsa|ecdsa|ed25519).*|.*\.(pem|key|p12|pfx|jks|keystore|kdbx?|ppk|asc|gpg|crt|"
    r"cer|der|ovpn|tfvars|tfstate)|[._]netrc|\.pgpass|\.npmrc|\.pypirc|\.git-credentials|\.htpasswd|\.dockercfg|"
    r"\.my\.cnf|kubeconfig.*|.*service[-_]?account.*\.json|.*(secret|credential|password|passwd|token)s?[^/]*"
    r"(\.(ya?ml|json|toml|ini|txt|cfg|conf|csv|properties|xml))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Patch:
    """What files differ by from the commit.

    Attributes:
        text: As `git apply` takes it, after a head of comments that says what is not in it; empty if nothing differs.
        left_out: Files that differ and are not in it, with the reason.
        masked: Files some of whose lines are masked, so that it does not repeat them.
    """

    text: str
    left_out: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()


@cache
def of(folder: str) -> Patch:
    """That of the repository at `folder`: tracked files, and new ones of the folder that are code or short text."""
    but = [f":(exclude){name}" for name in WRITTEN]
    top = git(folder, "rev-parse", "--show-toplevel").strip()
    if not top:
        return Patch("")
    changed = _names(diff(folder, "HEAD", "--name-only", "-z", "--", ":/", *but))
    binary = {line.split("\t", 2)[2] for line in _names(diff(folder, "HEAD", "--numstat", "-z")) if line[:2] == "-\t"}
    new = new_files(folder)
    left_out: list[str] = []
    parts: list[tuple[str, str]] = []
    for name in changed:
        reason = "may hold a secret" if _is_secret_file(name) else "is no text" if name in binary else ""
        reason = reason or ("" if _is_text(Path(name)) else UNKNOWN)
        if reason:
            left_out.append(f"{name}: {reason}")
        else:
            parts.append((name, diff(top, "HEAD", "--", f":(literal){name}")))
    taken = 0
    for name in new:
        reason = _unfit(Path(folder) / name, name) or (
            "there are too many new files" if taken >= MOST_NEW_FILES else ""
        )
        if reason:
            left_out.append(f"{name}: {reason}")
        else:
            taken += 1
            parts.append((name, diff(folder, "--no-index", "/dev/null", name, differs=True)))
    return _patch(parts, left_out)


def of_program(folder: str) -> dict[str, str]:
    """Texts of the patches of a program at `folder`, by their files: its own, and that of the working folder, if that
    is in another repository, where models and data of one's own may lie; none of what differs in nothing.
    """
    places = {File.PATCH: folder}
    if git(folder, "rev-parse", "--show-toplevel") != git(".", "rev-parse", "--show-toplevel"):
        places[File.PATCH_HERE] = str(Path.cwd())
    return {file: text for file, place in places.items() if (text := of(place).text)}


def _patch(parts: Sequence[tuple[str, str]], left_out: list[str]) -> Patch:
    kept, hidden, length = [], [], 0
    for name, part in parts:
        said = "".join(_lines(part, PurePosixPath(name).suffix.lower() in PROGRAMS))
        if length + len(said) > LONGEST:
            left_out.append(f"{name}: the patch would be too long")
            continue
        length += len(said)
        kept.append(said)
        if said != part:
            hidden.append(name)
    head = [f"# masked, so that it does not repeat: {name}\n" for name in hidden]
    head += [f"# left out: {one}\n" for one in left_out]
    return Patch("".join([*head, *kept]), tuple(left_out), tuple(hidden))


def _lines(part: str, code: bool) -> Iterator[str]:
    """A file's head as it is, its content masked; all of it where it cannot be told what is head."""
    start = re.search(r"^@@ ", part, re.MULTILINE)
    head = start.start() if start is not None else 0
    yield part[:head]
    yield masked_base64(masked_text(part[head:], code))


def _unfit(file: Path, name: str) -> str:
    """Why a new file is left out; empty if it is not."""
    checks: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: _is_secret_file(name), "may hold a secret"),
        (lambda: file.is_symlink() or not file.is_file(), "is no plain file"),
        (lambda: not _is_text(file), UNKNOWN),
        (lambda: file.stat().st_size > LARGEST_NEW_FILE, f"is larger than {LARGEST_NEW_FILE // 1000} kB"),
        (lambda: b"\x00" in file.read_bytes(), "is no text"),
    )
    try:
        return next((reason for is_so, reason in checks if is_so()), "")
    except OSError:
        return "cannot be read"


def _is_text(file: Path) -> bool:
    return file.suffix.lower() in PROGRAMS | TEXTS or file.name in NAMES


def _is_secret_file(name: str) -> bool:
    path = PurePosixPath(name)
    program = path.suffix.lower() in PROGRAMS
    return bool(SECRET_FOLDERS & set(path.parts)) or (not program and SECRET_FILE.fullmatch(path.name) is not None)


def _names(listed: str) -> list[str]:
    return [name for name in listed.split("\x00") if name]
