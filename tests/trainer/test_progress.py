"""What a training prints."""

from __future__ import annotations

import io
import re
from typing import Any

import keras
import pytest
from rich.console import Console

from tests.trainer.tiny import clouds, fit
from tfmlflow.trainer.callbacks.progress import EpochLines, short


def printed(terminal: bool = False, **settings: Any) -> str:
    """What a training of three epochs prints."""
    file = io.StringIO()
    console = Console(file=file, width=160, force_terminal=terminal, markup=False, highlight=False)
    fit(clouds(), console=console, **settings)
    return file.getvalue()


def test_a_file_gets_one_line_an_epoch_with_all_metrics_and_no_control_characters() -> None:
    lines = printed().splitlines()
    assert len(lines) == 3
    number = r"\d+\.?\d*(e-\d+)?"
    for epoch, line in enumerate(lines, start=1):
        metrics = "  ".join(f"{name} {number}" for name in ("accuracy", "loss", "val_accuracy", "val_loss"))
        assert re.fullmatch(rf"epoch {epoch}/3  {metrics}  \d+\.\d s(, .* s left)?", line), line
    assert [line.endswith("left") for line in lines[1:]] == [True, False]


@pytest.mark.parametrize(("taken", "left"), [(20, "80 s"), (80, ""), (95, "")])
def test_what_is_left_after_the_first_epoch_leaves_out_the_making_of_its_graph(
    monkeypatch: pytest.MonkeyPatch, taken: int, left: str
) -> None:
    """Of 100 steps: the first call takes 10 s, the others and the validation 8 s."""
    clock, file = [0.0], io.StringIO()
    monkeypatch.setattr("tfmlflow.trainer.callbacks.progress.time.monotonic", lambda: clock[0])
    lines = EpochLines(Console(file=file, width=160), "lines")
    lines.set_params({"steps": 100, "epochs": 9})
    lines.on_train_begin()
    lines.on_epoch_begin(0)
    for clock[0], batch in ((10.0, taken - 1), (15.0, 99)):
        lines.on_train_batch_end(batch)
    clock[0] = 18.0
    lines.on_epoch_end(0, {"loss": 1.0})
    assert file.getvalue().strip().endswith(f", {left} left" if left else "18.0 s")


def test_a_terminal_gets_a_bar_besides_the_lines() -> None:
    text = printed(terminal=True)
    assert "\x1b[" in text
    assert "━" in text
    assert "/12" in text  # 3 epochs of 4 steps
    assert [f"epoch {epoch}/3  accuracy" in text for epoch in (1, 2, 3)] == [True] * 3


@pytest.mark.parametrize(("mode", "bar", "lines"), [("lines", False, 3), ("none", False, 0), ("bar", True, 3)])
def test_the_mode_can_be_chosen(mode: str, bar: bool, lines: int) -> None:
    text = printed(terminal=True, progress=mode)
    assert ("━" in text) == bar
    assert len(re.findall(r"epoch \d/3  accuracy", text)) == lines


def test_the_learning_rate_of_a_schedule_is_not_among_the_metrics() -> None:
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    assert "learning_rate" not in printed(callbacks=[halve])


class Failing(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        raise RuntimeError("out of luck")


def test_the_bar_is_taken_away_when_a_training_fails() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    with pytest.raises(RuntimeError, match="out of luck"):
        fit(clouds(), console=console, callbacks=[Failing()])
    _, fitted = fit(clouds(), console=console, epochs=1)  # a second bar would be refused beside the first
    assert fitted.reason == "completed"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0.0000"), (0.51236, "0.5124"), (123.4567, "123.4567"), (1.5e-5, "1.5e-05"), (2e7, "2e+07")],
)
def test_numbers_are_short(number: float, text: str) -> None:
    assert short(number) == text
