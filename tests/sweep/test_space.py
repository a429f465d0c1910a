"""What a command line with `-m` describes: the grammar of values, grids, and points drawn by chance."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.sweep.grammar import space
from tfmlflow.errors import UsageError
from tfmlflow.sweep.search.dimension import Choices, Span
from tfmlflow.sweep.search.space import Space

LISTS = {
    "seed=1,2,3": ("1", "2", "3"),
    "seed=choice(1,2)": ("1", "2"),
    "seed=tag(mine,choice(1,2))": ("1", "2"),
    "seed=sort(3,1,2)": ("1", "2", "3"),
    "seed=range(1,4)": ("1", "2", "3"),
    "seed=range(3)": ("0", "1", "2"),
    "seed=range(1,10,4)": ("1", "5", "9"),
    "model.dropout=range(0,0.5,0.2)": ("0", "0.2", "0.4"),
    "model.units=[4],[8,4]": ("[4]", "[8,4]"),
    "model.name='a,b',c": ("'a,b'", "c"),
    "optimizer=glob(ada*)": ("adadelta", "adagrad", "adam", "adamw"),
    "optimizer=glob(ada*,exclude=adam*)": ("adadelta", "adagrad"),
}


@pytest.mark.parametrize(("typed", "values"), LISTS.items(), ids=list(LISTS))
def test_every_way_to_write_a_list(typed: str, values: tuple[str, ...]) -> None:
    found = space(typed)
    (dimension,) = found.dimensions
    assert dimension.values == values
    assert found.fixed == ()
    key = typed.split("=")[0]
    assert list(found.grid()) == [{key: value} for value in values]


def test_a_range_may_go_down_and_keeps_within_its_ends() -> None:
    (dimension,) = space("seed=range(10,1,-3)").dimensions
    assert set(dimension.values) == {"10", "7", "4"}


def test_a_shuffled_list_has_the_same_values() -> None:
    for typed in ("seed=shuffle(1,2,3)", "seed=shuffle(range(1,4))"):
        (dimension,) = space(typed).dimensions
        assert sorted(dimension.values) == ["1", "2", "3"]


def test_intervals_are_real_or_whole_linear_or_logarithmic() -> None:
    assert space("model.dropout=interval(0,0.5)").dimensions == (Span("model.dropout", 0, 0.5),)
    rate = "optimizer.learning_rate"
    assert space(f"{rate}=tag(log,interval(1e-5,1e-1))").dimensions == (Span(rate, 1e-5, 1e-1, log=True),)
    whole = Span("seed", 1, 64, whole=True)
    assert space("seed=int(interval(1,64))").dimensions == (whole,)
    assert space("seed=tag(int,interval(1,64))").dimensions == (whole,)
    assert space("seed=tag(log,int(interval(1,64)))").dimensions == (Span("seed", 1, 64, whole=True, log=True),)


def test_an_interval_needs_an_end_above_its_beginning_and_a_logarithmic_one_a_beginning_above_zero() -> None:
    for typed in ("seed=interval(3,3)", "seed=interval(5,1)", "seed=int(interval(5,1))"):
        with pytest.raises(UsageError, match=r"seed=interval.*the first must be less than the second"):
            space(typed)
    for typed in ("seed=tag(log,interval(0,1))", "seed=tag(log,interval(-1,1))"):
        with pytest.raises(UsageError, match="must begin above 0"):
            space(typed)


def test_what_does_not_vary_is_in_every_job_and_what_varies_comes_after_it() -> None:
    found = space("~data.limit", "+model.extra=3", "seed=1,2", "trainer.epochs=4")
    assert found.fixed == ("~data.limit", "+model.extra=3", "trainer.epochs=4")
    assert found.job({"seed": "2"}) == ("~data.limit", "+model.extra=3", "trainer.epochs=4", "seed=2")


def test_of_a_key_that_is_given_twice_the_last_counts() -> None:
    assert space("seed=1,2", "seed=7").dimensions == ()
    assert space("seed=1,2", "seed=7").fixed == ("seed=7",)
    found = space("seed=7", "seed=1,2")
    assert (found.fixed, found.keys) == ((), ("seed",))


def test_keys_lose_what_only_hydra_needs() -> None:
    found = space("+model.width=1,2", "++model.depth=1,2", "optimizer=adam,sgd")
    assert found.keys == ("model.width", "model.depth", "optimizer")
    assert next(found.grid()) == {"+model.width": "1", "++model.depth": "1", "optimizer": "adam"}
    assert found.job(next(found.grid())) == ("+model.width=1", "++model.depth=1", "optimizer=adam")


def test_a_grid_is_every_combination_the_last_key_fastest() -> None:
    points = list(space("optimizer=adam,sgd", "seed=1,2,3").grid())
    assert [tuple(point.values()) for point in points] == [(o, s) for o in ("adam", "sgd") for s in ("1", "2", "3")]


def test_a_sweep_of_nothing_is_one_job() -> None:
    assert list(space("seed=3").grid()) == [{}]
    assert space("seed=3").job({}) == ("seed=3",)


def test_a_grid_refuses_an_interval_and_says_what_can_be_done() -> None:
    with pytest.raises(UsageError, match=r"model.dropout=interval\(0,0.5\).*sweep=random or sweep=tpe"):
        list(space("seed=1,2", "model.dropout=interval(0,0.5)").grid())


def test_drawn_points_are_inside_and_the_same_for_a_seed() -> None:
    mixed = space(
        "optimizer=adam,sgd",
        "optimizer.learning_rate=tag(log,interval(1e-5,1e-1))",
        "model.dropout=interval(0,0.5)",
        "data.batch_size=tag(log,int(interval(1,256)))",
        "seed=int(interval(3,5))",
        "trainer.epochs=range(2,11,4)",
    )
    points = list(mixed.drawn(400, seed=1))
    assert points == list(mixed.drawn(400, seed=1))
    assert points != list(mixed.drawn(400, seed=2))
    assert {point["optimizer"] for point in points} == {"adam", "sgd"}
    assert {point["seed"] for point in points} == {"3", "4", "5"}
    assert {point["trainer.epochs"] for point in points} == {"2", "6", "10"}
    assert all(1e-5 <= float(point["optimizer.learning_rate"]) <= 1e-1 for point in points)
    assert all(0 <= float(point["model.dropout"]) <= 0.5 for point in points)
    sizes = [int(point["data.batch_size"]) for point in points]
    assert min(sizes) >= 1
    assert max(sizes) <= 256
    assert sum(size <= 16 for size in sizes) == pytest.approx(200, abs=50), "half of the logarithmic scale"
    small = sum(float(point["optimizer.learning_rate"]) < 1e-3 for point in points)
    assert small == pytest.approx(200, abs=50)


def test_a_longer_series_begins_like_a_shorter_one() -> None:
    found = space("model.dropout=interval(0,0.5)", "optimizer=adam,sgd", "seed=range(100)")
    series = [list(found.drawn(count, seed=0)) for count in (1, 3, 10)]
    assert all(longer[: len(shorter)] == shorter for shorter, longer in pairwise(series))


def test_drawn_numbers_are_short_enough_for_a_name() -> None:
    for point in space("model.dropout=interval(0,0.5)").drawn(50, seed=0):
        assert len(point["model.dropout"].split("e")[0].lstrip("0.")) <= 5


def test_the_ends_name_every_choice_both_ends_of_every_interval_and_a_point_between() -> None:
    found = space("optimizer=adam,sgd,lion", "model.dropout=interval(0,0.5)", "seed=range(1,9)")
    ends = list(found.ends())
    assert {point["optimizer"] for point in ends} == {"adam", "sgd", "lion"}
    assert {point["model.dropout"] for point in ends} == {"0", "0.5", "0.19098"}
    assert {point["seed"] for point in ends} >= {"1", "8"}
    assert all(set(point) == {"optimizer", "model.dropout", "seed"} for point in ends)
    assert list(space("seed=3").ends()) == []


def test_values_of_a_step_are_exact_on_the_way_up() -> None:
    (dimension,) = space("model.dropout=range(0,1,0.1)").dimensions
    assert isinstance(dimension, Span)
    assert [float(value) for value in dimension.values] == [round(i * 0.1, 1) for i in range(len(dimension.values))]
    assert len(dimension.values) == 10


def test_a_choice_is_drawn_evenly() -> None:
    import numpy as np

    chance = np.random.default_rng(0)
    drawn = [Choices("a", ("x", "y", "z")).draw(chance) for _ in range(600)]
    assert all(math.isclose(drawn.count(value), 200, abs_tol=50) for value in "xyz")


def test_neighbours_that_differ_late_stay_apart() -> None:
    (dimension,) = space("data.words=range(10000,10002,0.5)").dimensions
    assert dimension.values == ("10000", "10000.5", "10001", "10001.5")


def test_a_whole_interval_of_a_key_that_takes_whole_numbers_draws_such() -> None:
    """`interval(1,10)` reads to a user like whole numbers; Hydra makes floats of them, and a TPE job would get 3.7."""
    (dimension,) = space("seed=int(interval(1,10))").dimensions
    import numpy as np

    assert {dimension.draw(np.random.default_rng(i)) for i in range(200)} == {str(i) for i in range(1, 11)}


def test_what_is_drawn_does_not_depend_on_how_it_was_typed() -> None:
    one = list(space("optimizer=adam,sgd", "model.dropout=interval(0,0.5)", "seed=1,2,3").drawn(20, 0))
    other = list(space("seed=3,1,2", "model.dropout=interval(0,0.5)", "optimizer=sgd,adam").drawn(20, 0))
    assert one == other


def test_what_is_typed_twice_or_with_quotes_is_one_value() -> None:
    for typed in ("seed=1,2,1", "optimizer='adam',adam,sgd", "optimizer.learning_rate=1e-3,0.001,0.01"):
        (dimension,) = space(typed).dimensions
        assert len(dimension.values) == 2


CONDITIONAL = ("model=mlp,cnn", "model.units=[32],[64]", "optimizer=sgd,adam", "optimizer.momentum=0.5,0.9", "seed=1,2")


def conditional() -> Space:
    """As `CONDITIONAL`, with what varies where."""
    where = {"model.units": [("model", ("mlp",))], "optimizer.momentum": [("optimizer", ("sgd",))]}
    return space(*CONDITIONAL).conditioned(lambda dimension: where.get(dimension.key, []))


def is_right(point: dict[str, str]) -> bool:
    """Whether a point has what belongs to it, and nothing else."""
    return ("model.units" in point) == (point["model"] == "mlp") and (
        ("optimizer.momentum" in point) == (point["optimizer"] == "sgd")
    )


def test_a_grid_has_each_combination_once_where_keys_vary_by_condition() -> None:
    points = list(conditional().grid())
    assert len(points) == len({tuple(point.items()) for point in points}) == (2 + 1) * (2 + 1) * 2
    assert all(is_right(point) for point in points)
    assert all([*point] == [d.key for d in conditional().dimensions if d.key in point] for point in points)


def test_random_points_have_what_belongs_to_them() -> None:
    found = conditional()
    points = list(found.drawn(200, seed=1))
    assert all(is_right(point) for point in points)
    assert {point["model"] for point in points} == {"mlp", "cnn"}
    turned = replace(found, dimensions=found.dimensions[::-1])
    assert list(map(sorted, (p.items() for p in turned.drawn(20, seed=1)))) == [sorted(p.items()) for p in points[:20]]


def test_the_ends_reach_every_value_of_what_varies_by_condition() -> None:
    points = list(conditional().ends())
    assert all(is_right(point) for point in points)
    assert {point.get("model.units") for point in points} == {"[32]", "[64]", None}
    assert {point.get("optimizer.momentum") for point in points} == {"0.5", "0.9", None}


def test_conditions_on_conditions() -> None:
    where = {"seed": [("trainer.epochs", ("2",))], "trainer.epochs": [("model", ("mlp",))]}
    found = space("seed=1,2", "trainer.epochs=2,3", "model=mlp,cnn").conditioned(lambda d: where.get(d.key, []))
    assert list(found.grid()) == [
        {"seed": "1", "trainer.epochs": "2", "model": "mlp"},
        {"seed": "2", "trainer.epochs": "2", "model": "mlp"},
        {"trainer.epochs": "3", "model": "mlp"},
        {"model": "cnn"},
    ]
    with pytest.raises(UsageError, match=r"seed depends on trainer.epochs depends on seed"):
        list(found.conditioned(lambda d: [("seed", ("1",))] if d.key == "trainer.epochs" else []).grid())
