"""A run's page in the MLflow UI, in a real browser: how long until its metric charts are drawn."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync", "--disable-quic"]
DRAWN = "count => document.querySelectorAll('.js-plotly-plot path.js-line[d]').length >= count"
PATIENCE = 120.0  # seconds


def visit(server: str, run: str, screenshot: Path | None = None, charts: int = 2) -> float:
    """Seconds from the call of the page with the metrics of `run` until at least `charts` lines are drawn in it."""
    browser_program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser_program is None:
        sys.exit("--ui needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_program, args=QUIET)
        page = browser.new_page(viewport={"width": 1600, "height": 1100})
        began = time.perf_counter()
        page.goto(f"{server}/#/experiments/0/runs/{run}/model-metrics?workflowType=machine_learning")
        page.wait_for_function(DRAWN, arg=charts, timeout=1000 * PATIENCE)
        took = time.perf_counter() - began
        if screenshot is not None:
            page.screenshot(path=screenshot)
        browser.close()
    return took
