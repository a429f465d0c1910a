"""Names that MLflow takes, and the names under which Keras's logs are shown."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from tfmlflow.masking import is_secret, masked_text

ILLEGAL = re.compile(r"[^\w\-. :/]")  # MLflow takes letters and digits of all languages
LONGEST_TAG = 5000  # characters of a tag that MLflow takes everywhere
LONGEST = 250  # bytes of a metric's or param's name, which some stores make a file of


def legal(name: str) -> str:
    """`name` with what MLflow refuses replaced: acc@1 -> acc_1.

    MLflow reads names as paths too: no leading slash, no `..`, no empty part. A letter with its accent as a character
    of its own, as some keyboards and file systems write it, becomes the one character that MLflow takes.
    """
    composed = unicodedata.normalize("NFC", name)
    parts = [part for part in ILLEGAL.sub("_", composed).split("/") if part not in ("", ".", "..")]
    return _cut("/".join(parts), LONGEST).rstrip("/") or "unnamed"


def alike(legal: str) -> str:
    """What is the same of names that a database may take for one: MySQL compares letters without their accents."""
    if legal.isascii():
        return legal
    return "".join(one for one in unicodedata.normalize("NFKD", legal) if not unicodedata.combining(one))


def numbered(legal: str, number: int) -> str:
    """The name of another one that would be called so."""
    return f"{_cut(legal, LONGEST - 4)}_{number}"


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")


def metric(keras_name: str) -> str:
    """`val_loss` -> `val/loss`, `loss` -> `train/loss`."""
    part, name = ("val", keras_name.removeprefix("val_")) if keras_name.startswith("val_") else ("train", keras_name)
    return _cut(f"{part}/{legal(name)}", LONGEST).rstrip("/")


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one level of dotted names; `_target_` is left out where a `name` stands beside it."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            if value:
                result.update(flat(value, f"{prefix}{key}."))
        elif key == "_partial_":  # Hydra's business
            continue
        elif not (key == "_target_" and "name" in values and values["name"] != "custom"):
            result[f"{prefix}{key}"] = value
    return result


SAID_ELSEWHERE = ("tracking", "sweep", "data.path", "data.name", "hydra", "trusted")


def run_name(settings: Mapping[str, Any], overrides: Sequence[str], varied: Sequence[str] = ()) -> str:
    """A name that reads well in a legend: model and optimizer, then what was changed on the command line.

    Args:
        settings: The whole config.
        overrides: Of the job, `key=value`.
        varied: In a sweep, the keys that its jobs differ in; the others are left out.
    """
    chosen = str(settings["tracking"]["run_name"])
    if chosen == "auto" and not varied:
        chosen = os.environ.get("MLFLOW_RUN_NAME") or chosen
    if chosen != "auto":
        return masked_text(chosen)[:LONGEST]
    parts = [str(settings["model"]["name"]), str(settings["optimizer"]["name"])]
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if key in ("model", "optimizer", "data") or key.startswith(SAID_ELSEWHERE) or is_secret(key, value):
            continue
        if varied and key not in varied:
            continue
        if key.endswith("._target_"):
            parts.append(value.rsplit(".", 1)[-1])
            continue
        parts.append(value if "." not in key and key != "seed" else f"{key.rsplit('.', 1)[-1]}={value}")
    return masked_text(" ".join(parts))[:LONGEST]


def text(value: str) -> str:
    """A text that every store keeps: no zero bytes, no halves of characters, as names of files may have."""
    return value.encode("utf-8", "replace").decode().replace("\x00", "")


UNSAFE = re.compile(r"[#?%\\\x00-\x1f\x7f/]|^[\s.]+")


def file(name: str) -> str:
    """A file's name that every artifact store keeps as it is: MLflow's server cuts names off at `#` and `?`."""
    return UNSAFE.sub("_", name).encode()[:200].decode(errors="ignore") or "unnamed"
