"""What git says."""

from __future__ import annotations

import subprocess


def git(folder: str, *arguments: str, differs: bool = False) -> str:
    """The output of a git command at `folder`; empty if it fails, or there is no git.

    Args:
        folder, arguments: `git -C folder arguments`.
        differs: Exit code 1 says that something differs, and no more.
    """
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments], capture_output=True, text=True, timeout=20, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode in ((0, 1) if differs else (0,)) else ""
