"""A thousand requests to `tfmlflow serve`, each compared with what the trainer's own network gives for the same row.

python benchmarks/serving.py
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import requests
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def table(folder: Path, count: int) -> tuple[list[str], list[dict[str, Any]], Any]:
    """Words of the training, requests, and what the predictor takes: rows with texts, dates and gaps."""
    chance, n = np.random.default_rng(0), 1000 + count
    frame = pd.DataFrame(
        {
            "area": np.where(chance.random(n) < 0.1, np.nan, chance.normal(80, 20, n).round(1)),
            "rooms": chance.integers(1, 7, n),
            "city": chance.choice(np.array(["Bonn", "Kiel", "Ulm", None], dtype=object), n),
            "built": (pd.Timestamp("1990-01-01") + pd.to_timedelta(chance.integers(0, 9000, n), unit="D")).strftime(
                "%Y-%m-%d"
            ),
        }
    )
    cheap = frame.area.fillna(80) + 5 * frame.rooms + chance.normal(0, 5, n) < 95
    frame["kind"] = np.where(cheap, "flat", "house")
    frame[:1000].to_csv(folder / "rows.csv", index=False)
    asked = frame[1000:].drop(columns="kind").reset_index(drop=True)
    asked.loc[asked.index % 50 == 0, "city"] = "Rom"  # that no training row had
    rows = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in asked.to_dict("records")]
    return ["data=csv", f"data.path={folder}/rows.csv", "data.label=kind", "model=mlp"], rows, asked


def pictures(folder: Path, count: int) -> tuple[list[str], list[dict[str, Any]], Any]:
    """The same of PNG pictures of several sizes."""
    chance, encoded = np.random.default_rng(0), []
    for number in range(120 + count):
        channel = number % 3
        pixels = chance.integers(0, 140, (*chance.integers(12, 40, 2), 3), np.uint8)
        pixels[..., channel] += 60
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        encoded.append(stream.getvalue())
        if number < 120:
            file = folder / "colors" / ("red", "green", "blue")[channel] / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(stream.getvalue())
    asked = encoded[120:]
    rows = [{"image": base64.b64encode(one).decode()} for one in asked]
    return ["data=images", f"data.path={folder}/colors", "data.size=[16,16]", "model=cnn"], rows, asked


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000)
    count = parser.parse_args().requests
    print("| requests | up after s | requests a second | p50 ms | p95 ms | equal labels | largest difference |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        os.environ.update(TFMLFLOW_SPOOL=f"{temporary}/spool", MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false")
        for name, made in (("table", table), ("pictures", pictures)):
            words, rows, asked = made(Path(temporary), count)
            print(f"| {count} {name} | {measure(words, rows, asked)} |", flush=True)


def measure(words: Sequence[str], rows: list[dict[str, Any]], asked: Any) -> str:
    """The line of one model."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    train = [sys.executable, str(ROOT / "train.py"), *words, "trainer.epochs=2", "tracking.system_metrics=false"]
    done = subprocess.run(train, env=env, capture_output=True, text=True, check=True)
    run_id = next(line.split()[-1] for line in done.stdout.splitlines() if line.startswith("run   "))
    began = time.perf_counter()
    port = "23987"
    command = [sys.executable, "-m", "tfmlflow", "serve", run_id, "--port", port]
    server = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        url = next(found[1] for line in server.stdout if (found := re.search(r"up at (\S+);", line)))
        up = time.perf_counter() - began
        session, took, given = requests.Session(), [], []
        session.trust_env = False
        for row in rows:
            began_one = time.perf_counter()
            answer = session.post(f"{url}/invocations", json={"dataframe_records": [row]}, timeout=60)
            took.append(time.perf_counter() - began_one)
            given += answer.json()["predictions"]
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
    from tfmlflow.predictor.predictor import Predictor
    from tfmlflow.tracking.models import model_import

    stored = model_import.load(run_id, None)
    assert stored.preparation is not None
    predictor = Predictor(stored.model, stored.preparation)
    expected = predictor.named(stored.model.predict(predictor.prepared(asked), verbose=0))
    found = pd.DataFrame(given)[expected.columns]
    equal = int((found["prediction"].to_numpy() == expected["prediction"].to_numpy()).sum())
    numbers = [name for name in expected.columns if name != "prediction"]
    largest = float(np.abs(found[numbers].to_numpy(float) - expected[numbers].to_numpy(float)).max())
    middle, late = np.percentile(1000 * np.array(took), [50, 95])
    return (
        f"{up:.0f} | {len(rows) / sum(took):.0f} | {middle:.1f} | {late:.1f} | {equal} of {len(rows)} | {largest:.1g}"
    )


if __name__ == "__main__":
    main()
