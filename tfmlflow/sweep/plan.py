"""What a sweep is going to do: its space, the config of its jobs, and how it chooses them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from tfmlflow.config.check import check
from tfmlflow.config.together.several import require_alone
from tfmlflow.errors import UsageError
from tfmlflow.job.fingerprint import fingerprint
from tfmlflow.job.outcome import Outcome
from tfmlflow.objective import resolved
from tfmlflow.sweep.leaderboard.leaderboard import kinds
from tfmlflow.sweep.search.command_space import described
from tfmlflow.sweep.search.dimension import Choices
from tfmlflow.sweep.search.sampler import sampler_of
from tfmlflow.sweep.search.search import Listed, Sampled, Search
from tfmlflow.sweep.search.space import Space
from tfmlflow.sweep.search.study import StudyPlace, default_storage

DIRECTIONS = {"min": "minimize", "max": "maximize"}


@dataclass(frozen=True)
class Plan:
    """A sweep before it starts.

    Attributes:
        loader, config: Hydra's, for composing.
        space: What varies.
    """

    loader: ConfigLoader
    config: DictConfig
    space: Space

    @classmethod
    def of(cls, loader: ConfigLoader, config: DictConfig, given: Sequence[str]) -> Plan:
        """What a command line and `sweep.space` describe.

        Raises:
            UsageError: Something makes no sense.
        """
        bare = cls(loader, config, Space((), ()))
        return replace(bare, space=described(OverridesParser.create(config_loader=loader), config, given, bare.compose))

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The config of a job, without Hydra's part."""
        config: DictConfig = self.loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            del config["hydra"]
        return config

    def settings_of(self, overrides: Sequence[str]) -> Mapping[str, Any]:
        """The same, resolved; composed once, which takes a tenth of a second."""
        known = self._composed.get(tuple(overrides))
        if known is None:
            settings: Any = OmegaConf.to_container(self.compose(overrides), resolve=True)
            known = self._composed[tuple(overrides)] = settings
        return known

    @cached_property
    def _composed(self) -> dict[tuple[str, ...], Mapping[str, Any]]:
        return {}

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The config of the first job: what is said of the sweep, the objective and the store is the same in all."""
        return self.settings_of(self.space.job(self.space.point(lambda dimension: dimension.ends[0])))

    @property
    def said(self) -> Mapping[str, Any]:
        """The group `sweep`."""
        said: Mapping[str, Any] = self.settings["sweep"]
        return said

    @property
    def points(self) -> list[dict[str, str]]:
        """The points that are known from the start.

        Raises:
            UsageError: There is none, or no end of them.
        """
        if "sampler" in self.said:
            return []
        trials = self.said["trials"]
        if self.said["name"] == "random":
            drawn = self.space.drawn(self.trials, self.said["seed"])
            return list({tuple(point.items()): point for point in drawn}.values())  # of lists, some come twice
        points = list(self.space.grid())[:trials]
        if not points:
            given = " ".join(self.config.hydra.overrides.task)
            raise UsageError(f"{given}: no job comes of this; a glob that matches no option?")
        return points

    def check_jobs(self, points: Iterable[Mapping[str, str]]) -> None:
        """Compose and check the jobs of some points.

        Raises:
            UsageError: Names those that are wrong.
        """
        problems: dict[str, str] = {}
        for point in points:
            overrides = self.space.job(point)
            config = self.compose(overrides)
            try:
                check(config)
                require_alone(config.hardware)
            except UsageError as error:
                problems.setdefault(str(error), " ".join(overrides))
            else:
                self._composed[overrides] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
        if problems:
            raise UsageError("\n".join(f"{problem}\n  (in the job {job})" for problem, job in problems.items()))

    @property
    def trials(self) -> int:
        """How many are sampled.

        Raises:
            UsageError: Nothing says so.
        """
        trials = self.said["trials"]
        if trials is None:
            raise UsageError(f"sweep.trials=null: sweep={self.said['name']} needs to know when to end: sweep.trials=20")
        return int(trials)

    @property
    def objectives(self) -> list[tuple[str, str]]:
        """(metric, min or max) that the jobs are judged by; the first one ranks them."""
        several = [tuple(said.split()) for said in self.said.get("objectives", ())]
        if several:
            return [(metric, mode) for metric, mode in several]
        metric, mode = (str(self.settings["objective"][key]) for key in ("metric", "mode"))
        return [(metric, resolved(metric, mode) or "min")]

    def values(self, outcome: Outcome) -> list[float | None]:
        """What an outcome has reached of each objective."""
        if not self.said.get("objectives"):
            return [outcome.value]
        return [outcome.metrics.get(metric) if outcome.done else None for metric, _ in self.objectives]

    def judged(self, outcome: Outcome) -> Outcome:
        """An outcome with what it is judged by, and no other metrics."""
        if not self.said.get("objectives"):
            return replace(outcome, metrics={})
        kept = {metric: outcome.metrics[metric] for metric, _ in self.objectives if metric in outcome.metrics}
        return replace(outcome, objective=kept.get(self.objectives[0][0]), metrics=kept)

    def measured(self, varied: Mapping[str, str]) -> dict[str, str]:
        """What the objective of a job is measured on and by; nothing where it is the same in all jobs."""
        return self._measured(varied) if len(self.kinds) > 1 else {}

    def _measured(self, varied: Mapping[str, str]) -> dict[str, str]:
        settings = self.settings_of(self.space.job(varied))
        said = {
            f"data.{key}": settings["data"].get(key) for key in ("name", "_target_", "path", "label", "task", "folds")
        }
        if self.objectives[0][0].endswith("/loss"):
            said |= {f"trainer.{key}": settings["trainer"].get(key) for key in ("loss", "label_smoothing")}
            said["trainer.loss"] = json.dumps(said["trainer.loss"]).strip('"')
        return {k: str(v) for k, v in said.items() if v is not None and not str(v).startswith("tfmlflow.datasets.")}

    @cached_property
    def kinds(self) -> list[str]:
        """What the objective is measured on and by, where jobs that are known or possible differ in it."""
        return kinds([self._measured(point) for point in self.points or list(self.space.ends())])

    def fingerprint(self, overrides: Sequence[str], code: str) -> str:
        """Of a job: what the same is called when it was run before."""
        return fingerprint(self.settings_of(overrides), code)

    def identity(self, code: str) -> str:
        """Of the sweep: the same command on the same code goes on with it."""
        said = {
            key: self.said.get(key) for key in ("name", "seed", "sampler", "objectives", "pruner", "pruner_options")
        }
        varied = [
            replace(d, values=tuple(sorted(d.values))) if isinstance(d, Choices) else d
            for d in sorted(self.space.dimensions, key=lambda d: d.key)
        ]
        where = self.settings["tracking"]["experiment"]
        first = self.settings_of(self.space.job(self.space.point(lambda dimension: sorted(dimension.ends)[0])))
        what = [fingerprint(first, code), repr(varied), said, where]
        return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:12]

    def place(self, identity: str, uri: str) -> StudyPlace:
        """Where the study of the sweep is."""
        directions = [DIRECTIONS[mode] for _, mode in self.objectives]
        storage = self.said["storage"] or default_storage(uri)
        options = dict(self.said["pruner_options"] or {})
        if self.said["pruner"] == "hyperband":
            options.setdefault("max_resource", int(self.settings["trainer"].get("epochs") or 1))
        return StudyPlace(f"tfmlflow-{identity}", storage, self.said["pruner"], options, directions)

    def search(self, place: StudyPlace) -> Search:
        """What proposes the jobs.

        Raises:
            UsageError: The sampler's or the study's settings are wrong.
        """
        sampler = self.said.get("sampler")
        if sampler is None:
            return Listed(self.space, self.points, place.open() if self.said["pruner"] != "none" else None)
        study = place.open()
        study.sampler = sampler_of(sampler, int(self.said["seed"]) + len(study.get_trials(deepcopy=False)))
        return Sampled(self.space, study, self.trials, self.values)
