"""Texts: their words, the vocabulary of the training texts alone, encodings, what is said of those without words."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tfmlflow.data import Data
from tfmlflow.datasets import csv, text
from tfmlflow.errors import UsageError
from tfmlflow.predictor import texts

COUNT = 20


def folders(root: Path, count: int = COUNT) -> Path:
    """Text i of a class has the class's word, one of its own, and one that all have."""
    for name in ("bad", "good"):
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f"{number}.txt").write_text(f"The {name} one, {name}{number}.", encoding="utf-8")
    return root


def table(folder: Path, **columns: Any) -> str:
    file = folder / "t.csv"
    pd.DataFrame(columns).to_csv(file, index=False)
    return str(file)


def spoken(data: Data, split: str = "train") -> list[list[str]]:
    """The words behind the numbers."""
    assert data.preparation is not None
    known = ["", "?", *data.preparation.words]
    return [[known[number] for number in row if number] for row in getattr(data, split).x]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("Don’t STOP, it's 3rd-rate!", ["don't", "stop", "it's", "3rd", "rate"]),
        ("Über 'quoted' snake_case", ["über", "quoted", "snake", "case"]),
        ("日本語 abc", ["日", "本", "語", "abc"]),
        ("हिन्दी में।", ["हिन्दी", "में"]),
        ("\uff26\uff55\uff4c\uff4c e\u0301t\u00e9", ["full", "été"]),
        ("... !!! \n", []),
    ],
)
def test_words_are_letters_and_digits_of_any_script(given: str, found: list[str]) -> None:
    assert texts.words(given) == found


def test_numbers_are_padded_at_the_front_cut_at_the_end_and_one_stands_for_unknown_words() -> None:
    found = texts.numbers(["a b", "b c a b", None, float("nan"), ""], ("a", "b"), 3)
    assert found.dtype == np.int32
    assert found.tolist() == [[0, 2, 3], [3, 1, 2], [0, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_the_vocabulary_has_the_frequent_words_first_and_so_many_that_all_numbers_fit() -> None:
    assert texts.vocabulary(["b a c", "b c", "b"], 4) == ("b", "c")
    assert texts.vocabulary(["b a c", "a"], 100) == ("a", "b", "c")


def test_folders_become_word_numbers_and_the_vocabulary_is_of_the_training_texts_alone(tmp_path: Path) -> None:
    data = text.load(str(folders(tmp_path)), length=6)
    assert (data.task, data.class_names, data.input_dtype) == ("binary", ("bad", "good"), "int32")
    assert data.input_shape == (6,) == data.train.x.shape[1:]
    assert data.train.x.max() == (data.vocabulary or 0) - 1
    for words, label in zip(spoken(data), data.train.y.ravel(), strict=True):
        assert words[:3] == ["the", data.class_names[label], "one"]
        assert words[3].startswith(data.class_names[label])
    assert {tuple(words[3:]) for words in spoken(data, "test")} == {("?",)}
    assert data.digest == text.load(str(tmp_path), length=3, words=6).digest
    (tmp_path / "bad" / "0.txt").write_text("other")
    assert data.digest != text.load(str(tmp_path), length=6).digest


def test_a_model_s_own_vocabulary_numbers_other_texts(tmp_path: Path) -> None:
    first = text.load(str(folders(tmp_path / "a")), length=6)
    again = text.load(str(folders(tmp_path / "b", 30)), length=99, words=4, prepared=first.preparation)
    assert (again.vocabulary, again.input_shape) == (first.vocabulary, (6,))
    assert {words[0] for words in spoken(again)} == {"the"}


def test_other_encodings_are_told_and_binary_files_are_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folders(tmp_path)
    (tmp_path / "bad" / "3.txt").write_bytes("schön übel".encode("cp1252"))
    (tmp_path / "bad" / "4.txt").write_text("schön", encoding="utf-16")
    read = text._read([tmp_path / "bad" / f"{number}.txt" for number in (3, 4)], tmp_path, None)
    assert read == ["schön übel", "schön"]
    assert "1 of 2 files are not UTF-8, and read as cp1252: bad/3.txt; data.encoding names another" in caplog.text
    with pytest.raises(UsageError, match=r"bad/3.txt is not utf-8: .*data.encoding names another"):
        text.load(str(tmp_path), encoding="utf-8")
    with pytest.raises(UsageError, match=r"data.encoding=klingon: Python knows no such encoding"):
        text.load(str(tmp_path), encoding="klingon")
    (tmp_path / "good" / "3.txt").write_bytes(b"\x00\x01")
    with pytest.raises(UsageError, match=r"good/3.txt holds bytes that are no text"):
        text.load(str(tmp_path))


def test_texts_without_words_are_counted_and_kept_rows_without_a_text_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reviews = ["fine work"] * 20 + [None] * 3 + ["?!"] * 2 + ["poor work"] * 20
    path = table(tmp_path, review=reviews, stars=[5] * 25 + [1] * 20, who=["x"] * 45)
    with caplog.at_level(logging.WARNING):
        data = csv.load(path, "stars", text="review", length=4)
    assert len(data.train) + len(data.validation) + len(data.test) == 42
    assert "3 of 45 rows have no review and are left out" in caplog.text
    assert "2 of 42 texts have no word in them" in caplog.text
    assert "with data.text=review these are not trained on: who" in caplog.text
    assert data.preparation is not None
    assert set(data.preparation.words) == {"work", "fine", "poor"}
    assert list(data.raw.columns) == ["review"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"text": "words"}, "no column 'words'; it has review, stars"),
        ({"text": "stars"}, "data.text=stars: is the label, too"),
        ({"text": "age"}, "data.text=age: the column holds int64, no text"),
        ({"text": "marks"}, "no word in any of the"),
    ],
)
def test_a_column_that_holds_no_texts_is_refused(tmp_path: Path, options: dict[str, str], says: str) -> None:
    path = table(tmp_path, review=["a b"] * 20, stars=[1, 2] * 10, age=range(20), marks=["?"] * 20)
    with pytest.raises(UsageError, match=says):
        csv.load(path, "stars", **options)  # type: ignore[arg-type]


def test_a_model_of_texts_is_not_given_a_table_nor_the_other_way_round(tmp_path: Path) -> None:
    path = table(tmp_path, review=["a b"] * 20, stars=[1, 2] * 10)
    of_texts = csv.load(path, "stars", text="review").preparation
    of_rows = csv.load(path, "stars").preparation
    assert csv.load(path, "stars", prepared=of_texts).vocabulary == 4
    with pytest.raises(UsageError, match=r"data.text=review: the model was trained on a table"):
        csv.load(path, "stars", text="review", prepared=of_rows)
    with pytest.raises(UsageError, match="texts, but the model was trained on table"):
        text.load(str(tmp_path), prepared=of_rows)
