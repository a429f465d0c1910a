"""What a server of a stored model is asked: one of the model's own examples, in JSON and as a command."""

from __future__ import annotations

import base64
import json
import math
import shlex
from pathlib import Path
from typing import Any

LONGEST = 1500  # characters of a body that stands in a command line


def body(example: Any) -> str | None:
    """The first of raw examples, as a request in JSON; None if there is none."""
    if example is None or not len(example):
        return None
    if hasattr(example, "to_dict"):
        row = {str(name): _plain(value) for name, value in example.iloc[0].to_dict().items()}
        return json.dumps({"dataframe_records": [row]}, ensure_ascii=False)
    if isinstance(example, dict):
        return json.dumps({"inputs": {name: one[:1].tolist() for name, one in example.items()}})
    return json.dumps({"inputs": example[:1].tolist()})


def curl(url: str, request: str, place: Path) -> str:
    """A command line that asks the server; a long body goes into a file in `place`."""
    said = request
    if len(request) > LONGEST:
        (place / "request.json").write_text(request, encoding="utf-8")
        said = f"@{place / 'request.json'}"
    return f"curl {url}/invocations -H 'Content-Type: application/json' -d {shlex.quote(said)}"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    value = value.item() if hasattr(value, "item") else value
    if value is None or (isinstance(value, float) and not math.isfinite(value)) or str(value) in ("NaT", "<NA>"):
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)
