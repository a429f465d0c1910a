"""Draws the pictures of README: trains a small sweep in a temporary folder, and photographs its pages in the MLflow UI.

python docs/draw_ui.py [--output docs/images] [--experiment digits]

Needs Chromium; takes about two minutes. The pictures are of the MLflow that is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SWEEP = ("optimizer=sgd,adam", "optimizer.learning_rate=0.001,0.01", "seed=1,2", "trainer.epochs=6", "-m")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PATIENCE = 120_000  # milliseconds, for a busy machine
SETTLED = 8_000  # milliseconds, until what is below has come too
MODE = "workflowType=machine_learning"
WITHOUT_ASSISTANT = {"x": 0, "y": 0, "width": 1408, "height": 1100}


def main() -> None:
    """Write sweep.png, run.png, compare.png and report.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images", help="folder of the pictures")
    parser.add_argument("--experiment", default="digits", help="name in the pictures")
    arguments = parser.parse_args()
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("needs Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(made)
        said = typed(folder, str(ROOT / "train.py"), f"tracking.experiment={arguments.experiment}", *SWEEP)
        (view,) = re.findall(r"^compare .*?(#/experiments/\S+)", said, re.MULTILINE)
        (sweep,) = re.findall(r"^sweep .*?(#/experiments/\S+)", said, re.MULTILINE)
        run = re.findall(r"^open .*?(#/experiments/\S+)", said, re.MULTILINE)[-1]
        typed(folder, "-m", "tfmlflow", "compare", "--sweep", "latest", "--html", "report.html")
        program = playwright.chromium.launch(executable_path=browser, args=QUIET)
        page = program.new_page(viewport={"width": 1900, "height": 1100})
        page.set_default_timeout(PATIENCE)
        with server(folder) as address:
            photograph(page, f"{address}/{sweep}", "jobs finished", arguments.output / "sweep.png")
            photograph(page, f"{address}/{run}", "epochs trained", arguments.output / "run.png")
            photograph(page, f"{address}/{view}", "Group by:", arguments.output / "compare.png")
        page.set_viewport_size({"width": 900, "height": 1100})
        page.goto((folder / "report.html").as_uri())
        page.wait_for_function("document.body.dataset.drawn === 'true'")
        page.screenshot(path=arguments.output / "report.png")
        program.close()


def typed(folder: Path, *words: str) -> str:
    """What `python <words>` prints; its warnings go where ours go.

    Raises:
        CalledProcessError: It has failed.
    """
    variables = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    variables |= {"TFMLFLOW_SPOOL": str(folder / "spool"), "COLUMNS": "120", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=variables, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """`mlflow ui` in a folder; its address, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    variables = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(480):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/health", timeout=2).read()
                break
            if process.poll() is not None:
                sys.exit((folder / "server.log").read_text())
            time.sleep(0.5)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def photograph(page: Page, address: str, words: str, file: Path) -> None:
    """A page of the UI some seconds after it shows `words`."""
    page.goto(address if MODE in address else f"{address}?{MODE}")
    page.get_by_text(words).first.wait_for(state="visible")
    for more in page.get_by_text("Show more").all():  # of a description
        more.click()
    page.wait_for_timeout(SETTLED)  # the page asks for more again and again, so that its network is never idle
    page.screenshot(path=file, clip=WITHOUT_ASSISTANT)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
