"""What makes two runs the same: the resolved config and the code, whatever they are called and wherever they go."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

ELSEWHERE = ("tracking", "sweep", "hydra", "resume", "trusted")  # where a run goes, not what it is


def fingerprint(settings: Mapping[str, Any], code: str) -> str:
    """32 hexadecimal digits.

    Args:
        settings: The whole config, resolved.
        code: Names the code: commit, and digest of what differs from it.
    """
    what = {key: value for key, value in settings.items() if key not in ELSEWHERE}
    if dict(what.get("compress", {})) == {"name": "none"}:  # a training is what it was before there was such a group
        del what["compress"]
    content = json.dumps([what, code], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:32]
