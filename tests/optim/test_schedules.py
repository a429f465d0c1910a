"""Learning rates at steps that were computed by hand, and in real trainings."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import keras
import pytest
from omegaconf import OmegaConf

from tests.conftest import ROOT
from tests.trainer.tiny import Memory, clouds, fit
from tfmlflow.optim import schedules
from tfmlflow.optim.schedules import Run, Schedule
from tfmlflow.run import part

RUN = Run(learning_rate=0.1, steps_per_epoch=10, epochs=10)


def rates(schedule: Schedule, *steps: int) -> list[float]:
    assert callable(schedule.learning_rate)
    assert schedule.callbacks == ()
    return [float(schedule.learning_rate(step)) for step in steps]


def trained(schedule: Schedule, epochs: int, **options: Any) -> tuple[Memory, keras.Model]:
    memory = Memory()
    model, _ = fit(
        clouds(),
        optimizer=keras.optimizers.SGD(schedule.learning_rate),
        callbacks=schedule.callbacks,
        memory=memory,
        epochs=epochs,
        **options,
    )
    return memory, model


def test_constant_never_changes() -> None:
    assert schedules.constant(RUN) == Schedule(0.1)


def test_exponential_decays_by_the_epoch_also_within_it() -> None:
    schedule = schedules.exponential(RUN, decay_rate=0.5)
    assert rates(schedule, 0, 5, 10, 30) == pytest.approx([0.1, 0.1 * math.sqrt(0.5), 0.05, 0.0125])


def test_exponential_in_stairs_changes_between_epochs_only() -> None:
    schedule = schedules.exponential(RUN, decay_rate=0.5, decay_epochs=2, staircase=True)
    assert rates(schedule, 0, 19, 20, 39, 40) == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])


def test_step_multiplies_at_each_milestone() -> None:
    schedule = schedules.step(RUN, milestones=[0.8, 0.5], factor=0.1)
    assert rates(schedule, 0, 49, 51, 79, 81, 99) == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_the_first_step_after_a_milestone_has_the_new_rate() -> None:
    assert rates(schedules.step(RUN, milestones=[0.5], factor=0.1), 50) == pytest.approx([0.01])


def test_cosine_falls_from_the_learning_rate_to_its_final_share() -> None:
    assert rates(schedules.cosine(RUN), 0, 50, 100) == pytest.approx([0.1, 0.05, 0.0], abs=1e-8)
    quarter = (1 + math.cos(math.pi / 4)) / 2
    expected = [0.1, 0.02 + 0.08 * quarter, 0.06, 0.02]
    assert rates(schedules.cosine(RUN, final=0.2), 0, 25, 50, 100) == pytest.approx(expected)


def test_warmup_rises_from_zero_and_then_falls_as_the_cosine() -> None:
    schedule = schedules.warmup_cosine(RUN, warmup=0.2, final=0.1)
    assert rates(schedule, 0, 10, 20, 60, 100) == pytest.approx([0.0, 0.05, 0.1, 0.055, 0.01])


def test_warmup_has_at_least_one_step_and_leaves_one() -> None:
    short = Run(0.1, 1, 2)
    assert rates(schedules.warmup_cosine(short, warmup=0.01), 0, 1) == pytest.approx([0.0, 0.1])
    assert rates(schedules.warmup_cosine(short, warmup=0.99), 0, 2) == pytest.approx([0.0, 0.1])


def test_a_schedule_ends_with_the_real_number_of_steps() -> None:
    memory, model = trained(schedules.cosine(Run(0.1, steps_per_epoch=4, epochs=3), final=0.5), epochs=3)
    assert int(model.optimizer.iterations) == 12
    expected = [0.05 + 0.05 * (1 + math.cos(math.pi * share)) / 2 for share in (1 / 3, 2 / 3, 1)]
    assert memory.rates == pytest.approx(expected)


def test_plateau_lowers_the_rate_after_patience_and_not_below_its_least() -> None:
    run = Run(0.1, 4, 8)
    # No improvement reaches min_delta, so that only the first epoch counts as better.
    schedule = schedules.plateau(run, factor=0.1, patience=2, min_delta=100.0, min_learning_rate=0.005)
    memory, _ = trained(schedule, epochs=8)
    assert memory.rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.005, 0.005, 0.005, 0.005])


def test_plateau_waits_for_its_cooldown() -> None:
    schedule = schedules.plateau(Run(0.1, 4, 6), factor=0.1, patience=1, min_delta=100.0, cooldown=2)
    memory, _ = trained(schedule, epochs=6)
    assert memory.rates == pytest.approx([0.1, 0.01, 0.01, 0.001, 0.001, 0.0001])


def test_plateau_leaves_the_rate_while_the_objective_improves() -> None:
    memory, _ = trained(schedules.plateau(Run(0.1, 4, 5), patience=1, min_delta=0.0), epochs=5)
    losses = [epoch["val_loss"] for epoch in memory.epochs]
    assert losses == sorted(losses, reverse=True)
    assert memory.rates == pytest.approx([0.1] * 5)


def test_plateau_watches_the_objective_in_its_direction() -> None:
    watch = schedules.plateau(Run(0.1, 4, 8, monitor="val_accuracy", mode="max")).callbacks[0]
    assert (watch.monitor, watch.mode) == ("val_accuracy", "max")


def test_a_function_is_called_with_the_epoch_and_the_rate_so_far() -> None:
    calls: list[tuple[int, float]] = []

    def half(epoch: int, rate: float) -> float:
        calls.append((epoch, rate))
        return rate / 2

    memory, _ = trained(schedules.by_epoch(Run(0.1, 4, 3), half), epochs=3)
    assert calls == [(0, pytest.approx(0.1)), (1, pytest.approx(0.05)), (2, pytest.approx(0.025))]
    assert memory.rates == pytest.approx([0.05, 0.025, 0.0125])


FILES = sorted((ROOT / "conf" / "schedule").glob("*.yaml"))


@pytest.mark.parametrize("file", [file for file in FILES if file.stem != "function"], ids=lambda file: file.stem)
def test_an_option_lists_every_argument_of_its_schedule_with_its_default(file: Path) -> None:
    option: Any = OmegaConf.to_container(OmegaConf.load(file))
    parameters = inspect.signature(getattr(schedules, option["_target_"].rpartition(".")[2])).parameters
    defaults = {
        key: list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        for key, parameter in parameters.items()
        if key != "run"
    }
    assert {key: value for key, value in option.items() if key not in ("name", "_target_")} == defaults


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_schedule_option_trains_an_epoch(file: Path) -> None:
    section: Any = OmegaConf.load(file)
    if file.stem == "function":
        section.function.path = "operator.pow"  # epoch ** rate: a number, which is all that matters here
    schedule = part(section)(run=Run(0.1, 4, 1))
    assert isinstance(schedule, Schedule)
    memory, _ = trained(schedule, epochs=1)
    assert len(memory.losses) > 0
