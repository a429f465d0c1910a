"""Secrets that have a name before them: `password: 'a b'`, `--api-key x`, `"token": "y"`, lists and blocks of them."""

from __future__ import annotations

import re

from tfmlflow.masking.forms import MASK
from tfmlflow.masking.keys import NUMBER, is_secret, named

PAIR = re.compile(
    r"""(?<![\w.\-])(?P<key>[\w.\-]{1,120}+)"""
    r"""(?P<between>\\?["']?\]?(?:[ \t]{0,40}(?:=>|:=|==?|:)[ \t]{0,40}|(?<=[\w])[ ]{1,4}(?=[^\s\-=:]))"""
    r"""|\\?["'][ \t]{0,8},[ \t]{0,8}(?=\\?["'])|>(?=[^<\s]))"""
)
QUOTED = (  # in another text (JSON in JSON), long strings of programs, double quotes, single ones, which YAML doubles
    re.compile(r"""(?P<open>\\(?P<quote>["']))(?P<value>(?:(?!\\(?P=quote))[^\n])*)"""),
    re.compile(r'''(?P<open>[fbruFBRU]{0,2}(?P<quote>"""|\'\'\'))(?P<value>(?:(?!(?P=quote))[\s\S]){0,5000})'''),
    re.compile(r"""(?P<open>[fbruFBRU]{0,2}")(?P<value>(?:\\[^\n]|[^"\n\\])*)"""),
    re.compile(r"""(?P<open>[fbruFBRU]{0,2}')(?P<value>(?:\\[^\n]|''(?=[^\s,;:)}\]])|[^'\n\\])*)"""),
)
FLOW = re.compile(r"\$?\{[^}\n]*\}|[^\s,{}\[\]\"']+")
WORD = re.compile(r"\$?\{[^}\n]*\}|(?:\\(?![nrt\"'])|[^\s&;)<}\]\"'\\])+")
LINE = re.compile(r"[^\n]+")
BLOCK = re.compile(r"[|>][+\-0-9]{0,2}[ \t]*\n")
NESTED = re.compile(r"[ \t]*\n(?P<first>[ +\-]*\S)")
ITEM = re.compile(r"(?P<lead>[ +\-]*(?:[\w.\-]+:(?=[ \t]))?[ \t]*)(?P<value>\S.*)?")
ANNOTATION = re.compile(r"[ \t]*[\w.\[\], |]{1,60}=[ \t]*(?=[fbruFBRU]{0,2}[\"'])")
STARTS_A_LINE = re.compile(r"[ \t+\-*>#]*[\"']?")
CALL = re.compile(r"(?:getenv|\.get|setdefault|setenv|putenv|environ\[)\(\s*\\?[\"']$|(?<!\w)\(\s*\\?[\"']$")
SETS = re.compile(r"(?:^|\s)(?:ENV|ARG|set|setx|set -x|export)\s+$", re.IGNORECASE)
NEAR = 300  # characters of a line that are looked back on
FAR = 2000  # characters of one value
NAME = re.compile(r"[\w.\[\]()]+")
CLOSES = {"[": "]", "{": "}", "(": ")"}


def masked(text: str, code: bool = False) -> str:
    """`text` with the values of names that say so masked; of a program, those in quotes, in comments, and numbers."""
    parts: list[str] = []
    place = copied = 0
    while (found := PAIR.search(text, place)) is not None:
        key = found["key"]
        place = found.end("key")
        if not any(named(key)):
            continue
        start, stop, shown = _value(text, found, code)
        if stop > start and is_secret(key.lstrip("-"), text[start:stop]):
            parts += [text[copied:start], shown]
            copied = place = stop
    return "".join(parts) + text[copied:]


def _value(text: str, found: re.Match[str], code: bool) -> tuple[int, int, str]:
    """Where the value begins and ends, and what is to stand there; the same place twice if it is none."""
    place, between = found.end(), found["between"]
    nothing = place, place, ""
    begins = text.rfind("\n", max(0, found.start() - NEAR), found.start()) + 1 or max(0, found.start() - NEAR)
    before = text[begins : found.start()]
    if not re.search(r"[:=]", between) and not _belongs(before, found):
        return nothing
    if (annotation := ANNOTATION.match(text, place)) is not None:
        place = annotation.end()
    quoted = next((match for form in QUOTED if (match := form.match(text, place))), None)
    if quoted is not None:
        lines = quoted["value"].count("\n")
        return quoted.start("value"), quoted.end("value"), "\n".join([MASK] * (lines + 1))
    if text[place : place + 1] in CLOSES and (end := _closed(text, place)) > place + 1:
        if text[place] == "{" and (NAME.fullmatch(text, place + 1, end) or not named(found["key"])[0]):
            return nothing  # the value of a variable; names of its own
        return place + 1, end, "\n".join([MASK] * (text.count("\n", place + 1, end) + 1))
    if code and not _in_words(before):
        number = NUMBER.match(text, place)
        return (place, number.end(), MASK) if number is not None and all(named(found["key"])) else nothing
    return _bare(text, place, found, before)


def _belongs(before: str, found: re.Match[str]) -> bool:
    """Whether what follows a name without a sign is its value: of a flag, a call, a tuple, an element."""
    between, key = found["between"], found["key"]
    if "," in between:
        return key.startswith("-") or CALL.search(before) is not None
    if between == ">":
        return before.endswith("<")
    return key.startswith("--") or SETS.search(before) is not None


def _in_words(before: str) -> bool:
    """Whether a place in a line of a program is in a comment, or in a string."""
    if "#" in before or "//" in before:
        return True
    return any((before.count(quote) - before.count("\\" + quote)) % 2 for quote in "\"'")


def _bare(text: str, place: int, found: re.Match[str], before: str) -> tuple[int, int, str]:
    """A value without quotes."""
    between = found["between"]
    block = BLOCK.match(text, place)
    nested = NESTED.match(text, place) if between.strip().endswith(":") else None
    depth = len(before) - len(before.lstrip(" +-"))
    if block is not None:
        return _block(text, block.end(), depth)
    if nested is not None:
        start = text.index("\n", place) + 1
        return _block(text, start, depth, "-" in nested["first"])
    quote = before[-1:] if before[-1:] in ("'", '"') else before.rstrip("+~")[-1:]
    if quote and quote in "'\"" and text[found.end("key") : found.end("key") + 1] != quote:  # 'key=a b'
        end, line = text.find(quote, place, place + FAR), text.find("\n", place, place + FAR)
        if end >= 0 and (line < 0 or end < line):
            return place, end, MASK
    spaced = between.endswith((" ", "\t"))
    if spaced and between.strip() in (":", "=") and STARTS_A_LINE.fullmatch(before):
        kind = LINE
    else:
        kind = FLOW if ":" in between else WORD
    value = kind.match(text, place)
    if value is None:
        return place, place, ""
    said = value[0].rstrip().rstrip(",")
    return place, place + len(said), MASK


def _closed(text: str, place: int) -> int:
    """Where the bracket that opens at `place` is closed; `place` if it is not."""
    depth, opens, closes = 0, text[place], CLOSES[text[place]]
    for at in range(place, min(len(text), place + FAR)):
        depth += (text[at] == opens) - (text[at] == closes)
        if depth == 0:
            return at
    return place


def _block(text: str, place: int, indent: int, items: bool = False) -> tuple[int, int, str]:
    """Lines of YAML below a name, each of which is masked; `items` of a list may be indented as little as it."""
    end, lines = place, []
    while end < len(text):
        stop = text.find("\n", end) + 1 or len(text)
        line = text[end:stop]
        bare = line.rstrip("\n")
        depth = len(bare) - len(bare.lstrip(" +-"))
        if bare.strip(" +-") and depth <= indent and not (items and bare.lstrip(" +").startswith("- ")):
            break
        item = ITEM.fullmatch(bare)
        hidden = f"{item['lead']}{MASK if item['value'] else ''}" if item is not None else MASK
        lines.append(hidden + line[len(bare) :])
        end = stop
    return place, end, "".join(lines)
