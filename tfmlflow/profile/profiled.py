"""A training of which a part is taken and measured: what `debug=profile` puts in the place of the training."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tfmlflow.errors import UsageError
from tfmlflow.job.job import Job
from tfmlflow.profile import again, measured, picture, table, trace
from tfmlflow.profile.clock import Clock
from tfmlflow.profile.counterfactual import Counterfactuals
from tfmlflow.profile.measured import Measured, Spent
from tfmlflow.profile.verdict import Verdict, verdict
from tfmlflow.trainer import execution
from tfmlflow.trainer.fitting import Fitted, Fitting
from tfmlflow.vocabulary import Tag

log = logging.getLogger(__name__)

ENDLESS = 1000  # epochs, so that a training of one can be measured too; the clock ends it
TINY, LARGER = 16, 8  # batches up to which larger ones are tried, and how many times larger
COMPUTES = 0.3  # share of compute from which on another way to compile is tried


def profiled(
    train: Callable[..., Fitted],
    settings: Mapping[str, Any],
    job: Job,
    steps: int = 100,
    seconds: float = 10.0,
    repeats: int = 3,
) -> Callable[..., Fitted]:
    """A trainer that trains for a few epochs, cut short, and says where the time goes.

    Args:
        train: The trainer of the config.
        settings: The whole config.
        job: Has a folder for what is found.
        steps: To measure, after the first epoch; of the counterfactuals, at most so many a turn.
        seconds: After which fewer steps are enough.
        repeats: Turns of each counterfactual, of which the median counts.
    """

    def run(**named: Any) -> Fitted:
        runtime, pipeline = named["runtime"], named["pipeline"]
        if runtime.replicas > 1 or runtime.processes > 1:
            raise UsageError(f"profile: measures one device; {runtime.replicas} train together here")
        clock, trainer = Clock(steps, seconds), settings["trainer"]
        total = pipeline.steps * trainer["epochs"]
        jit = execution.jit_compile(trainer["jit_compile"], named["model"], total, 1)
        short = partial(train, epochs=max(trainer["epochs"], ENDLESS), jit_compile=jit, progress="none")
        session = named["tracking"][0].session
        fitted = short(**named | {"callbacks": [*named["callbacks"], clock]})
        assert clock.fitting is not None
        ways = Counterfactuals(clock.fitting, getattr(train, "keywords", {}).get("step"), steps, clock.step)
        with ways.kept():
            found = _measured(clock, clock.fitting, ways, settings, repeats)
            if found.jit or found.shares["compute"] > COMPUTES:
                found = replace(found, other_jit=ways.other_jit(repeats))
            _trace(session, ways)
        found = replace(found, threads=_with_all_threads(settings, job))
        said = verdict(found, settings)
        _record(session, job.folder, found, said)
        named["console"].print(table.of(found))
        named["console"].print(said.sentence, soft_wrap=True)
        return fitted

    return run


def _measured(
    clock: Clock, fitting: Fitting, ways: Counterfactuals, settings: Mapping[str, Any], repeats: int
) -> Measured:
    callbacks, shape = clock.callbacks, fitting.pipeline.dataset.element_spec[0].shape
    bare, cached, alone = ways.bare_cached_pipeline(repeats)
    return Measured(
        steps=fitting.pipeline.steps,
        epochs=settings["trainer"]["epochs"],
        batch_size=fitting.batch_size,
        group=int(fitting.model.steps_per_execution),
        jit=bool(fitting.model.jit_compile),
        first=clock.first,
        step=clock.step,
        bare=bare,
        cached=cached,
        pipeline=alone,
        transfer=ways.transfer(repeats),
        waited=clock.waited,
        decodes=fitting.pipeline.split.decode is not None,
        evaluation=clock.evaluation,
        varies=shape.rank is None or None in shape[1:].as_list(),
        opening=clock.opening,
        rest=clock.rest - clock.opening,
        tracking=callbacks.pop("TrackingCallback", Spent()),
        callbacks=callbacks,
        grouped=ways.grouped(repeats),
        larger=ways.larger(LARGER, repeats) if fitting.batch_size <= TINY else None,
    )


def _trace(session: Any, ways: Counterfactuals) -> None:
    """Into the run, as TensorBoard wants it: below `plugins/profile/<when>`."""
    if trace.wanted():
        folder = session.staging / "trace"
        for file in trace.take(ways.some, folder):
            session.artifact(file, str(Path("profile", file.parent.relative_to(session.staging))))


def _with_all_threads(settings: Mapping[str, Any], job: Job) -> float | None:
    """Seconds of the whole training in a process with a thread a core; None if that is what this one has."""
    threads = {settings["hardware"].get(key) for key in ("intra_op_threads", "inter_op_threads")}
    if threads <= {None, len(os.sched_getaffinity(0))}:
        return None
    words = [*job.overrides, "hardware.intra_op_threads=null", "hardware.inter_op_threads=null"]
    told = again.profile(words, job.folder / "threads", quiet=True)
    return float(told["whole"]) if told is not None else None


def _record(session: Any, folder: Path, found: Measured, said: Verdict) -> None:
    """Into the run, and into the job's folder, where `--try` finds it."""
    measured.write(folder / again.FILE, found, said.said)
    session.text(again.FILE.name, (folder / again.FILE).read_text(encoding="utf-8"), str(again.FILE.parent))
    session.tags({Tag.PROFILE: said.sentence})
    try:
        file = session.staging / "plots" / "profile.png"
        file.parent.mkdir(mode=0o700, exist_ok=True)
        picture.draw(found, said.sentence, file)
        session.artifact(file, "plots")
    except Exception as error:
        log.warning("there is no picture of the profile: %s: %s", type(error).__name__, error)
