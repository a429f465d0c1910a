"""A run as it stands in a store, of this tool or of any other."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow.entities import Run

from tfmlflow.vocabulary import EndReason, Tag

DRAWS = ("seed", "random_seed", "random_state", "rng_seed", "fold")  # last part of a param's name
FOLD, FOLDS, SPLIT_SEED = "fold", "data.folds", "data.seed"
ELSEWHERE = ("tracking", "sweep", "hydra", "resume", "trusted")  # of our params: where a run goes, not what it is
COMMIT, DATA = "code commit", "data digest"  # what differs besides params


@dataclass(frozen=True, eq=False)
class StoredRun:
    """What a search returns of a run.

    Attributes:
        run_id, name, experiment, experiment_id: Of the run.
        status: RUNNING, FINISHED, FAILED, KILLED, SCHEDULED.
        reason: Why it ended (`early_stopping`, `nan`, ...); empty if nobody said.
        error: Its last words; empty if there are none.
        started: Seconds since 1970.
        seconds: How long it took, None while it runs.
        params: By dotted names.
        metrics: The latest value of each.
        steps: The step of that value.
        tags: Of the run.
        models: Ids of its logged models.
        digest: Names the data that it used; empty if nobody said.
    """

    run_id: str
    name: str
    experiment: str
    experiment_id: str
    status: str
    reason: str
    error: str
    started: float
    seconds: float | None
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    steps: Mapping[str, int] = field(repr=False)
    tags: Mapping[str, str] = field(repr=False)
    models: tuple[str, ...]
    digest: str

    @classmethod
    def of(cls, run: Run, experiment: str) -> StoredRun:
        """From MLflow's own record."""
        info, data, tags = run.info, run.data, run.data.tags
        started = (info.start_time or 0) / 1000
        outputs = run.outputs.model_outputs if run.outputs else []
        return cls(
            run_id=str(info.run_id),
            name=str(info.run_name or ""),
            experiment=experiment,
            experiment_id=str(info.experiment_id),
            status=str(info.status),
            reason=str(tags.get(Tag.END_REASON, "")),
            error=str(tags.get(Tag.ERROR, "")),
            started=started,
            seconds=info.end_time / 1000 - started if info.end_time else None,
            params=data.params,
            metrics=data.metrics,
            steps={metric.key: int(metric.step or 0) for metric in getattr(data, "_metric_objs", ())},
            tags=tags,
            models=tuple(str(output.model_id) for output in outputs),
            digest=str(tags.get(Tag.DATA_DIGEST, "") or _digest(run)),
        )

    @property
    def completed(self) -> bool:
        """Whether it went through to its end: only such runs are compared as equals."""
        return self.status == "FINISHED" and self.reason != EndReason.PRUNED

    @property
    def state(self) -> str:
        """Status and, where it says more, the reason: `FINISHED`, `FAILED nan`, `FINISHED pruned`."""
        return self.status if self.reason in (EndReason.COMPLETED, "") else f"{self.status} {self.reason}"

    @property
    def code(self) -> str:
        """The commit, with a `+` if files differed from it; empty if nobody said."""
        commit = str(self.tags.get(Tag.COMMIT, ""))
        return f"{commit[:10]}+" if commit and self.tags.get(Tag.GIT_DIRTY) == "true" else commit[:10]

    @property
    def ours(self) -> bool:
        """Whether its params are our config."""
        return Tag.FINGERPRINT in self.tags

    @property
    def is_sweep(self) -> bool:
        """Whether it is the parent of a sweep, which trains nothing itself."""
        return self.tags.get(Tag.SWEEP_PARENT) == "true"

    @property
    def is_range_test(self) -> bool:
        """Whether it looked for a learning rate and trained nothing that could be compared."""
        return Tag.RANGE_TEST in self.tags

    @property
    def is_derived(self) -> bool:
        """Whether it has made a stored model small, or evaluated one: what it reached is that of another training."""
        return Tag.COMPRESSED_FROM in self.tags or Tag.EVALUATED_MODEL in self.tags

    @property
    def folds(self) -> int | None:
        """Of a cross-validation how many folds there are; None where there are none, or nobody said."""
        said = self.params.get(FOLDS, "")
        return int(said) if said.isdecimal() and int(said) > 1 else None

    @property
    def fold(self) -> str | None:
        """Which of several folds it was validated with, by whatever name; None if nobody said."""
        return next((value for key, value in self.params.items() if _last(key) == FOLD), None)

    @property
    def draw(self) -> str:
        """What chance has decided of it: its seeds; of a fold the split alone, whatever else was drawn."""
        named = {key: value for key, value in self.params.items() if is_draw(key)}
        if self.folds is not None:
            named = {key: value for key, value in named.items() if key == SPLIT_SEED or _last(key) == FOLD}
        return " ".join(f"{key}={value}" for key, value in sorted(named.items()))

    def settings(self) -> dict[str, str]:
        """What it was made with, seeds and folds included: params, commit and data digest."""
        ours = self.ours
        found = {key: value for key, value in self.params.items() if not (ours and key.split(".")[0] in ELSEWHERE)}
        return found | {key: value for key, value in ((COMMIT, self.code), (DATA, self.digest)) if value}


@functools.cache
def is_draw(param: str) -> bool:
    """Whether a param only names a random draw: `seed`, `data.seed`, `random_state`; or one fold of several."""
    return _last(param) in DRAWS


def _last(param: str) -> str:
    return re.split(r"[./]", param.lower())[-1]


def _digest(run: Run) -> str:
    inputs = run.inputs.dataset_inputs if run.inputs else []
    return " ".join(sorted({str(item.dataset.digest) for item in inputs}))
