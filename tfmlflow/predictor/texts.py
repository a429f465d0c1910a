"""Texts, as the word numbers that a model takes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PADDING, UNKNOWN, FIRST = 0, 1, 2  # numbers: of no word, of any other word, of the most frequent one
# Letters and digits with their marks, and apostrophes between them; in scripts without spaces (Thai, Chinese) each.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"  # of Hebrew, Arabic, Hindi ...
LETTER = rf"(?:(?![{UNSPACED}])[^\W_]|[{MARKS}])"
WORD = re.compile(rf"[{UNSPACED}]|{LETTER}+(?:'{LETTER}+)*")


def words(text: str) -> list[str]:
    """The words of a text in small letters, without marks between them."""
    return WORD.findall(unicodedata.normalize("NFKC", text).lower().replace("’", "'"))


def vocabulary(texts: Iterable[str], most: int) -> tuple[str, ...]:
    """The most frequent words first, equally frequent ones by alphabet; so many that `most` numbers are enough."""
    counted = Counter(word for text in texts for word in words(text))
    return tuple(sorted(counted, key=lambda word: (-counted[word], word))[: most - FIRST])


def numbers(texts: Sequence[Any], known: Sequence[str], length: int) -> NDArray[np.int32]:
    """The first `length` words of each text, int32 `(n, length)`, padded with 0 at the front.

    Args:
        texts: Each a text, or what stands for a missing one (None, NaN), which is as an empty one.
        known: Words, the first of which has the number 2; 1 stands for others.
        length: Numbers a text.

    Raises:
        ValueError: One is neither.
    """
    places = {word: place for place, word in enumerate(known, FIRST)}
    table = np.zeros((len(texts), length), np.int32)
    for row, text in enumerate(texts):
        if is_missing(text):
            continue
        if not isinstance(text, str):
            raise ValueError(f"text {row}: is {text!r}, a {type(text).__name__}; it must be text")
        found = [places.get(word, UNKNOWN) for word in words(text)[:length]]
        if found:
            table[row, length - len(found) :] = found
    return table


def is_missing(text: Any) -> bool:
    """Whether it stands for a text that is not there."""
    return text is None or (isinstance(text, float) and np.isnan(text)) or type(text).__name__ == "NAType"
