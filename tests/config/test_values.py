"""The kinds of value that a key can have: what fits, and how what is allowed is said."""

from __future__ import annotations

from typing import Any

import pytest

from tfmlflow.config.nearest import did_you_mean
from tfmlflow.config.schema import SCHEMA
from tfmlflow.config.values import (
    COUNT,
    DECAY,
    INNER_SHARE,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    SWITCH,
    TABLE,
    TEXT,
    WHOLE,
    Many,
    Number,
    One,
    either,
    words,
)

NUMBERS = {
    "COUNT": COUNT,
    "WHOLE": WHOLE,
    "POSITIVE": POSITIVE,
    "NOT_NEGATIVE": NOT_NEGATIVE,
    "SHARE": SHARE,
    "INNER_SHARE": INNER_SHARE,
    "DECAY": DECAY,
    "any": Number(),
}
ALL: dict[str, Any] = {
    **NUMBERS,
    "SWITCH": SWITCH,
    "TEXT": TEXT,
    "TABLE": TABLE,
    "One": One(("a", "b")),
    "Many": Many(COUNT),
}


@pytest.mark.parametrize("kind", NUMBERS.values(), ids=list(NUMBERS))
@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_not_a_number(kind: Number, value: bool) -> None:
    assert not kind.fits(value)


@pytest.mark.parametrize("kind", NUMBERS.values(), ids=list(NUMBERS))
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_is_finite(kind: Number, value: float) -> None:
    assert not kind.fits(value)


@pytest.mark.parametrize("kind", NUMBERS.values(), ids=list(NUMBERS))
@pytest.mark.parametrize("value", ["1", "", "one", None, [1], {"a": 1}])
def test_text_that_looks_like_a_number_is_none(kind: Number, value: Any) -> None:
    assert not kind.fits(value)


@pytest.mark.parametrize("value", [1.0, 64.0, 1.5])
def test_a_whole_number_has_no_decimal_point(value: float) -> None:
    assert not COUNT.fits(value)
    assert not WHOLE.fits(value)


@pytest.mark.parametrize(
    ("kind", "fits", "does_not"),
    [
        (COUNT, (1, 2, 10**9), (0, -1)),
        (WHOLE, (0, 1), (-1,)),
        (POSITIVE, (1e-9, 0.5, 1, 100), (0, 0.0, -0.1)),
        (NOT_NEGATIVE, (0, 0.0, 3), (-1e-9,)),
        (SHARE, (0, 0.5, 1), (-0.1, 1.1)),
        (INNER_SHARE, (0.001, 0.999), (0, 1, 0.0, 1.0)),
        (DECAY, (0, 0.999), (1, 1.0, -0.1)),
        (Number(least=2, most=64), (2, 64), (1, 65)),
        (Number(above=0, below=1), (0.5,), (0, 1)),
    ],
    ids=str,
)
def test_the_ends_of_a_range_are_in_it_or_not(
    kind: Number, fits: tuple[float, ...], does_not: tuple[float, ...]
) -> None:
    assert [value for value in fits if not kind.fits(value)] == []
    assert [value for value in does_not if kind.fits(value)] == []


def test_a_switch_is_a_boolean_and_nothing_that_stands_for_one() -> None:
    assert SWITCH.fits(True)
    assert SWITCH.fits(False)
    assert [value for value in (1, 0, "true", "yes", "on", None) if SWITCH.fits(value)] == []


def test_text_is_not_empty() -> None:
    assert TEXT.fits("a")
    assert TEXT.fits(" ")
    assert [value for value in ("", None, 3, True, ["a"]) if TEXT.fits(value)] == []


def test_one_of_a_few_words_is_spelled_exactly() -> None:
    kind = One(("min", "max"))
    assert kind.fits("min")
    assert [value for value in ("Min", "mi", "", None, 1, ["min"], ("min",)) if kind.fits(value)] == []


def test_a_list_is_as_good_as_its_worst_element() -> None:
    kind = Many(COUNT)
    assert kind.fits([])
    assert kind.fits([1, 2])
    others: list[Any] = [[0], [1, 0], [True], [[1]], [None], "12", 1, None, {1: 1}]
    assert [value for value in others if kind.fits(value)] == []


def test_a_list_can_have_a_least_or_an_exact_length() -> None:
    assert not Many(COUNT, least=1).fits([])
    assert Many(COUNT, least=1).fits([1])
    pair = Many(COUNT, length=2)
    assert [pair.fits([1] * n) for n in range(4)] == [False, False, True, False]


def test_text_is_not_a_list_of_letters() -> None:
    assert not Many(TEXT).fits("abc")


def test_either_is_satisfied_by_one_of_its_kinds() -> None:
    kind = either(COUNT, One(("auto",)), None)
    assert [value for value in (1, "auto", None) if not kind.fits(value)] == []
    assert [value for value in (0, "aut", False, [1]) if kind.fits(value)] == []


def test_null_fits_only_where_it_is_named() -> None:
    assert [name for name, kind in ALL.items() if kind.fits(None)] == []
    assert either(COUNT, None).fits(None)


def test_a_mapping_is_a_mapping() -> None:
    assert TABLE.fits({})
    assert TABLE.fits({0: 1.5})
    others: list[Any] = [[], "a", None, 1]
    assert [value for value in others if TABLE.fits(value)] == []


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Number(), "a number"),
        (Number(whole=True), "a whole number"),
        (COUNT, "a whole number at least 1"),
        (WHOLE, "a whole number at least 0"),
        (POSITIVE, "a number greater than 0"),
        (SHARE, "a number at least 0 and at most 1"),
        (INNER_SHARE, "a number greater than 0 and less than 1"),
        (DECAY, "a number at least 0 and less than 1"),
        (SWITCH, "true or false"),
        (TEXT, "text"),
        (One(("min", "max")), "one of min, max"),
        (Many(COUNT), "a list, each a whole number at least 1"),
        (Many(COUNT, least=1), "a list of at least 1, each a whole number at least 1"),
        (Many(COUNT, length=2), "a list of 2, each a whole number at least 1"),
        (TABLE, "a mapping {key: value}"),
        (either(COUNT, None), "a whole number at least 1, or null"),
        (either(COUNT, Many(COUNT)), "a whole number at least 1, or a list of such values"),
        (either(COUNT, Many(TEXT)), "a whole number at least 1, or a list, each text"),
    ],
    ids=str,
)
def test_what_is_allowed_is_said_in_words(kind: Any, says: str) -> None:
    assert str(kind) == says


def test_words_are_those_of_every_kind_in_it() -> None:
    assert words(One(("a", "b"))) == ("a", "b")
    assert words(either(One(("a",)), COUNT, None, either(One(("b",))))) == ("a", "b")
    assert words(COUNT) == ()


def test_the_nearest_word_is_offered_and_a_distant_one_is_not() -> None:
    assert did_you_mean("learnig_rate", ["learning_rate", "momentum"]) == "; did you mean learning_rate?"
    assert did_you_mean("qqq", ["learning_rate", "momentum"]) == ""
    assert did_you_mean("anything", []) == ""


def test_every_kind_in_the_schema_can_be_said_and_refuses_something() -> None:
    nothing = object()
    for group, kinds in SCHEMA.items():
        for key, kind in kinds.items():
            assert str(kind), f"{group}.{key}"
            assert not kind.fits(nothing), f"{group}.{key}"
