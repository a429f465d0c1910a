"""The runs in the MLflow UI, in a real browser: what a user sees of a sweep.

Screenshots are kept in the folder that TFMLFLOW_SCREENSHOTS names, for people to look at.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests import stores
from tests.conftest import ROOT, clean_environment, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ui")]

PATIENCE = 60_000  # milliseconds, for a busy machine
MODE = "workflowType=machine_learning"
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync", "--disable-quic"]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three optimizers on digits, one command; what it said is in said.txt."""
    folder = tmp_path_factory.mktemp("sweep")
    words = ("optimizer=sgd,adam,rmsprop", "trainer.epochs=4", "tracking.report=true", "-m")
    done = run(str(ROOT / "train.py"), *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "said.txt").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def seeds(sweep: Path) -> str:
    """Two learning rates with two seeds each, in the same store; the path of the view that its link opens."""
    varied = ("optimizer.learning_rate=0.01,0.1", "seed=1,2", "trainer.epochs=2")
    done = run(str(ROOT / "train.py"), *varied, "tracking.experiment=seeds", "-m", cwd=sweep)
    assert done.returncode == 0, done.stderr
    (link,) = re.findall(r"^compare .*?(#/experiments/\S+)", done.stdout, re.MULTILINE)
    return str(link)


@pytest.fixture(scope="module")
def server(sweep: Path) -> Iterator[str]:
    """`mlflow ui` in the folder of the sweep, as the closing lines of a run say."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = clean_environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (sweep / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
            cwd=sweep,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=2).read()
                break
            except OSError:
                assert process.poll() is None, (sweep / "server.log").read_text()
                time.sleep(0.5)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    """A browser window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        window = browser.new_page(viewport={"width": 1600, "height": 1100})
        window.set_default_timeout(PATIENCE)
        yield window
        browser.close()


def keep(page: Page, name: str) -> None:
    """A screenshot for people."""
    folder = os.environ.get("TFMLFLOW_SCREENSHOTS")
    if folder:
        seen = {"x": 0, "y": 0, "width": 1185, "height": 1100}  # without MLflow's assistant
        page.screenshot(path=Path(folder) / f"{name}.png", clip=seen)


def test_the_experiment_lists_its_runs_by_names_that_tell_them_apart(page: Page, server: str, sweep: Path) -> None:
    experiment = stores.runs(sweep)[0].info.experiment_id
    page.goto(f"{server}/#/experiments/{experiment}/runs?{MODE}")
    parent = page.get_by_text("sweep grid optimizer").first
    expect(parent).to_be_visible(timeout=PATIENCE)
    page.locator(".ag-cell", has=parent).get_by_role("button").first.click()  # children are folded away
    for optimizer in ("sgd", "adam", "rmsprop"):
        expect(page.get_by_text(f"mlp {optimizer}", exact=True).first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("4 matching runs")).to_be_visible()
    expect(page.get_by_text("best").first).to_be_visible()
    expect(page.get_by_text("digits (").first).to_be_visible()
    keep(page, "experiment")


def test_a_run_shows_its_metrics_in_sections(page: Page, server: str, sweep: Path) -> None:
    info = stores.jobs(sweep)[0].info
    page.goto(f"{server}/#/experiments/{info.experiment_id}/runs/{info.run_id}/model-metrics?{MODE}")
    for section in ("batch", "best", "perf", "test", "train", "val"):
        expect(page.get_by_text(section, exact=True).first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("mlp sgd (batch/loss)")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("mlp sgd (batch/learning_rate)")).to_be_visible()
    keep(page, "run")


def test_a_run_has_its_curves_and_config_among_its_artifacts(page: Page, server: str, sweep: Path) -> None:
    info = stores.jobs(sweep)[0].info
    page.goto(f"{server}/#/experiments/{info.experiment_id}/runs/{info.run_id}/artifacts?{MODE}")
    for folder in ("checkpoints", "config", "environment", "plots"):
        expect(page.get_by_text(folder, exact=True).first).to_be_visible(timeout=PATIENCE)
    page.get_by_text("plots", exact=True).first.click()
    page.get_by_text("loss.png").first.click()
    page.wait_for_function("[...document.images].some(image => image.naturalWidth > 600)", timeout=PATIENCE)
    keep(page, "artifacts")


def test_the_link_of_a_sweep_opens_a_view_of_what_varied(page: Page, server: str, sweep: Path) -> None:
    (link,) = re.findall(r"^compare .*?(#/experiments/\S+)", (sweep / "said.txt").read_text(), re.MULTILINE)
    page.goto(f"{server}/{link}")
    expect(page.get_by_text("3 matching runs")).to_be_visible(timeout=PATIENCE)
    for chart in ("Parallel Coordinates", "val/loss", "best/objective"):
        expect(page.get_by_text(chart, exact=True).first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Sort: best/objective")).to_be_visible()
    keep(page, "compare")
    page.goto(f"{server}/{link.replace('compareRunsMode=CHART', 'compareRunsMode=TABLE')}")
    for column in ("best/objective", "optimizer.name"):
        expect(page.get_by_role("columnheader", name=column).first).to_be_visible(timeout=PATIENCE)


def test_the_pages_of_runs_and_sweeps_describe_them(page: Page, server: str, sweep: Path) -> None:
    job, parent = stores.jobs(sweep)[0].info, stores.sweep(sweep).info
    page.goto(f"{server}/#/experiments/{job.experiment_id}/runs/{job.run_id}?{MODE}")
    expect(page.get_by_text(re.compile("at epoch 4; all 4 epochs trained"))).to_be_visible(timeout=PATIENCE)
    keep(page, "description")
    page.goto(f"{server}/#/experiments/{parent.experiment_id}/runs/{parent.run_id}?{MODE}")
    expect(page.get_by_text("3 of 3 jobs finished")).to_be_visible(timeout=PATIENCE)
    keep(page, "sweep_page")
    expect(page.get_by_role("link", name="Curves")).to_have_attribute("href", re.compile("viewStateShareKey=tfmlflow-"))


def test_the_report_of_the_sweep_opens_among_its_artifacts(page: Page, server: str, sweep: Path) -> None:
    info = stores.sweep(sweep).info
    page.goto(f"{server}/#/experiments/{info.experiment_id}/runs/{info.run_id}/artifacts?{MODE}")
    page.get_by_text("report.html").first.click()
    report = page.frame_locator("iframe").first
    expect(report.get_by_role("heading", name="sweep grid optimizer")).to_be_visible(timeout=PATIENCE)
    expect(report.get_by_text("3 runs, 3 configurations, 0 failed")).to_be_visible()
    expect(report.locator("svg.main-svg").first).to_be_visible()
    keep(page, "sweep")


def test_seeds_are_taken_together_and_every_run_has_a_view_too(page: Page, server: str, seeds: str) -> None:
    page.goto(f"{server}/{seeds}")
    expect(page.get_by_text("Group by: optimizer.learning_rate").first).to_be_visible(timeout=PATIENCE)
    keep(page, "seeds")
    page.goto(f"{server}/" + re.sub(r"(viewStateShareKey=[^&]*)", r"\1-runs", seeds))
    expect(page.get_by_text("Parallel Coordinates").first).to_be_visible(timeout=PATIENCE)
