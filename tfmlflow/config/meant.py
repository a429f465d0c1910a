"""The key that is meant by the short name other programs have for it: `lr`, `epochs`, `batch_size`."""

from __future__ import annotations

from collections.abc import Sequence

from tfmlflow.config.location import groups
from tfmlflow.config.option_files import chosen, keys

ALIASES = {
    "lr": "learning_rate",
    "wd": "weight_decay",
    "batch": "batch_size",
    "bs": "batch_size",
    "epoch": "epochs",
    "num_epochs": "epochs",
    "n_epochs": "epochs",
    "max_epochs": "epochs",
    "dataset": "data",
    "net": "model",
    "opt": "optimizer",
    "random_seed": "seed",
    "random_state": "seed",
    "monitor": "objective.metric",
    "patience": "trainer.early_stopping.patience",
    "early_stopping": "trainer.early_stopping.patience",
    "experiment_name": "tracking.experiment",
    "tracking_uri": "tracking.uri",
    "validation_split": "data.validation_share",
    "val_split": "data.validation_share",
    "device": "hardware",
    "gpu": "hardware",
    "mixed_precision": "hardware.precision",
    "early_stop": "trainer.early_stopping.patience",
    "checkpoint": "tracking.checkpoint_every",
    "log_dir": "hydra.run.dir",
    "output_dir": "hydra.run.dir",
}


def meant(name: str, arguments: Sequence[str]) -> list[str]:
    """Groups and keys that `name` may stand for, of the options that a command line chooses."""
    plain = name.lower().replace("-", "_")
    plain = ALIASES.get(plain, plain)
    if "." in plain or plain in groups() or plain in keys("config"):
        return [plain] if plain != name else []
    found = []
    for group in groups():
        if group in ("experiment", "debug", "sweep"):
            continue
        for option in chosen(group, arguments):
            found += [f"{group}.{key}" for key in keys(f"{group}/{option}", arguments) if key.split(".")[-1] == plain]
    return list(dict.fromkeys(found))
