"""Checks a composed config as a whole, and says everything that is wrong with it at once."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tfmlflow.config import targets
from tfmlflow.config.nearest import did_you_mean
from tfmlflow.config.schema import SCHEMA
from tfmlflow.config.values import words
from tfmlflow.errors import UsageError


def check(cfg: DictConfig) -> None:
    """Refuse a config that cannot be trained.

    Args:
        cfg: As Hydra composed it.

    Raises:
        UsageError: With a line for each thing that is wrong.
    """
    problems = list(_missing(cfg))
    if not problems:
        try:
            values: Any = OmegaConf.to_container(cfg, resolve=True)
        except OmegaConfBaseException as error:
            raise UsageError(f"{error.full_key}: {str(error).splitlines()[0]}") from None
        problems = [*_values(values), *_targets(values), *_files(values), *_together(values)]
    if problems:
        raise UsageError("\n".join(problems))


def _missing(cfg: DictConfig) -> Iterator[str]:
    for key in sorted(OmegaConf.missing_keys(cfg)):
        yield f"{key}: no value; it must be given: {key}=…"


def _values(values: Mapping[str, Any]) -> Iterator[str]:
    for group, kinds in SCHEMA.items():
        section = values if not group else values.get(group)
        if not isinstance(section, Mapping):
            yield f"{group}={section}: must be the options of the group, as in {group}.key=value"
            continue
        for key, kind in kinds.items():
            found, value = _find(section, key)
            if found and not kind.fits(value):
                meant = did_you_mean(str(value), words(kind))
                yield f"{group + '.' if group else ''}{key}={_shown(value)}: must be {kind}{meant}"


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
    shipped = str(values["data"].get("_target_", "")).startswith("tfmlflow.data.")
    if not isinstance(path, str) or not shipped:
        return
    name = values["data"]["name"]
    if name == "images" and not Path(path).is_dir():
        yield f"data.path={path}: no such folder; data=images needs one with a folder for each class"
    elif name == "tfrecord" and not Path(path).is_dir() and not glob.glob(path):
        yield f"data.path={path}: no such file, and no file matches it"
    elif name not in ("images", "tfrecord") and not Path(path).is_file():
        hint = f" (this folder is {Path.cwd()})" if not Path(path).is_absolute() else ""
        yield f"data.path={path}: no such file{hint}"


def _together(values: Mapping[str, Any]) -> Iterator[str]:
    optimizer, metric = values["optimizer"], str(values["objective"].get("metric"))
    clips = [key for key in ("clipnorm", "global_clipnorm", "clipvalue") if optimizer.get(key) is not None]
    if len(clips) > 1:
        yield f"optimizer.{clips[0]}, optimizer.{clips[1]}: only one way of clipping at a time; set the other to null"
    if optimizer.get("nesterov") and not optimizer.get("momentum"):
        yield "optimizer.nesterov=true: needs optimizer.momentum greater than 0"
    if not metric.startswith(("val/", "train/")) or metric.count("/") != 1:
        yield f"objective.metric={metric}: must be val/<metric> or train/<metric>, for example val/accuracy"
    hardware = values["hardware"]
    if hardware.get("devices") is not None and hardware.get("logical_cpus") is not None:
        yield "hardware.devices, hardware.logical_cpus: either GPUs or parts of the CPU; set the other to null"
    uri = values["tracking"].get("uri")
    if isinstance(uri, str):
        yield from _store(uri)


def _store(uri: str) -> Iterator[str]:
    schemes = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
    scheme = uri.split(":")[0].split("+")[0]
    if scheme not in schemes:
        yield (
            f"tracking.uri={uri}: must be http(s)://host:port of an MLflow server or a database such as "
            "sqlite:///mlflow.db; plain folders are a store that MLflow has given up"
        )
    elif scheme == "sqlite":
        folder = Path(uri.removeprefix("sqlite:///").split("?")[0]).parent
        if not uri.startswith("sqlite:///"):
            yield f"tracking.uri={uri}: a SQLite store is written sqlite:///relative.db or sqlite:////absolute.db"
        elif not folder.is_dir():
            yield f"tracking.uri={uri}: no such folder: {folder}"
