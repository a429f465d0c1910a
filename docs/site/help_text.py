"""What `python train.py --help` says beside groups and keys, and the examples in the help of commands."""

from __future__ import annotations

from typing import Any

import yaml

from tfmlflow.config.location import conf


def markdown() -> str:
    """Examples and flags, as they are printed."""
    text = (conf() / "hydra" / "help" / "tfmlflow.yaml").read_text(encoding="utf-8")
    return f"```text\n{yaml.safe_load(text)['footer'].rstrip()}\n```"


def examples_as_code(app: Any, context: Any, lines: list[str]) -> None:
    """For `sphinx-click-process-description`: what click leaves as it is written are commands."""
    made: list[str] = []
    for line in lines:
        if line.startswith("| "):
            if not (made and made[-1].startswith("    ")):
                made += [".. code-block:: bash", ""]
            made.append(f"    {line[2:]}")
        else:
            made.append(line)
    lines[:] = made
