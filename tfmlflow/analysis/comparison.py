"""Everything that is known of some runs next to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from mlflow import MlflowClient

from tfmlflow.analysis import cost
from tfmlflow.analysis.runs import reached as reaching
from tfmlflow.analysis.runs.groups import Group, group, telling
from tfmlflow.analysis.runs.reached import Reached
from tfmlflow.analysis.runs.stored_run import StoredRun
from tfmlflow.analysis.statistics import importance, significance
from tfmlflow.analysis.wording import number, short_names
from tfmlflow.objective import Objective


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs, compared by one metric.

    Attributes:
        runs: All of them, the oldest first.
        objective: What they are compared by.
        reached: What each reached, by run id.
        processor: Processor seconds, by run id, where measured.
        groups: Configurations, the best first.
    """

    runs: tuple[StoredRun, ...]
    objective: Objective
    reached: Mapping[str, Reached]
    processor: Mapping[str, float]
    groups: tuple[Group, ...]

    @classmethod
    def of(
        cls, client: MlflowClient, runs: Sequence[StoredRun], metric: str | None = None, mode: str = "auto"
    ) -> Comparison:
        """Compare `runs`.

        Args:
            client: Of the store that they were read from.
            runs: As `reading.read` returns them.
            metric: What to compare by; None to choose.
            mode: `min`, `max`, or `auto` by the objective or the metric's name.

        Raises:
            UsageError: No run has the metric.
        """
        objective = reaching.choose(runs, metric, mode)
        reached = reaching.reached(client, runs, objective)
        processor = cost.processor_seconds(client, runs)
        made = cls(tuple(runs), objective, reached, processor, tuple(group(runs, reached, processor, objective)))
        places = {kind: place for place, kind in enumerate(made.kinds)}
        return replace(made, groups=tuple(sorted(made.groups, key=lambda group: places[made._kind(group)])))

    @property
    def failed(self) -> list[StoredRun]:
        """The runs that FAILED or were KILLED."""
        return [run for run in self.runs if run.status in ("FAILED", "KILLED")]

    @property
    def estimated(self) -> int:
        """How many runs stand with their last value instead of their best."""
        return sum(reached.last for reached in self.reached.values())

    @cached_property
    def settings(self) -> list[str]:
        """The settings worth a column."""
        return telling(self.groups)

    @cached_property
    def importance(self) -> importance.Verdict:
        """How much each setting explains."""
        return importance.measure(self.groups, self.settings)

    @cached_property
    def kinds(self) -> list[str]:
        """What the metric is measured on and by, where runs differ in it: their values are not comparable then."""
        return list(dict.fromkeys(self._kind(group) for group in self.groups))

    def _kind(self, group: Group) -> str:
        params = group.runs[0].params
        said = [params[key] for key in self._apart_by if params.get(key, "auto") not in ("auto", "None", "null")]
        said += [f"{group.folds} folds" if group.folds else "no folds"] if self._folds_differ else []
        return " ".join(value for value in said if not value.startswith("tfmlflow.datasets."))

    @cached_property
    def _folds_differ(self) -> bool:
        """Whether configurations were validated with other examples, having been trained on more or fewer."""
        return len({group.folds for group in self.groups}) > 1

    @cached_property
    def _apart_by(self) -> list[str]:
        """Settings in which groups differ, and by which their values are not comparable."""
        firsts = [group.runs[0] for group in self.groups if group.runs[0].ours]
        keys = ["data.name", "data._target_", "data.task", "data.label"]
        keys += ["data.path"] if len({run.digest for run in firsts}) > 1 else []
        keys += ["trainer.loss", "trainer.label_smoothing"] if self.objective.metric.endswith("loss") else []
        return [key for key in keys if len({run.params[key] for run in firsts if key in run.params}) > 1]

    @cached_property
    def significance(self) -> significance.Verdict:
        """From which others the best configuration is told."""
        if len(self.kinds) > 1:
            return significance.Verdict((), f"not compared: {self._apart}")
        return significance.judge(self.groups, self.objective.mode)

    @property
    def _apart(self) -> str:
        return f"{self.objective.metric} is not comparable between {', '.join(self.kinds[:4])}"

    @cached_property
    def headline(self) -> str:
        """What came out, in a sentence."""
        if not self.groups or self.groups[0].mean is None:
            return "no run has reached anything yet"
        if len(self.kinds) > 1:
            first_of = {self._kind(group): group for group in reversed(self.groups)}
            best = ", ".join(f"{kind} {number(first_of[kind].mean)}" for kind in self.kinds[:4])
            return f"{self._apart}; the best of each: {best}"
        first = self.groups[0]
        spread = f" ± {number(first.spread)}" if first.spread is not None else ""
        said = [f"{first.label}: {self.objective.metric} {number(first.mean)}{spread}"]
        differences, unit = self.significance.differences, self.significance.unit
        alike = [item for item in differences if not item.significant]
        if len(self.groups) > 1:
            if not differences or differences[0].first != 0:
                said.append(f"more {unit} would say whether it is the best")
            elif alike:
                named = ", ".join(f"#{item.second + 1}" for item in alike[:3])
                more = f" and {len(alike) - 3} more" if len(alike) > 3 else ""
                needed = max((item.seeds for item in alike if item.seeds), default=None)
                hint = f" (about {needed} {unit} would tell)" if needed and len(alike) <= 3 else ""
                said.append(f"not told from {named}{more}{hint}")
            else:
                said.append("told from all others" if len(differences) > 1 else "told from the other")
        if (clear := [item for item in self.importance.importances if item.clear]) and self.importance.certain:
            names = short_names(self.settings)
            said.append(f"{names.get(clear[0].setting, clear[0].setting)} explains {100 * clear[0].share:.0f} %")
        return "; ".join(said)

    def best_run(self) -> StoredRun | None:
        """The completed run that reached the best value; None if there is none."""
        done = [run for run in self.runs if run.completed and self.reached[run.run_id].value is not None]
        return min(done, key=lambda run: self.objective.order(self.reached[run.run_id].value)) if done else None
