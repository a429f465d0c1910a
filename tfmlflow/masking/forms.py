"""Secrets that are known by their form, whatever stands before them."""

from __future__ import annotations

import re

MASK = "********"

BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
LONGEST_KEY = 20_000  # characters
BASE64_LINE = re.compile(r"[^\S\n]*[+\-> |]?[^\S\n]*[A-Za-z0-9+/=]{16,}[^\S\n]*(?:\n|\Z)")
BODY = re.compile(r"(?m)^([+\- ]?[^\S\n]*)\S[^\n]*$")

URL = re.compile(r"""(?P<scheme>[A-Za-z][\w+.\-]{0,30}://)(?P<rest>[^\s"'<>`]+)""")
QUERY = re.compile(
    r"(?<=[?&;])(?!viewStateShareKey=)"  # which names a view of MLflow's page
    r"(?:((?:[\w.\-]{0,30}(?:[\w.\-]key|token|secret|signature|password|passwd|credential))|sig|pwd|sas)"
    r"=[^&;\s\"'#<>]+|(key|auth|code)=[^&;\s\"'#<>]{16,})",
    re.IGNORECASE,
)
HOOKS = re.compile(
    r"(https?://(?:hooks\.slack\.com/(?:services|workflows|triggers)|(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks|"
    r"[\w.\-]{0,60}webhook\.office\.com/\w{1,20}|outlook\.office(?:365)?\.com/webhook|chat\.googleapis\.com/v1/spaces)"
    r"/)[^\s\"'<>]+",
    re.IGNORECASE,
)
HEADER = re.compile(
    r"""((?:proxy-)?authorization\\?["']?\s{0,4}[:=,]\s{0,4}\\?["']?(?:f|b|r)?["']?)"""
    r"""(?:(bearer|basic|token|digest|apikey|negotiate)(\s{1,4}))?([^\s"'\\{}][^\n"'\\{}]*)""",
    re.IGNORECASE,
)
BEARER = re.compile(
    r"\b(bearer|basic)(\s{1,4})((?=[A-Za-z._~+/\-]*\d)[A-Za-z0-9._~+/\-]{16,}={0,2}|[A-Za-z0-9+/]{8,}={1,2})",
    re.IGNORECASE,
)
USER = re.compile(r"(\bcurl\b[^\n]{0,300}?\s(?:-u|--user)\s{1,4}[\"']?[^\s:\"']{1,100}:)[^\s\"']+")
TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{22,255}"
    r"|gl[a-z]{2,5}-[\w\-]{20,255}|GOCSPX-[\w\-]{20,60}|dop_v1_[0-9a-f]{60,70}|shp[a-z]{2}_[0-9a-f]{30,40}|xox[abeoprs]-[A-Za-z0-9\-]{10,255}|hf_[A-Za-z0-9]{20,255}|sk-(?=[\w\-]*[\dA-Z])[\w\-]{20,255}"
    r"|(?:sk|rk|pk)_live_[A-Za-z0-9]{16,255}|AIza[\w\-]{35}|ya29\.[\w\-]{20,255}|npm_[A-Za-z0-9]{36}"
    r"|pypi-[\w\-]{20,1000}|dapi[0-9a-f]{32}|SG\.[\w\-]{16,64}\.[\w\-]{16,64}"
    r"|eyJ[\w\-]{8,2000}\.eyJ[\w\-]{8,4000}(?:\.[\w\-]{0,2000})?)(?![A-Za-z0-9])"
)
QUOTE_IN_LOGIN = re.compile(  # which ends an address elsewhere
    r"""([A-Za-z][\w+.\-]{0,30}://)[^\s:/@"'<>]{0,100}:[^\s@<>,()\[\]{}]{0,200}["'][^\s@<>,()\[\]{}]{0,200}@(?=[\w\[])"""
)
ENCODED = re.compile(r"([a-z][\w+.\-]{0,30}%3a%2f%2f)[^\s\"'<>&]{0,300}?%40", re.IGNORECASE)
FLAG = re.compile(
    r"(\b(?:mysql|mariadb)\w*\b[^\n|;&]{0,300}?\s-p|\b(?:sshpass|mongo\w*|docker\s{1,4}login)\b[^\n|;&]{0,300}?\s-p\s{0,4}"
    r"|\bredis-cli\b[^\n|;&]{0,300}?\s-a\s{1,4})(?:\"[^\"\n]+\"|'[^'\n]+'|[^\s\"'\-][^\s\"']*)"
)
TELEGRAM = re.compile(r"(\b(?:bot)?\d{6,12}:)AA[\w\-]{20,60}")
NETRC = re.compile(r"(\blogin\s{1,8}\S{1,200}\s{1,8}password\s{1,8})\S+")


def masked(text: str) -> str:
    """Addresses with a login, queries, headers, webhooks and the tokens of well-known services."""
    text = HOOKS.sub(rf"\g<1>{MASK}", text)
    text = URL.sub(_without_login, QUOTE_IN_LOGIN.sub(rf"\g<1>{MASK}@", text))
    text = FLAG.sub(rf"\g<1>{MASK}", ENCODED.sub(rf"\g<1>{MASK}%40", text))
    text = QUERY.sub(lambda found: f"{found[1] or found[2]}={MASK}", text)
    text = HEADER.sub(lambda found: f"{found[1]}{found[2] or ''}{found[3] or ''}{MASK}", text)
    text = BEARER.sub(rf"\g<1>\g<2>{MASK}", text)
    text = USER.sub(rf"\g<1>{MASK}", TELEGRAM.sub(rf"\g<1>{MASK}", text))
    return NETRC.sub(rf"\g<1>{MASK}", TOKENS.sub(MASK, text))


def masked_keys(text: str) -> str:
    """Private keys: all between the first line and the last, or what looks like one where the last line is missing."""
    parts, place = [], 0
    while (begin := BEGIN.search(text, place)) is not None:
        end = END.search(text, begin.end(), begin.end() + LONGEST_KEY)
        stop = end.start() if end is not None else _lines_of_base64(text, begin.end())
        body = text[begin.end() : stop]
        hidden = BODY.sub(rf"\g<1>{MASK}", body) if "\n" in body else MASK if body else ""
        parts += [text[place : begin.end()], hidden]
        place = stop
    return "".join(parts) + text[place:]


def masked_base64(text: str) -> str:
    """Lines that are nothing but base64, as of a key whose first line is not there."""
    return re.sub(r"(?m)^([+\- ]?[^\S\n]*)[A-Za-z0-9+/]{48,76}={0,2}[^\S\n]*$", rf"\g<1>{MASK}", text)


def _lines_of_base64(text: str, place: int) -> int:
    place = text.find("\n", place) + 1 or len(text)
    while (line := BASE64_LINE.match(text, place)) is not None and line.end() > place:
        place = line.end()
    return place


def _without_login(found: re.Match[str]) -> str:
    """A password may hold `@` and `/`: where there is one, all up to the last `@` goes."""
    rest = found["rest"]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, colon, password = authority.partition(":")
    port = password.isdigit() and found["scheme"].lower() in ("http://", "https://")
    if "@" in rest and colon and "@" not in user and not port:
        return f"{found['scheme']}{MASK}@{rest.rpartition('@')[2]}"
    if "@" in authority:
        return f"{found['scheme']}{MASK}@{authority.rpartition('@')[2]}{rest[len(authority) :]}"
    return found[0]
