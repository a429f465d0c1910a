"""What a profile has measured of a training, and the seconds that follow from it for the training as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tfmlflow import whole_file

PARTS = ("compile", "input", "transfer", "compute", "overhead", "callbacks", "tracking", "evaluation", "rest")
RECOMPILES = (
    0.4  # share of a step of varying shapes from which on what its data and compute do not explain is no chance
)
UNSEEN = 0.05  # share of wait below which TensorFlow's profiler calls a training not bound by input
CALL = 0.01  # seconds that a call into the graph and back takes at most, with all that Keras does around it
FEW = 10  # steps a call, up to which the way into the graph is to be seen


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
        decodes: Whether examples are decoded each time they are used.
        varies: Whether examples have other shapes in other batches.
        evaluation, rest: An epoch's.
        opening: Of an epoch, before its first step: its data begin anew.
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
    decodes: bool = False
    varies: bool = False
    evaluation: float = 0.0
    opening: float = 0.0
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
        waits = (self.waited or 0.0) * self.step
        again = self.step - waits - self.cached
        if self.jit and self.varies and again > RECOMPILES * self.step:
            return {"compile": again, "input": waits, "transfer": 0.0, "compute": self.cached, "overhead": 0.0}
        if self.waited is not None:
            return self._watched(waits, self.waited)
        bare = max(self.bare, 1e-12)
        around = self.group < FEW  # else a difference between the training and what was measured after it is chance
        scale = min(1.0, self.step / bare) if around else self.step / bare
        compute = scale * min(self.cached, self.grouped.step if self.grouped is not None else self.cached)
        compute = min(compute, self.step)
        given = min(max(0.0, self.bare - self.cached) * scale, self.step - compute)
        given = min(given, self.pipeline * scale)  # more than the batches cost, nobody waits for them
        transfer = min(self.transfer * scale, compute)
        overhead = max(0.0, self.step - compute - given)
        parts = {"compile": 0.0, "input": given, "transfer": transfer}
        return parts | {"compute": compute - transfer, "overhead": overhead}

    def _watched(self, waits: float, share: float) -> dict[str, float]:
        """The same where clocks in the pipeline have seen the training's own steps wait.

        A step with its data, measured alone, is slower than in the training for another reason, too: each turn of a few
        steps begins with a pipeline in which nothing is ready. So it is no more than they have waited, or than a step
        of the training takes beyond one on a batch that is there: threads that make batches slow a step as well.

        Args:
            waits: Seconds a step.
            share: What that is of it.
        """
        given = max(0.0, self.bare - self.cached) * max(1.0, self.step / max(self.bare, 1e-12))
        given = min(given, waits if share < UNSEEN else max(waits, self.step - self.cached))
        overhead = 0.0
        if self.grouped is not None:
            overhead = max(0.0, self.step - given - min(self.cached, self.grouped.step))
        elif self.group < FEW:
            overhead = min(max(0.0, self.step - self.bare), CALL / self.group, self.step - given)
        compute = self.step - given - overhead
        transfer = min(self.transfer, compute)
        parts = {"compile": 0.0, "input": given, "transfer": transfer}
        return parts | {"compute": compute - transfer, "overhead": overhead}

    @property
    def parts(self) -> dict[str, float]:
        """Seconds of the whole training, by `PARTS`."""
        all_steps, step = self.steps * self.epochs, self.a_step
        return {
            "compile": self.first + all_steps * step["compile"],
            "input": all_steps * step["input"] + self.epochs * self.opening,
            **{name: all_steps * step[name] for name in ("transfer", "compute", "overhead")},
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
    whole_file.write(file, json.dumps(content, indent=2), mode=0o666)
