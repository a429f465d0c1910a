"""Compose an experiment with Hydra, train it with Keras, end with an MLflow run: `python train.py --help`."""

import sys

from tfmlflow.stoppable import loading

with loading():  # Hydra takes half a second
    from omegaconf import DictConfig

    from tfmlflow.command.entry import command


def train(cfg: DictConfig) -> float | None:
    """Train one composed experiment and return its objective."""
    from tfmlflow.run import run  # TensorFlow loads here, after the config was checked

    return run(cfg)


if __name__ == "__main__":
    sys.exit(command(train, sys.argv[1:]))
