"""Secrets that have a name before them: `password: 'a b'`, `--api-key x`, `"token": "y"`."""

from __future__ import annotations

import re

from tfmlflow.masking.forms import MASK
from tfmlflow.masking.keys import is_secret, named

PAIR = re.compile(
    r"""(?<![\w.\-])(?P<key>[\w.\-]{1,120}+)"""
    r"""(?P<between>\\?["']?\]?(?:[ \t]{0,40}(?:=>|:=|==?|:)[ \t]{0,40}|(?<=[\w])[ ]{1,4}(?=[^\s\-=:])))"""
)
QUOTED = (  # in another text (JSON in JSON), in double quotes, in single ones, which YAML and shells double
    re.compile(r"""(?P<open>\\(?P<quote>["']))(?P<value>(?:(?!\\(?P=quote))[^\n])*)"""),
    re.compile(r"""(?P<open>[fbruFBRU]{0,2}")(?P<value>(?:\\[^\n]|[^"\n\\])*)"""),
    re.compile(r"""(?P<open>[fbruFBRU]{0,2}')(?P<value>(?:\\[^\n]|''(?=[^\s,;:)}\]])|[^'\n\\])*)"""),
)
FLOW = re.compile(r"\$\{[^}\n]*\}|[^\s,{}\[\]\"']+")
WORD = re.compile(r"\$\{[^}\n]*\}|[^\s&;)}\]\"']+")
LINE = re.compile(r"[^\n]+")
BLOCK = re.compile(r"[|>][+\-0-9]{0,2}[ \t]*\n")
STARTS_A_LINE = re.compile(r"[ \t+\-*>#]*[\"']?")


def masked(text: str, code: bool = False) -> str:
    """`text` with the values of names that say so masked; of a program, only those in quotes."""
    parts: list[str] = []
    place = copied = 0
    while (found := PAIR.search(text, place)) is not None:
        key, between = found["key"], found["between"]
        place = found.end("key")
        flag = not re.search(r"[:=]", between)
        if (flag and not key.startswith("--")) or not any(named(key)):
            continue
        start, stop, shown = _value(text, found, code)
        if stop > start and is_secret(key.lstrip("-"), text[start:stop]):
            parts += [text[copied:start], shown]
            copied = place = stop
    return "".join(parts) + text[copied:]


def _value(text: str, found: re.Match[str], code: bool) -> tuple[int, int, str]:
    """Where the value begins and ends, and what is to stand there."""
    place = found.end()
    quoted = next((match for form in QUOTED if (match := form.match(text, place))), None)
    if quoted is not None:
        return quoted.start("value"), quoted.end("value"), MASK
    if code:
        return place, place, ""
    begins = text.rfind("\n", 0, found.start()) + 1
    before = text[begins : found.start()]
    block = BLOCK.match(text, place)
    if block is not None:
        return _block(text, block.end(), len(before) - len(before.lstrip(" +-")))
    quote = before[-1:] if before[-1:] in ("'", '"') else before.rstrip("+~")[-1:]
    if quote and quote in "'\"" and text[found.end("key") : found.end("key") + 1] != quote:  # 'key=a b'
        end = text.find(quote, place)
        line = text.find("\n", place)
        if end >= 0 and (line < 0 or end < line):
            return place, end, MASK
    spaced = found["between"].endswith((" ", "\t"))
    if spaced and found["between"].strip() in (":", "=") and STARTS_A_LINE.fullmatch(before):
        kind = LINE
    else:
        kind = FLOW if ":" in found["between"] else WORD
    value = kind.match(text, place)
    if value is None:
        return place, place, ""
    said = value[0].rstrip().rstrip(",")
    return place, place + len(said), MASK


def _block(text: str, place: int, indent: int) -> tuple[int, int, str]:
    """A block of lines in YAML, each of which is masked."""
    end, lines = place, []
    while end < len(text):
        stop = text.find("\n", end) + 1 or len(text)
        line = text[end:stop]
        bare = line.rstrip("\n")
        depth = len(bare) - len(bare.lstrip(" +-"))
        if bare.strip() and depth <= indent:
            break
        lines.append(bare[:depth] + (MASK if bare.strip() else "") + line[len(bare) :])
        end = stop
    return place, end, "".join(lines)
