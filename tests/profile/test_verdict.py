"""What is said of a training, by the numbers that were measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tfmlflow.profile.measured import PARTS, Measured, Spent, Variant
from tfmlflow.profile.verdict import verdict

SETTINGS: dict[str, Any] = {
    "data": {"validation_share": 0.5, "cache": None},
    "augment": {"_target_": "tfmlflow.data.augment.none"},
    "hardware": {"intra_op_threads": None},
    "trainer": {"name": "loop", "steps_per_execution": "auto"},
    "tracking": {"checkpoint_every": 1},
}
HEALTHY = Measured(
    steps=100,
    epochs=10,
    batch_size=64,
    group=50,
    jit=False,
    first=0.5,
    step=0.0102,
    bare=0.0102,
    cached=0.010,
    pipeline=0.001,
    evaluation=0.05,
    tracking=Spent(step=1e-6, epoch=0.01),
    callbacks={"BestWeights": Spent(epoch=0.01)},
)


def settings(**changed: Any) -> dict[str, Any]:
    """Settings with some keys of some groups changed: `trainer={"name": "fit"}`."""
    return {group: values | changed.get(group, {}) for group, values in SETTINGS.items()}


def test_a_healthy_training_gets_no_advice() -> None:
    said = verdict(HEALTHY, SETTINGS)
    assert said.bound == "healthy"
    assert said.findings == ()
    assert "compute" in said.sentence


def test_parts_add_up_to_the_whole_and_are_all_named() -> None:
    assert tuple(HEALTHY.parts) == PARTS
    assert sum(HEALTHY.shares.values()) == pytest.approx(1.0)
    expected = 0.5 + 10 * (100 * (0.0102 + 1e-6) + 0.05 + 0.02)
    assert HEALTHY.whole == pytest.approx(expected)


BOUND: dict[str, tuple[Measured, dict[str, Any], str, tuple[str, ...], float]] = {
    "slow decoding": (
        replace(HEALTHY, bare=0.04, step=0.04, pipeline=0.035, decodes=True),
        {},
        "input",
        ("data.cache=memory",),
        40 / 13.5,  # seconds: 40 of steps; 10 without the wait, and 3.5 to decode all once
    ),
    "heavy augmentation": (
        replace(HEALTHY, bare=0.04, step=0.04, pipeline=0.035),
        {"augment": {"_target_": "tfmlflow.data.augment.geometric"}},
        "input",
        (),
        4,
    ),
    "XLA that hurts": (
        replace(HEALTHY, jit=True, other_jit=Variant(0.0025, 1.0, 64)),
        {},
        "compute",
        ("trainer.jit_compile=false",),
        11.4 / (11.4 - 7.5),
    ),
    "XLA that would help": (
        replace(HEALTHY, other_jit=Variant(0.005, 1.0, 64)),
        {},
        "compute",
        ("trainer.jit_compile=true",),
        11.4 / (11.4 - 5 + 1),
    ),
    "threads": (
        replace(HEALTHY, threads=5.7),
        {"hardware": {"intra_op_threads": 64}},
        "compute",
        ("hardware.intra_op_threads=null", "hardware.inter_op_threads=null"),
        2,
    ),
    "one step a call": (
        replace(HEALTHY, group=1, step=0.0204, grouped=Variant(0.010, 0.1, 64)),
        {"trainer": {"steps_per_execution": 1}},
        "overhead",
        ("trainer.steps_per_execution=auto",),
        2,
    ),
    "tiny batches": (
        replace(HEALTHY, batch_size=4, larger=Variant(0.0204, 0.1, 32)),
        {},
        "overhead",
        ("data.batch_size=32",),
        11.4 / (11.4 - 7.65 - 0.4),
    ),
    "a callback": (
        replace(HEALTHY, callbacks={"Busy": Spent(step=0.0102)}),
        {},
        "callback",
        (),
        2,
    ),
    "changing shapes": (
        replace(HEALTHY, jit=True, varies=True, bare=0.05, step=0.05, waited=0.02),
        {},
        "compile",
        ("trainer.jit_compile=false",),
        51.2 / (51.2 - 39),
    ),
    "compiling a short training": (
        replace(HEALTHY, jit=True, epochs=1, first=10.0, other_jit=Variant(0.010, 0.5, 64)),
        {},
        "compile",
        ("trainer.jit_compile=false",),
        11 / 1.6,
    ),
    "checkpoints": (
        replace(HEALTHY, tracking=Spent(step=0.0102)),
        {"tracking": {"checkpoint_every": "1 steps"}},
        "tracking",
        ("tracking.checkpoint_every='10 minutes'",),
        2,
    ),
    "a large validation set": (
        replace(HEALTHY, evaluation=1.0),
        {},
        "evaluation",
        (),
        1.8,
    ),
}


@pytest.mark.parametrize("name", BOUND)
def test_a_bottleneck_is_named_with_its_remedy_and_the_gain_that_follows(name: str) -> None:
    measured, changed, bound, overrides, gain = BOUND[name]
    said = verdict(measured, settings(**changed))
    assert said.bound == bound
    assert said.findings[0].overrides == overrides
    assert said.findings[0].gain == pytest.approx(gain, rel=0.1)
    assert f"at most {said.findings[0].gain:.1f} times faster" in said.sentence


def test_measurements_that_contradict_each_other_are_no_verdict() -> None:
    said = verdict(replace(HEALTHY, cached=0.0197, bare=0.0644), SETTINGS)
    assert (said.bound, said.findings) == ("unsure", ())
    assert "took 19.7 ms, one in the training, with all around it, 10.2 ms" in said.sentence


def test_no_advice_is_given_for_what_would_not_be_noticed() -> None:
    assert verdict(replace(HEALTHY, other_jit=Variant(0.0095, 0.0, 64)), SETTINGS).bound == "healthy"
    assert verdict(replace(HEALTHY, bare=0.0105, step=0.0105), SETTINGS).bound == "healthy"


def test_nothing_is_advised_that_is_set_already() -> None:
    measured = replace(HEALTHY, bare=0.04, step=0.04, pipeline=0.035, decodes=True)
    assert verdict(measured, settings(data={"cache": "memory"})).findings[0].overrides == ()
    slow = replace(HEALTHY, tracking=Spent(step=0.0102))
    assert verdict(slow, settings(tracking={"checkpoint_every": None})).findings[0].overrides == ()


@pytest.mark.parametrize(("bare", "word"), [(0.0106, "healthy"), (0.0115, "moderately"), (0.0135, "highly")])
def test_the_words_for_input_are_those_of_tensorflows_profiler(bare: float, word: str) -> None:
    quiet: Any = {"evaluation": 0.0, "callbacks": {}, "tracking": Spent(), "first": 0.0}
    measured = replace(HEALTHY, bare=bare, step=bare, pipeline=0.0, decodes=True, waited=1 - 0.01 / bare, **quiet)
    assert verdict(measured, SETTINGS).sentence.startswith(word)


def test_steps_are_not_said_to_wait_for_more_than_their_batches_cost() -> None:
    chance = replace(HEALTHY, bare=0.02, step=0.02)
    assert chance.a_step["input"] == pytest.approx(chance.pipeline)
    seen = replace(chance, pipeline=0.02, waited=0.01)
    assert seen.a_step["input"] == pytest.approx(0.01 * seen.step)


# What was measured of healthy trainings that had advice: seconds by the CNN's step, whose pipeline has clocks.
AUGMENTED = {"augment": {"_target_": "tfmlflow.data.augment.geometric"}}


def test_a_step_whose_turns_begin_with_an_empty_pipeline_is_not_said_to_wait() -> None:
    """Measured with its data it is slower than in the training itself; the clocks there have seen 4 %."""
    seen = replace(HEALTHY, step=0.0104, bare=0.0144, cached=0.0102, pipeline=0.005, waited=0.04, group=6)
    assert seen.a_step["input"] == pytest.approx(0.04 * 0.0104)
    assert seen.a_step["overhead"] == 0
    assert verdict(seen, settings(**AUGMENTED)).bound == "healthy"
    assert verdict(replace(seen, decodes=True), SETTINGS).bound == "healthy"


def test_what_threads_of_the_data_take_from_a_step_is_their_doing() -> None:
    """Its clocks have seen 30 %, on cores that the decoding has kept busy while steps were at work."""
    seen = replace(HEALTHY, step=0.04, bare=0.06, cached=0.01, pipeline=0.035, waited=0.3, decodes=True)
    assert seen.a_step["input"] == pytest.approx(0.03)
    assert verdict(seen, SETTINGS).findings[0].overrides == ("data.cache=memory",)


def test_a_way_into_the_graph_takes_no_longer_than_one_can() -> None:
    """A step of 60 ms in groups of 6 that was slower by a fifth in the training: the machine's doing."""
    seen = replace(HEALTHY, step=0.072, bare=0.060, cached=0.058, waited=0.01, group=6)
    assert seen.a_step["overhead"] == pytest.approx(0.01 / 6)
    assert sum(seen.a_step.values()) == pytest.approx(seen.step)


def test_where_nothing_can_be_set_a_moderate_wait_is_no_advice() -> None:
    some = replace(HEALTHY, step=0.012, bare=0.012, pipeline=0.004, waited=0.15)
    assert verdict(some, settings(**AUGMENTED)).bound == "healthy"
    assert verdict(replace(some, decodes=True, pipeline=0.0), SETTINGS).findings[0].overrides == ("data.cache=memory",)
    more = replace(some, step=0.016, bare=0.016, pipeline=0.006, waited=0.37)
    assert verdict(more, settings(**AUGMENTED)).bound == "input"
