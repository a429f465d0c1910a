"""What would make a training faster, by how much, and what to write for it: rules over what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfmlflow.profile.measured import Measured

WORTH = 1.1  # gain from which on something is advised
NONE, MODERATE = 0.05, 0.20  # shares of input below which TensorFlow's profiler says: not bound; moderately bound
RARE = "10 minutes"  # between two checkpoints
UNCHANGED = "tfmlflow.data.augment.none"
HELD_OUT = 0.10  # share of evaluation that is no reason to hold out less


@dataclass(frozen=True)
class Finding:
    """Something that takes time it need not take.

    Attributes:
        bound: What the training is bound by: input, compute, overhead, callback, compile, tracking or evaluation.
        after: Seconds of the whole training without it.
        gain: How many times faster that is.
        overrides: What to add to the command; empty if no setting would do.
        why: What was seen.
    """

    bound: str
    after: float
    gain: float
    overrides: tuple[str, ...]
    why: str


def findings(measured: Measured, settings: Mapping[str, Any]) -> list[Finding]:
    """All that is worth it, the greatest gain first.

    Args:
        measured: Of the training.
        settings: Its whole config.
    """
    found = (*_input(measured, settings), *_compute(measured, settings), *_overhead(measured, settings))
    found = (*found, *_callbacks(measured), *_compile(measured, settings))
    found = (*found, *_tracking(measured, settings), *_evaluation(measured))
    return sorted((one for one in found if one.gain >= WORTH), key=lambda one: -one.gain)


def severity(share: float) -> str:
    """How far a training is bound by its input, in the words of TensorFlow's profiler."""
    return "not" if share < NONE else "moderately" if share < MODERATE else "highly"


def _found(measured: Measured, bound: str, saved: float, overrides: tuple[str, ...], why: str) -> Finding:
    after = max(measured.whole - saved, 1e-9)
    return Finding(bound, after, measured.whole / after, overrides, why)


def _input(measured: Measured, settings: Mapping[str, Any]) -> Iterator[Finding]:
    share = measured.shares["input"]
    if share < NONE:
        return
    saved, overrides = measured.parts["input"], tuple[str, ...]()
    if measured.decodes and settings["data"].get("cache") is None:
        overrides = (f"{'' if 'cache' in settings['data'] else '+'}data.cache=memory",)
        saved -= measured.steps * measured.pipeline  # all are decoded once
    why = f"{share:.0%} of the time steps wait for data"
    if not overrides and settings.get("augment", {}).get("_target_", UNCHANGED) != UNCHANGED:
        why += ", which are augmented"  # without it the model would be another one: no advice
    if not overrides and share < MODERATE:
        return  # nothing to set, and little to be had by whoever writes another pipeline
    yield _found(measured, "input", saved, overrides, why)


def _compute(measured: Measured, settings: Mapping[str, Any]) -> Iterator[Finding]:
    steps, step = measured.steps * measured.epochs, measured.a_step
    if measured.threads is not None:
        threads = settings["hardware"].get("intra_op_threads")
        overrides = ("hardware.intra_op_threads=null", "hardware.inter_op_threads=null")
        why = f"hardware.intra_op_threads={threads} is not the number of cores"
        yield _found(measured, "compute", measured.whole - measured.threads, overrides, why)
    other = measured.other_jit
    if other is not None and measured.cached > 0:
        faster = 1 - other.step / measured.cached
        saved = steps * (step["compute"] + step["transfer"]) * faster - (0.0 if measured.jit else other.first)
        why = f"a step on one batch takes {1000 * measured.cached:.3g} ms, {_xla(not measured.jit)} XLA "
        why += f"{1000 * other.step:.3g} ms"
        yield _found(measured, "compute", saved, (f"trainer.jit_compile={str(not measured.jit).lower()}",), why)


def _xla(on: bool) -> str:
    return "with" if on else "without"


def _overhead(measured: Measured, settings: Mapping[str, Any]) -> Iterator[Finding]:
    steps, step, parts = measured.steps * measured.epochs, measured.a_step, measured.parts
    wanted = settings["trainer"].get("steps_per_execution", "auto")
    if measured.grouped is not None and wanted != "auto":
        calls = sum(one.step for one in measured.callbacks.values()) + measured.tracking.step
        why = f"{step['overhead'] / max(measured.step, 1e-12):.0%} of a step is the way into the graph and back"
        overrides = ("trainer.steps_per_execution=auto",)
        yield _found(measured, "overhead", steps * (step["overhead"] + 0.5 * calls), overrides, why)
    elif settings["trainer"].get("name") == "fit":
        why = f"Keras's fit takes {step['overhead'] / max(measured.step, 1e-12):.0%} of a step around it"
        yield _found(measured, "overhead", parts["overhead"], ("trainer=loop",), why)
    if (large := measured.larger) is not None:
        times = large.batch_size / measured.batch_size
        ratio = large.step / times / measured.bare  # of an example's time
        per_step = sum(one.step for one in measured.callbacks.values()) + measured.tracking.step
        saved = steps * (measured.step * (1 - ratio) + per_step * (1 - 1 / times))
        saved += parts["evaluation"] * (1 - ratio)
        why = f"{large.batch_size} examples take {large.step / measured.bare:.1f} times what {measured.batch_size} take"
        yield _found(measured, "overhead", saved, (f"data.batch_size={large.batch_size}",), why)


def _callbacks(measured: Measured) -> Iterator[Finding]:
    for name, spent in measured.callbacks.items():
        seconds = measured.of(spent)
        yield _found(measured, "callback", seconds, (), f"{name} takes {seconds / measured.whole:.0%} of the time")


def _compile(measured: Measured, settings: Mapping[str, Any]) -> Iterator[Finding]:
    again = measured.steps * measured.epochs * measured.a_step["compile"]
    share = measured.shares["compile"]
    overrides = ("trainer.jit_compile=false",) if measured.jit else ()
    if again > 0:
        why = f"{share:.0%} of the time; shapes change, and XLA compiles each new one"
        yield _found(measured, "compile", again, overrides, why)
    other = measured.other_jit
    if measured.jit and other is not None and other.first < measured.first:
        steps = measured.steps * measured.epochs
        saved = measured.first - other.first + steps * (measured.cached - other.step)
        why = f"compiling takes {measured.first:.1f} s, {share:.0%} of the time; without XLA {other.first:.1f} s"
        if measured.first - other.first > steps * abs(measured.cached - other.step):
            yield _found(measured, "compile", saved, overrides, why)


def _tracking(measured: Measured, settings: Mapping[str, Any]) -> Iterator[Finding]:
    tracking, overrides = settings["tracking"], tuple[str, ...]()
    if tracking.get("checkpoint_every") not in (None, RARE):
        overrides = (f"tracking.checkpoint_every='{RARE}'",)
    why = f"recording takes {measured.shares['tracking']:.0%} of the time"
    yield _found(measured, "tracking", measured.parts["tracking"], overrides, why)


def _evaluation(measured: Measured) -> Iterator[Finding]:
    share = measured.shares["evaluation"]
    if share <= HELD_OUT:
        return
    fewer = HELD_OUT * (1 - share) / (1 - HELD_OUT) / share  # of the examples, so that HELD_OUT of the time is left
    why = f"validation takes {share:.0%} of the time; {fewer:.0%} of its examples would take {HELD_OUT:.0%}"
    yield _found(measured, "evaluation", measured.parts["evaluation"] * (1 - fewer), (), why)
