"""A grid of eight configurations over five folds, beside scikit-learn's GridSearchCV on the same folds.

    python benchmarks/cross_validation.py [--turns 1] [--epochs 10] [--seed 0]

Data are scikit-learn's digits without the test set of `data=digits`; optimizer, learning rate and units vary, forty
trainings in all. `GridSearchCV` gets a Keras model in a `BaseEstimator` of fifteen lines, the very folds of
`data.folds=5`, and two processes; nothing is refitted. Ours is one command, typed as a user would, which leaves a run
of each training in a store. What is compared is the validation accuracy of the last epoch, the mean over folds; where
the same configurations are best is said, and of each side the seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV

ROOT = Path(__file__).resolve().parent.parent
FOLDS, BATCH = 5, 64
GRID: dict[str, list[Any]] = {"optimizer": ["sgd", "adam"], "learning_rate": [0.001, 0.01], "units": [32, 64]}
TEXTS = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(ROOT)}


class KerasClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A Keras network as scikit-learn takes it."""

    def __init__(self, optimizer: str = "sgd", learning_rate: float = 0.01, units: int = 32, epochs: int = 10) -> None:
        self.optimizer, self.learning_rate, self.units, self.epochs = optimizer, learning_rate, units, epochs

    def fit(self, x: Any, y: Any) -> KerasClassifier:
        import keras

        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(self.units, "relu"), keras.layers.Dense(10, "softmax")]
        self.model_, self.classes_ = keras.Sequential([keras.Input((64,)), *layers]), np.arange(10)
        rate = self.learning_rate
        made = (
            keras.optimizers.Adam(rate)
            if self.optimizer == "adam"
            else keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
        )
        self.model_.compile(made, "sparse_categorical_crossentropy", metrics=["accuracy"])
        self.model_.fit(x, y, batch_size=BATCH, epochs=self.epochs, verbose=0)
        return self

    def predict(self, x: Any) -> Any:
        return self.model_.predict(x, verbose=0).argmax(axis=1)


def same_folds(seed: int) -> tuple[Any, Any, list[tuple[Any, Any]]]:
    """All examples that are not test, and the places of each fold's two sides."""
    from tfmlflow.datasets import digits

    folds = [digits.load(seed=seed, folds=FOLDS, fold=fold) for fold in range(FOLDS)]
    x = np.concatenate([data.validation.x for data in folds]).reshape(-1, 64)
    y = np.concatenate([data.validation.y for data in folds])
    ends = np.cumsum([0, *(len(data.validation) for data in folds)])
    places = np.arange(len(y))
    held = [places[begin:end] for begin, end in pairwise(ends)]
    return x, y, [(np.setdiff1d(places, mine), mine) for mine in held]


def theirs(seed: int, epochs: int) -> tuple[float, dict[tuple[str, ...], float]]:
    """Seconds, and the mean accuracy of each configuration."""
    x, y, folds = same_folds(seed)
    began = time.perf_counter()
    found = GridSearchCV(KerasClassifier(epochs=epochs), GRID, cv=folds, n_jobs=2, refit=False, scoring="accuracy")
    found.fit(x, y)
    took = time.perf_counter() - began
    means = zip(found.cv_results_["params"], found.cv_results_["mean_test_score"], strict=True)
    return took, {tuple(str(params[key]) for key in GRID): float(mean) for params, mean in means}


def ours(seed: int, epochs: int, folder: Path) -> tuple[float, dict[tuple[str, ...], float], str]:
    """The same by one command; and what it prints at its end."""
    words = ["-m", f"data.folds={FOLDS}", f"data.fold=range(0,{FOLDS})", "optimizer=sgd,adam"]
    words += ["optimizer.learning_rate=0.001,0.01", "model.units=[32],[64]", f"trainer.epochs={epochs}"]
    words += [f"data.batch_size={BATCH}", f"seed={seed}", "objective.metric=val/accuracy", "hydra/launcher=process"]
    words += ["tracking.experiment=folds"]
    environment = os.environ | TEXTS | {"TFMLFLOW_SPOOL": str(folder / "spool")}
    began = time.perf_counter()
    command = [sys.executable, str(ROOT / "train.py"), *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("folds")
    found: dict[tuple[str, ...], list[float]] = {}
    for run in client.search_runs([experiment.experiment_id], max_results=1000):
        params = run.data.params
        if "data.fold" in params and "val/accuracy" in run.data.metrics:
            key = (params["optimizer.name"], params["optimizer.learning_rate"], params["model.units"].strip("[]"))
            found.setdefault(key, []).append(run.data.metrics["val/accuracy"])
    assert all(len(values) == FOLDS for values in found.values()), found
    return took, {key: float(np.mean(values)) for key, values in found.items()}, done.stdout


def main() -> None:
    """Print both, side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    os.environ.update(TEXTS)
    for turn in range(given.turns):
        with tempfile.TemporaryDirectory() as folder:
            seconds, mine, told = ours(given.seed, given.epochs, Path(folder))
        peer_seconds, peer = theirs(given.seed, given.epochs)
        print(f"turn {turn + 1}: ours {seconds:.0f} s, GridSearchCV {peer_seconds:.0f} s")
    print(f"{'optimizer':>9} {'rate':>6} {'units':>5} {'ours':>8} {'GridSearchCV':>12}")
    for key in sorted(mine, key=lambda key: -mine[key]):
        print(f"{key[0]:>9} {key[1]:>6} {key[2]:>5} {mine[key]:8.4f} {peer[key]:12.4f}")
    same = max(mine, key=mine.__getitem__) == max(peer, key=peer.__getitem__)
    largest = max(abs(mine[key] - peer[key]) for key in mine)
    print(f"the best is {'the same' if same else 'another'}; the largest difference of two means is {largest:.4f}")
    print("\n".join(told.splitlines()[-20:]))


if __name__ == "__main__":
    main()
