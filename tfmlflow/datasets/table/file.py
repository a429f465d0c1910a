"""Reading a table of text: its encoding, separator and decimal sign are found, unless they are named."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import csv
import gzip
import io
import logging
import lzma
import re
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pandas as pd

from tfmlflow.errors import UsageError

log = logging.getLogger(__name__)

SEPARATORS = (",", ";", "\t", "|")
LOOKED_AT = 100  # lines by which the separator is found
THOUSANDS = re.compile(r"[-+]?\d{1,3}(\.\d{3})*")  # 1.234
COMMA = re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d+),\d+|[-+]?\d+")  # 1.234,5
EITHER = re.compile(rf"{COMMA.pattern}|[-+]?\d{{1,3}}(,\d{{3}})+(\.\d+)?")  # or 1,234.5
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
ARCHIVES = (".zip", ".zst", ".tar")  # which pandas opens, and nothing is found out about
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
    if Path(path).suffix in ARCHIVES:
        encoding, separator = encoding or "utf-8", separator or ","
        named, errors = encoding, "strict"
    else:
        named, errors = _encoding(path, encoding)
    found = separator
    try:
        found = separator or _separator(path, named, errors)
        options: dict[str, Any] = {"sep": found, "encoding": named, "encoding_errors": errors}
        frame = pd.read_csv(path, **options)
    except Exception as error:
        how = f" with data.separator={separator!r}" if separator else ""
        raise UsageError(f"data.path={path}: not a table that can be read{how}: {str(error).strip()}") from error
    if separator is None and found != ",":
        log.info("data.path=%s: its values are separated by %r (data.separator names another)", path, found)
    if found != ",":
        return _with_numbers(path, frame, options)
    _warn_of_commas(path, frame)
    return frame


def _encoding(path: str, encoding: str | None) -> tuple[str, str]:
    """The encoding, and what is done with bytes that are none of it."""
    try:
        with _opened(path) as stream:
            begin = stream.read(4)
            named = encoding or next((name for mark, name in MARKS if begin.startswith(mark)), "utf-8")
            decoder = codecs.getincrementaldecoder(named)()
            while begin:
                decoder.decode(begin)
                begin = stream.read(1 << 20)
            decoder.decode(b"", final=True)
            return named, "strict"
    except LookupError:
        raise UsageError(f"data.encoding={encoding}: Python knows no such encoding; utf-8, cp1252, utf-16") from None
    except OSError as error:
        raise UsageError(f"data.path={path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        if encoding is not None or named != "utf-8":
            raise UsageError(f"data.path={path}: is not {named}: {error}; data.encoding names another") from error
    log.warning("data.path=%s: is not UTF-8, and read as %s; data.encoding names another", path, OTHER)
    return OTHER, "replace"


def _opened(path: str) -> AbstractContextManager[IO[bytes]]:
    """The bytes, unpacked where the name says that they are packed (.gz, .bz2, .xz), as pandas takes it."""
    unpack: Any = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(Path(path).suffix, open)
    opened: AbstractContextManager[IO[bytes]] = unpack(path, "rb")
    return opened


def _separator(path: str, encoding: str, errors: str) -> str:
    with _opened(path) as stream, io.TextIOWrapper(stream, encoding, errors) as text:
        lines = list(islice((line for line in text if line.strip()), LOOKED_AT))
    best, most = ",", 1
    for candidate in SEPARATORS:
        with contextlib.suppress(csv.Error):  # a field that is too long
            counts = {len(row) for row in csv.reader(lines, delimiter=candidate)}
            if len(counts) == 1 and (count := counts.pop()) > most:
                best, most = candidate, count
    return best


def _with_numbers(path: str, frame: pd.DataFrame, options: dict[str, Any]) -> pd.DataFrame:
    """Columns of numbers with a decimal comma, as numbers; in such a table a point stands between thousands."""
    turned = [
        name
        for name in frame
        if not pd.api.types.is_numeric_dtype(frame[name]) and _all(frame[name], COMMA) and _any(frame[name], ",")
    ]
    if not turned:
        return frame
    pointed = [name for name in frame if pd.api.types.is_float_dtype(frame[name])]
    texts = pd.read_csv(path, usecols=pointed, dtype=str, **options) if pointed else frame[[]]
    turned += [name for name in pointed if _all(texts[name], THOUSANDS) and _any(texts[name], ".")]
    for name in turned:
        column = texts[name] if name in pointed else frame[name]
        plain = column.astype("string").str.strip().str.replace(".", "", regex=False)
        frame[name] = pd.to_numeric(plain.str.replace(",", ".", regex=False))
    log.info("data.path=%s: numbers with a decimal comma in %s", path, ", ".join(map(str, turned)))
    return frame


def _warn_of_commas(path: str, frame: pd.DataFrame) -> None:
    """In a table of commas "1,5" may be two numbers, "1,234" a thousand or one and a bit: it stays text, said aloud."""
    texts = {name: frame[name] for name in frame if not pd.api.types.is_numeric_dtype(frame[name])}
    found = [name for name, values in texts.items() if _all(values, EITHER) and _any(values, ",")]
    if found:
        log.warning(
            "data.path=%s: numbers with a comma, such as %r, in %s are taken as text: commas separate values; "
            "write them with a point and without groups",
            path,
            str(frame[found[0]].dropna().iloc[0]),
            ", ".join(map(str, found)),
        )


def _all(values: pd.Series, form: re.Pattern[str]) -> bool:
    texts = values.dropna().astype(str).str.strip()
    return bool(len(texts)) and bool(texts.str.fullmatch(form).all())


def _any(values: pd.Series, mark: str) -> bool:
    return bool(values.dropna().astype(str).str.contains(mark, regex=False).any())
