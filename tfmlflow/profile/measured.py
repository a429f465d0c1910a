"""What a profile has measured of a training, and the seconds that follow from it for the training as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PARTS = ("compile", "input", "transfer", "compute", "overhead", "callbacks", "tracking", "evaluation", "rest")
RECOMPILES = 0.2  # share of a step that neither its data nor its compute explain


@dataclass(frozen=True)
class Spent:
    """Seconds of one callback.

    Attributes:
        step: A step.
        epoch: An epoch, beside those.
    """

    step: float = 0.0
    epoch: float = 0.0


@dataclass(frozen=True)
class Variant:
    """The step, taken in another way.

    Attributes:
        step: Seconds.
        first: Seconds of tracing and compiling.
        batch_size: Of the batch it was measured on.
    """

    step: float
    first: float
    batch_size: int


@dataclass(frozen=True)
class Measured:
    """Of a training; all times are seconds.

    Attributes:
        steps, epochs, batch_size: Of the training as its config has it, not of the part that was measured.
        group: Steps a call into the graph.
        jit: Whether XLA compiles the step.
        first: What the first step and the first evaluation take more than later ones: tracing and compiling.
        step: A step in the training, without callbacks.
        bare: A step with its data, by the graph alone.
        cached: A step on one batch that is there already.
        pipeline: A batch out of the pipeline alone.
        transfer: Bringing a batch to the device.
        waited: Share of the steps' time that the pipeline's own clocks have seen them wait, if it has any.
        evaluation, rest: An epoch's.
        tracking: Of the callback that records the run.
        callbacks: Of the others, by their class.
        grouped: The cached step, with as many a call as `auto` would choose, if that is another number.
        other_jit: The cached step with XLA where it is without, and the other way round.
        larger: The step with its data, in larger batches.
        threads: The whole training with threads as many as there are cores, if it was given another number.
    """

    steps: int
    epochs: int
    batch_size: int
    group: int
    jit: bool
    first: float
    step: float
    bare: float
    cached: float
    pipeline: float
    transfer: float = 0.0
    waited: float | None = None
    evaluation: float = 0.0
    rest: float = 0.0
    tracking: Spent = Spent()
    callbacks: Mapping[str, Spent] = field(default_factory=dict)
    grouped: Variant | None = None
    other_jit: Variant | None = None
    larger: Variant | None = None
    threads: float | None = None

    @property
    def a_step(self) -> dict[str, float]:
        """Seconds of a step by what they go to: compile, input, transfer, compute and overhead."""
        beside = max(0.0, self.bare - self.cached) / max(self.bare, 1e-12)  # a share: later runs may be slower as such
        unexplained = (self.bare - self.cached - self.pipeline) / max(self.bare, 1e-12)
        again = unexplained * self.step if unexplained > RECOMPILES else 0.0
        least = min(self.cached, self.grouped.step if self.grouped is not None else self.cached)
        slower = min(1.0, self.step / max(self.bare, 1e-12))  # the training was faster than what was measured after it
        compute = least * slower
        given = min(beside * min(self.step, self.bare), self.step - compute - again)
        transfer = min(self.transfer * slower, compute)
        overhead = max(0.0, self.step - compute - given - again)
        parts = {"compile": again, "input": max(0.0, given), "transfer": transfer}
        return parts | {"compute": compute - transfer, "overhead": overhead}

    @property
    def parts(self) -> dict[str, float]:
        """Seconds of the whole training, by `PARTS`."""
        all_steps, step = self.steps * self.epochs, self.a_step
        return {
            "compile": self.first + all_steps * step["compile"],
            **{name: all_steps * step[name] for name in ("input", "transfer", "compute", "overhead")},
            "callbacks": sum(self.of(one) for one in self.callbacks.values()),
            "tracking": self.of(self.tracking),
            "evaluation": self.epochs * self.evaluation,
            "rest": self.epochs * self.rest,
        }

    @property
    def whole(self) -> float:
        """Seconds of the whole training."""
        return sum(self.parts.values())

    @property
    def shares(self) -> dict[str, float]:
        """Shares of the whole training, by `PARTS`."""
        return {name: seconds / max(self.whole, 1e-12) for name, seconds in self.parts.items()}

    def of(self, spent: Spent) -> float:
        """Seconds of a callback in the whole training."""
        return self.epochs * (self.steps * spent.step + spent.epoch)


def write(file: Path, measured: Measured, said: Mapping[str, Any]) -> None:
    """What was measured, what follows from it, and `said`, as JSON."""
    content = {"measured": asdict(measured), "parts": measured.parts, "whole": measured.whole, **said}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")
