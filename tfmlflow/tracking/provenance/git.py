"""What git says."""

from __future__ import annotations

import os
import subprocess

THEIRS = ("GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS")  # by which somebody's differences look as they like them
SETTINGS = ("-c", "diff.relative=false", "-c", "diff.context=3", "-c", "diff.interHunkContext=0")
PLAIN = (
    *("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--submodule=short"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)


def git(folder: str, *arguments: str, differs: bool = False) -> str:
    """The output of a git command at `folder`; empty if it fails, or there is no git.

    Args:
        folder, arguments: `git -C folder arguments`.
        differs: Exit code 1 says that something differs, and no more.
    """
    environment = {name: value for name, value in os.environ.items() if name not in THEIRS}
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments],
            env=environment,
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    said = done.stdout.decode("utf-8", errors="replace")  # with the line ends of the files, which `git apply` looks for
    return said if done.returncode in ((0, 1) if differs else (0,)) else ""


def diff(folder: str, *arguments: str, differs: bool = False) -> str:
    """The output of `git diff`, as `git apply` takes it, whatever somebody has set for their own eyes.

    Colours, a program of their own, other prefixes or names from another folder would hide from us what is in it.
    """
    return git(folder, *SETTINGS, "diff", *PLAIN, *arguments, differs=differs)
