"""Texts in folders, one folder a class; their words become numbers by a vocabulary of the training texts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfmlflow.data.digest import of_files
from tfmlflow.data.record import Data, Split
from tfmlflow.data.splits import from_arrays
from tfmlflow.datasets import class_folders
from tfmlflow.datasets.table.file import MARKS, OTHER
from tfmlflow.errors import UsageError
from tfmlflow.predictor import texts
from tfmlflow.predictor.preparation import Preparation, Unfit

log = logging.getLogger(__name__)

ENDINGS = (".txt",)
COLUMN = "text"  # that a stored model takes
SAMPLE = 3  # texts that show what a model of these data takes
SHOWN = 5  # names in a message


def load(
    path: str,
    words: int = 10_000,
    length: int = 200,
    encoding: str | None = None,
    validation_share: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
    folds: int | None = None,
    fold: int = 0,
    prepared: Preparation | None = None,
) -> Data:
    """Texts as numbers of words, int32 (length,).

    Args:
        path: Folder with a folder of `.txt` files for each class; or with `train` and `test`, each with such folders.
        words: Size of the vocabulary, the most frequent words of the training texts; all others are one.
        length: Words of a text; of longer ones the first.
        encoding: Of the files; None: UTF-8, else cp1252.
        validation_share, test_share: Shares held out, each in (0, 1).
        seed: Decides which examples go where.
        folds, fold: Of a cross-validation: how many folds, and which of them validates, from 0.
        prepared: What a model was trained with: its classes and its vocabulary.

    Returns:
        Word numbers int32 `(length,)`, padded with 0 at the front; labels int32 `(n,)` or `(n, 1)`.

    Raises:
        UsageError: There are not two classes, or a file is no text of that encoding.
    """
    if prepared is not None and prepared.kind != "texts":
        raise UsageError(f"data.path={path}: texts, but the model was trained on {prepared.kind}")
    root = Path(path)
    (x, y), test, names = class_folders.files(root, ENDINGS, "text", prepared)
    files = [Path(str(file)) for file in (*x, *(test[0] if test else ()))]
    read = _read(files, root, encoding)
    places = np.arange(len(files))
    data = from_arrays(
        "text",
        places[: len(y)],
        y,
        test=None if test is None else (places[len(y) :], test[1]),
        task="binary" if len(names) == 2 else "multiclass",
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        folds=folds,
        fold=fold,
        digest=of_files(files, root),
        class_names=names,
        source=path,
    )
    return numbered(data, read, f"data.path={path}", prepared or learned(data, read, COLUMN, words, length))


def learned(data: Data, read: Sequence[str], column: str, words: int, length: int) -> Preparation:
    """The vocabulary, from the training texts alone.

    Args:
        data: Its examples are places in `read`.
        read: All texts.
        column: That a stored model takes.
        words: Size of the vocabulary.
        length: Words of a text.

    Raises:
        UsageError: There is no word in them.
    """
    known = texts.vocabulary((read[int(place)] for place in np.asarray(data.train.x)), words)
    if not known:
        raise UsageError(f"data.path={data.source}: no word in any of the {len(data.train)} training texts")
    return Preparation("texts", data.task, data.class_names, text=column, words=known, length=length)


def numbered(data: Data, read: Sequence[str], where: str, preparation: Preparation) -> Data:
    """The same data, with numbers of words in place of places in `read`."""
    try:
        table = preparation.texts(read, where)
    except Unfit as error:
        raise UsageError(str(error)) from error

    def of(split: Split) -> Split:
        return replace(split, x=table[np.asarray(split.x)])

    shown: list[Any] = [read[int(place)] for place in np.asarray(data.test.x)[:SAMPLE]]
    return replace(
        data,
        train=of(data.train),
        validation=of(data.validation),
        test=of(data.test),
        input_shape=(preparation.length,),
        vocabulary=len(preparation.words) + texts.FIRST,
        sample=pd.DataFrame({preparation.text: shown}),
        preparation=preparation,
    )


def _read(files: Sequence[Path], root: Path, encoding: str | None) -> list[str]:
    found, others = list[str](), list[str]()
    for file in files:
        name = file.relative_to(root)
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UsageError(f"data.path={root}: {name} cannot be read: {error.strerror or error}") from error
        named = encoding or next((known for mark, known in MARKS if content.startswith(mark)), "utf-8")
        try:
            text = content.decode(named)
        except LookupError:
            raise UsageError(
                f"data.encoding={encoding}: Python knows no such encoding; utf-8, cp1252, utf-16"
            ) from None
        except UnicodeDecodeError as error:
            if encoding is not None or named != "utf-8":
                raise UsageError(
                    f"data.path={root}: {name} is not {named}: {error}; data.encoding names another"
                ) from error
            text = content.decode(OTHER, "replace")
            others.append(str(name))
        if "\0" in text:
            raise UsageError(f"data.path={root}: {name} holds bytes that are no text; remove it, or name data.encoding")
        found.append(text)
    if others:
        log.warning(
            "data.path=%s: %s of %s files are not UTF-8, and read as %s: %s; data.encoding names another",
            *(root, len(others), len(files), OTHER, ", ".join(others[:SHOWN])),
        )
    return found
