"""Which names say that their value is a secret."""

from __future__ import annotations

import re
from typing import Any

WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
# Whole words, or the ends of words that are written together (PGPASSWORD).
ENDS = (
    *("password", "passwd", "passphrase", "passcode", "passwort", "secret", "apikey", "credential", "privatekey"),
    *("accesskey", "secretkey", "authtoken", "accesstoken"),
)
WORDS = {"pwd", "secrets", "passwords", "credentials", "authorization", "cookie", "bearer", "webhook", "webhooks"}
WAYS = {"none", "basic", "digest", "bearer", "oauth", "oauth2", "kerberos", "ldap", "token", "jwt", "mtls"}
# `key`, `token`, `pass` and `string` say it only beside another word.
KEYS = {
    *("access", "account", "api", "app", "application", "auth", "client", "encryption", "license", "master", "private"),
    *("secret", "service", "session", "shared", "signing", "ssh", "storage", "subscription", "webhook", "write"),
}
COUNTS = {  # kinds of tokens that are pieces of text
    *("bos", "cls", "end", "eos", "mask", "max", "min", "n", "next", "num", "oov", "pad", "per", "sep", "special"),
    *("start", "stop", "total", "unk", "word"),
}
LOGINS = {"admin", "db", "database", "ftp", "git", "ldap", "login", "mail", "mysql", "pg", "postgres", "redis", "root"}
LOGINS |= {"smtp", "ssh", "sudo", "user", "proxy", "http", "https", "mongo", "sql", "server"}
# After these the value is about a secret and none itself.
ABOUT = {
    *("age", "attempts", "count", "digits", "env", "environment", "expires", "expiry", "field", "file", "filename"),
    *(
        "folder",
        "format",
        "header",
        "helper",
        "id",
        "kind",
        "length",
        "location",
        "max",
        "min",
        "mode",
        "name",
        "path",
        "policy",
    ),
    *("prompt", "required", "rounds", "scope", "size", "timeout", "ttl", "type", "uri", "url", "variable", "version"),
}
SWITCH = re.compile(r"true|false|null|none|yes|no|on|off|~|\*+", re.IGNORECASE)
NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
REFERENCE = re.compile(r"\$?\{[^}]*\}|\$\w+|%\w+%|\{\{[^}]*\}\}")  # names where the value is


def is_secret(key: str, value: Any) -> bool:
    """Whether a setting is one that must not be stored: `db_password=1234` is, `max_tokens=1234` is not.

    Args:
        key: Dotted, in any spelling: `DB_PASS`, `api-key`, `clientSecret`.
        value: Of the setting. Switches, nothing at all and references to an environment variable are no secrets.
    """
    if value is None or isinstance(value, bool):
        return False
    said = str(value).strip()
    if not said or SWITCH.fullmatch(said) or REFERENCE.fullmatch(said):
        return False
    sure, likely = named(key)
    last = re.split(r"[./]", key)[-1].lower()
    if (last == "pwd" and said.startswith(("/", "~", "."))) or (last == "auth" and said.lower() in WAYS):
        return False  # the working folder; a way of logging in
    return sure or (likely and not NUMBER.fullmatch(said))


def named(key: str) -> tuple[bool, bool]:
    """Whether a name surely is that of a secret, and whether it is one unless its value is a number."""
    found = [_part(part) for part in re.split(r"[./\[\]]+", key) if part]
    return any(sure for sure, _ in found), any(likely for _, likely in found)


def _part(part: str) -> tuple[bool, bool]:
    words = [word.lower() for word in WORD.findall(part)]
    if words and "webhook" in words and words[-1] in ("url", "uri"):
        return True, True
    if not words or (len(words) > 1 and words[-1] in ABOUT):
        return False, False
    if any(word.endswith(ENDS) or word in WORDS for word in words):
        return True, True
    last, others = words[-1], set(words[:-1])
    if last in ("key", "keys") and others & KEYS:
        return True, True
    if last == "string" and "connection" in others:
        return True, True
    if last == "pass":
        return bool(others & LOGINS), not others
    if words == ["auth"]:
        return False, True
    return False, last == "token" and not others & COUNTS
