"""Checks a composed config as a whole, and says everything that is wrong with it at once."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tfmlflow import backend
from tfmlflow.config import database_driver, database_file, together
from tfmlflow.config.known import strangers_and_missing
from tfmlflow.config.location import options
from tfmlflow.config.nearest import did_you_mean
from tfmlflow.config.own import arguments, targets
from tfmlflow.config.schema import PROFILE, SCHEMA
from tfmlflow.config.values import MOST, words
from tfmlflow.errors import UsageError
from tfmlflow.objective import by_name


def check(cfg: DictConfig) -> None:
    """Refuse a config that cannot be trained.

    Args:
        cfg: As Hydra composed it.

    Raises:
        UsageError: With a line for each thing that is wrong.
    """
    problems = [*backend.problems(), *_sections(cfg)]
    if not problems:
        try:
            missing = sorted(OmegaConf.missing_keys(cfg))
            problems = [f"{key}: no value; it must be given: {key}=…" for key in missing]
            values: Any = {} if missing else OmegaConf.to_container(cfg, resolve=True)
        except OmegaConfBaseException as error:
            raise UsageError(f"{error.full_key}: {str(error).splitlines()[0]}") from None
    if not problems:
        problems = [*strangers_and_missing(values), *_values(values), *_targets(values)]
        problems += [*_files(values), *_together(values), *_store(values["tracking"].get("uri"))]
    if problems:
        raise UsageError("\n".join(dict.fromkeys(problems)))


def _sections(cfg: DictConfig) -> Iterator[str]:
    for group in (*SCHEMA, *(["profile"] if "profile" in cfg else [])):
        section = cfg.get(group) if group else cfg
        if not isinstance(section, DictConfig):
            can_be = f"{group} can be {', '.join(options(group))}" if options(group) else f"give {group}.<key>=value"
            yield f"{group}={_shown(section)}: stands for several keys; {can_be}"


def _values(values: Mapping[str, Any]) -> Iterator[str]:
    for group, kinds in (SCHEMA | ({"profile": PROFILE} if "profile" in values else {})).items():
        section = values if not group else values[group]
        of_somebody_else = arguments.is_own(group, section)
        if of_somebody_else:
            yield from arguments.problems(group, section) if not targets.problem(section["_target_"]) else ()
        if group == "trainer" and isinstance(step := section.get("step"), Mapping) and "_target_" in step:
            yield from arguments.step_problems(step) if not targets.problem(str(step["_target_"])) else ()
        for key, kind in kinds.items():
            ours = (
                arguments.kept_data(section)
                if group == "data" and of_somebody_else
                else arguments.COMMON.get(group, ())
            )
            if of_somebody_else and key not in ours:
                continue
            found, value = _find(section, key)
            said_of_seed = group == "data" and key == "seed" and value == values.get("seed")
            if found and not kind.fits(value) and not said_of_seed:
                meant = did_you_mean(str(value), words(kind)) or (f", at most {MOST}" if _is_huge(value) else "")
                yield f"{group + '.' if group else ''}{key}={_shown(value)}: must be {kind}{meant}"


def _is_huge(value: Any) -> bool:
    return isinstance(value, int) and value > MOST


def _find(section: Mapping[str, Any], key: str) -> tuple[bool, Any]:
    value: Any = section
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False, None
        value = value[part]
    return True, value


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _targets(values: Any, key: str = "") -> Iterator[str]:
    if isinstance(values, Mapping):
        target = values.get("_target_")
        if target is not None and (problem := targets.problem(str(target))):
            yield f"{key}._target_={target}: {problem}"
        if target == "hydra.utils.get_method" and (problem := targets.problem(str(values.get("path")))):
            yield f"{key}.path={values.get('path')}: {problem}"
        for name, value in values.items():
            yield from _targets(value, f"{key}.{name}" if key else str(name))
    elif isinstance(values, list):
        for i, value in enumerate(values):
            yield from _targets(value, f"{key}[{i}]")


def _files(values: Mapping[str, Any]) -> Iterator[str]:
    path = values["data"].get("path")
    shipped = str(values["data"].get("_target_", "")).startswith("tfmlflow.datasets.")
    if not isinstance(path, str) or not path or not shipped:
        return
    name = values["data"]["name"]
    if name in ("images", "text") and not _is(Path.is_dir, path):
        yield f"data.path={path}: no such folder; data={name} needs one with a folder for each class"
    elif name == "tfrecord" and not _is(Path.is_dir, path) and not glob.glob(path):
        yield f"data.path={path}: no such file, and no file matches it"
    elif name not in ("images", "text", "tfrecord") and not _is(Path.is_file, path):
        hint = f" (this folder is {Path.cwd()})" if not Path(path).is_absolute() else ""
        yield f"data.path={path}: no such file{hint}"


def _is(question: Callable[[Path], bool], path: str | Path) -> bool:
    try:
        return question(Path(path))
    except (OSError, ValueError):  # a name that no file can have
        return False


def _together(values: Mapping[str, Any]) -> Iterator[str]:
    optimizer, metric = values["optimizer"], str(values["objective"].get("metric"))
    clips = [key for key in ("clipnorm", "global_clipnorm", "clipvalue") if optimizer.get(key) is not None]
    if len(clips) > 1:
        named = ", ".join(f"optimizer.{key}" for key in clips)
        yield f"{named}: only one way of clipping at a time; set the others to null"
    if optimizer.get("nesterov") and not optimizer.get("momentum"):
        yield "optimizer.nesterov=true: needs optimizer.momentum greater than 0"
    if not re.fullmatch(r"(val|train)/[\w.@/-]+", metric):
        yield f"objective.metric={metric}: must be val/<metric> or train/<metric>, for example val/accuracy"
    elif values["objective"].get("mode") == "auto" and _all_named(values) and by_name(metric) is None:
        yield f"objective.metric={metric}: nothing tells whether more or less is better; add objective.mode=max, or min"
    if str(values["model"].get("_target_")).startswith("tfmlflow.models.recurrent") and not values["model"]["units"]:
        yield "model.units=[]: must be a list of at least 1, each a whole number at least 1"
    data, hardware = values["data"], values["hardware"]
    if str(data.get("_target_")).startswith("tfmlflow.datasets.csv") and data.get("text") is not None:
        if data["text"] == data.get("label"):
            yield f"data.text={data['text']}: is the label, too; data.label names the column to predict"
        if data.get("categorical"):
            yield f"data.categorical={data['categorical']}: with data.text only that column is trained on; set it to []"
    yield from together.problems(values)
    if hardware.get("devices") is not None and hardware.get("logical_cpus") is not None:
        yield "hardware.devices, hardware.logical_cpus: either GPUs or parts of the CPU; set the other to null"


def _all_named(values: Mapping[str, Any]) -> bool:
    """Whether all metrics are given by names; an object may say its direction itself, once it is made."""
    metrics = values["trainer"].get("metrics")
    return all(isinstance(one, str) for one in (metrics if isinstance(metrics, list) else ()))


def _store(uri: Any) -> Iterator[str]:
    if not isinstance(uri, str) or not uri:
        found = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
        wrong = database_file.problem(found) if found.startswith("sqlite:///") else database_driver.problem(found)
        if wrong:
            yield f"{'MLFLOW_TRACKING_URI=' if os.environ.get('MLFLOW_TRACKING_URI') else ''}{found}: {wrong}"
        return
    schemes = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
    scheme = uri.split(":")[0].split("+")[0]
    if scheme not in schemes or (scheme in ("http", "https") and not _has_host_and_port(uri)):
        yield (
            f"tracking.uri={uri}: must be http(s)://host:port of an MLflow server or a database such as "
            "sqlite:///mlflow.db; plain folders are a store that MLflow has given up"
        )
    elif scheme == "sqlite":
        folder = Path(uri.removeprefix("sqlite:///").split("?")[0]).parent
        if not uri.startswith("sqlite:///"):
            yield f"tracking.uri={uri}: a SQLite store is written sqlite:///relative.db or sqlite:////absolute.db"
        elif not _is(Path.is_dir, folder):
            yield f"tracking.uri={uri}: no such folder: {folder}"
        elif wrong := database_file.problem(uri):
            yield f"tracking.uri={uri}: {wrong}"
    elif wrong := database_driver.problem(uri):
        yield f"tracking.uri={uri}: {wrong}"


def _has_host_and_port(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
