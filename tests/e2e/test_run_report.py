"""`report.html` of a run that was typed, as a reader sees it in a real browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from mlflow import MlflowClient
from playwright.sync_api import expect, sync_playwright

from tests import stores
from tests.conftest import Command

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("train"), pytest.mark.usefixtures("ready_store")]
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-quic"]


def test_the_report_of_a_run_is_read_light_and_dark_wide_and_narrow(
    train: Command, tmp_path: Path, chromium: str
) -> None:
    done = train("trainer.epochs=2", "model=cnn", "augment=light", "tracking.histograms=1", "tracking.report=true")
    assert done.returncode == 0, done.stderr
    run_id = stores.only_run(tmp_path).info.run_id
    file = Path(MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").download_artifacts(run_id, "report.html"))
    assert file.stat().st_size < 1_000_000
    complaints, requests = list[str](), list[str]()
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        for scheme, width in (("light", 1300), ("dark", 400)):
            page = program.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
            page.set_default_timeout(60_000)
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: requests.append(request.url))
            page.goto(file.as_uri())
            page.wait_for_function("document.body.dataset.drawn === 'true'")
            assert page.evaluate("document.documentElement.scrollWidth") == width
            colours = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert colours == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 25, 31)")
            assert page.locator("#confusion tbody tr").count() == 10
            assert page.locator(".example img").count() == 24
            assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
            for title in ("Curves", "Thresholds and calibration", "Augmentation", "Weights", "Gradients", "Model"):
                expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
            expect(page.get_by_role("heading", name="A part that cannot be drawn here")).to_have_count(0)
            chart = page.locator("svg[aria-label='loss by epoch']")
            chart.hover()
            expect(page.locator(".tip:visible")).to_contain_text("validation: ")
            if folder := os.environ.get("TFMLFLOW_SCREENSHOTS"):
                page.screenshot(path=Path(folder) / f"run-report-{scheme}.png", full_page=True)
        program.close()
    assert complaints == []
    assert {address.split(":")[0] for address in requests} <= {"file", "data"}
