"""Reading a table of text: its encoding, separator and decimal sign are found, unless they are named."""

from __future__ import annotations

import codecs
import csv
import io
import logging
import re
from itertools import islice
from pathlib import Path

import pandas as pd

from tfmlflow.errors import UsageError

log = logging.getLogger(__name__)

SEPARATORS = (",", ";", "\t", "|")
LOOKED_AT = 100  # lines by which the separator is found
COMMA = re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d+),\d+|[-+]?\d+")  # 1.234,5
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
OTHER = "cp1252"  # what a file is read as that is not UTF-8: Western European, a superset of printable latin-1


def read(path: str, separator: str | None = None, encoding: str | None = None) -> pd.DataFrame:
    """The table, one row a line, its first line the names of the columns.

    Args:
        path: The file.
        separator: Between two values; None: the one of `, ; tab |` by which all lines have equally many, and most.
        encoding: As Python names it; None: by its byte order mark, else UTF-8 if it is that, else cp1252.

    Raises:
        UsageError: It cannot be read so.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"data.path={path}: cannot be read: {error.strerror or error}") from error
    text = _decoded(path, content, encoding)
    found = separator or _separator(text)
    if separator is None and found != ",":
        log.info("data.path=%s: its values are separated by %r (data.separator names another)", path, found)
    try:
        frame = pd.read_csv(io.StringIO(text), sep=found)
    except Exception as error:
        raise UsageError(
            f"data.path={path}: not a table that can be read with data.separator={found!r}: {str(error).strip()}"
        ) from error
    return _with_numbers(path, frame) if found != "," else frame


def _decoded(path: str, content: bytes, encoding: str | None) -> str:
    named = encoding or next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(named)
    except LookupError:
        raise UsageError(f"data.encoding={encoding}: Python knows no such encoding; utf-8, cp1252, utf-16") from None
    except UnicodeDecodeError as error:
        if encoding is not None or named != "utf-8":
            raise UsageError(f"data.path={path}: is not {named}: {error}; data.encoding names another") from error
    log.warning("data.path=%s: is not UTF-8, and read as %s; data.encoding names another", path, OTHER)
    return content.decode(OTHER, errors="replace")


def _separator(text: str) -> str:
    lines = list(islice((line for line in text.splitlines() if line.strip()), LOOKED_AT))
    best, most = ",", 1
    for candidate in SEPARATORS:
        counts = {len(row) for row in csv.reader(lines, delimiter=candidate)}
        if len(counts) == 1 and (count := counts.pop()) > most:
            best, most = candidate, count
    return best


def _with_numbers(path: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of numbers with a decimal comma, as numbers."""
    turned = []
    for name in frame:
        texts = frame[name].dropna()
        if pd.api.types.is_numeric_dtype(frame[name]) or not len(texts):
            continue
        said = texts.astype(str).str.strip()
        if said.str.contains(",").any() and said.str.fullmatch(COMMA).all():
            plain = frame[name].astype("string").str.strip().str.replace(".", "").str.replace(",", ".")
            frame[name] = pd.to_numeric(plain)
            turned.append(str(name))
    if turned:
        log.info("data.path=%s: numbers with a decimal comma in %s", path, ", ".join(turned))
    return frame
