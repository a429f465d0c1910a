"""Masks secrets in any text: YAML, JSON, overrides, commands, logs, diffs, tracebacks."""

from __future__ import annotations

import re

from tfmlflow.masking import forms, pairs

MASK = forms.MASK


def masked_text(text: str, code: bool = False) -> str:
    """`text` with its secrets masked and all else as it is; the number of lines stays the same.

    Args:
        text: Of any kind and length; takes time in proportion to it.
        code: It is a program, in which only what stands in quotes is a value.
    """
    if not HINT.search(text):
        return text
    return forms.masked(pairs.masked(forms.masked_keys(text), code))


HINT = re.compile(
    r"://|%3a%2f|mysql|mariadb|mongo|redis-cli|docker|-----BEGIN|pass|pwd|secret|token|key|credential|auth|bearer|cookie|connection"
    r"|AKIA|ASIA|AIza|eyJ|gh[pousr]_|github_pat|glpat|xox|hf_|gl[a-z]{2,5}-|GOCSPX|dop_v1|shp[a-z]{2}_|webhook|:AA|sk-|npm_|pypi-|dapi|SG\.|_live_|ya29",
    re.IGNORECASE,
)
