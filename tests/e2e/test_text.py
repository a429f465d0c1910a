"""Texts from a file to a stored model that takes them as they are."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from tests import stores
from tests.conftest import Command, run

SETTINGS = ("data.text=review", "data.length=12", "model.embedding=16", "trainer.epochs=12", "data.batch_size=16")


@pytest.mark.slow
@pytest.mark.usefixtures("ready_store")
def test_reviews_are_learned_evaluated_and_predicted_as_text(train: Command, tmp_path: Path) -> None:
    """The label is in one word, among words that say nothing."""
    chance = np.random.default_rng(0)
    stars = chance.choice(["good", "bad"], 300)
    told = {"good": ("lovely", "superb"), "bad": ("dull", "awful")}
    some = [" ".join(chance.permutation([chance.choice(told[one]), "film", "of", "two", "hours"])) for one in stars]
    pd.DataFrame({"review": some, "stars": stars}).to_csv(tmp_path / "reviews.csv", index=False)
    file = ("data=csv", "data.path=reviews.csv", "data.label=stars")
    done = train(*file, *SETTINGS, "optimizer.learning_rate=0.01")
    assert done.returncode == 0, done.stderr
    trained = stores.only_run(tmp_path)
    assert trained.data.metrics["test/accuracy"] > 0.95
    words = stores.text(tmp_path, trained.info.run_id, "data/vocabulary.txt")
    assert {"lovely", "dull", "film"} <= set(words.split())
    done = run("-m", "tfmlflow", "evaluate", trained.info.run_id, *file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = next(one for one in stores.runs(tmp_path) if one.info.run_id != trained.info.run_id)
    assert again.data.metrics["test/loss"] == pytest.approx(trained.data.metrics["test/loss"], rel=1e-5)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    model = mlflow.pyfunc.load_model(f"runs:/{trained.info.run_id}/best")
    predicted = model.predict(pd.DataFrame({"review": ["Two DULL hours.", "A superb film!"]}))
    assert list(predicted["prediction"]) == ["bad", "good"]
