"""What `trainer.unfreeze` may be: the epochs at which frozen layers begin to be trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfmlflow.config.nearest import did_you_mean

KEYS = ("epoch", "layers", "learning_rate", "factor", "batch_norm")
FORM = "[{epoch: 3, layers: block5, learning_rate: 1e-4}, ...]"
TRIED = ("auto", "cpu", "gpu", "multi_gpu", "multi_worker")  # of servers workers do not begin a phase together


def problems(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong, a line each."""
    trainer = values["trainer"]
    entries = trainer.get("unfreeze")
    if not entries or not isinstance(entries, list):  # of which the schema says what it must be
        return
    for place, entry in enumerate(entries):
        if isinstance(entry, Mapping):
            yield from _entry(f"trainer.unfreeze[{place}]", entry, trainer.get("epochs"))
    if values["optimizer"].get("use_ema"):
        yield (
            "optimizer.use_ema=true: Keras averages one fixed list of weights, and trainer.unfreeze changes it; "
            "set one of them to its default"
        )
    if (name := untried(values["hardware"])) is not None:
        yield f"trainer.unfreeze: was never tried with hardware={name}; take hardware={', '.join(TRIED)}"


def untried(hardware: Mapping[str, Any]) -> str | None:
    """The name of shipped hardware on which neither phases nor pretrained networks were tried; None of other."""
    target = str(hardware.get("_target_"))
    known = target.startswith("tfmlflow.") and target.rpartition(".")[2] not in TRIED
    return str(hardware.get("name")) if known else None


def _entry(key: str, entry: Mapping[str, Any], epochs: Any) -> Iterator[str]:
    for name in entry:
        if name not in KEYS:
            yield f"{key}.{name}: no such key{did_you_mean(str(name), KEYS)}; they are {', '.join(KEYS)}"
    for name in ("epoch", "layers"):
        if name not in entry:
            yield f"{key}: has no {name}; {FORM}"
    epoch, layers = entry.get("epoch"), entry.get("layers")
    if "epoch" in entry and (not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 1):
        yield f"{key}.epoch={epoch}: must be a whole number at least 1"
    elif isinstance(epoch, int) and isinstance(epochs, int) and epoch > epochs:
        yield f"{key}.epoch={epoch}: the training ends after trainer.epochs={epochs}"
    named = [layers] if isinstance(layers, str) else layers
    if "layers" in entry and (
        not isinstance(named, list) or not named or not all(isinstance(one, str) and one for one in named)
    ):
        yield f"{key}.layers={layers}: must be all, how names of layers begin (block5), a pattern (*conv*), or a list"
    for name in ("learning_rate", "factor"):
        value = entry.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
            yield f"{key}.{name}={value}: must be a number greater than 0"
    if entry.get("learning_rate") is not None and entry.get("factor") is not None:
        yield f"{key}: has learning_rate and factor (times optimizer.learning_rate); give one of them"
    if not isinstance(entry.get("batch_norm", False), bool):
        yield f"{key}.batch_norm={entry['batch_norm']}: must be true or false"
