"""The page, the table and the picture of a comparison; the page as a reader sees it, in a real browser."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from playwright.sync_api import Page, expect, sync_playwright

from tests.analysis.fixtures import Store
from tests.analysis.stored import HOSTILE
from tfmlflow.analysis import report
from tfmlflow.analysis.comparison import Comparison
from tfmlflow.analysis.report.spreadsheet import safe
from tfmlflow.analysis.runs import reading

pytestmark = pytest.mark.xdist_group("reading")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync", "--disable-quic"]


class Reader:
    """A browser that notes what a report must not do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, file: Path) -> None:
        """Show a report, until everything is drawn."""
        self.page.goto(file.as_uri())
        self.page.wait_for_function("document.body.dataset.drawn === 'true'")

    def column(self, title: str) -> list[str]:
        """Cells of a column of the table."""
        titles = self.page.locator("#runs th").all_inner_texts()
        return self.page.locator(f"#runs tbody tr td:nth-child({titles.index(title) + 1})").all_inner_texts()

    def keep(self, name: str) -> None:
        """A screenshot for people."""
        if folder := os.environ.get("TFMLFLOW_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Reader]:
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = program.new_page(viewport={"width": 1300, "height": 900})
        page.set_default_timeout(60_000)
        yield Reader(page)
        program.close()


@pytest.fixture
def reader(browser: Reader) -> Iterator[Reader]:
    """Whatever a test does: no error, and nothing is fetched."""
    browser.complaints.clear()
    browser.requests.clear()
    yield browser
    assert browser.complaints == []
    assert {address.split(":")[0] for address in browser.requests} <= {"file", "data", "blob"}


def written(store: Store, folder: Path, experiment: str) -> report.Files:
    client = store.client
    return report.write(Comparison.of(client, reading.read(client, experiment)), client, folder, title=experiment)


def test_the_page_sorts_and_answers_the_pointer(store: Store, tmp_path: Path, reader: Reader) -> None:
    reader.open(written(store, tmp_path, "grid").html)
    page = reader.page
    assert reader.column("learning_rate") == ["0.01", "0.1", "0.001", "10"]
    page.get_by_role("button", name="learning_rate").click()
    assert reader.column("learning_rate") == ["0.001", "0.01", "0.1", "10"]
    page.get_by_role("button", name="learning_rate").click()
    assert reader.column("learning_rate") == ["10", "0.1", "0.01", "0.001"]
    page.get_by_label("one row a run").check()
    assert len(reader.column("learning_rate")) == 11
    page.get_by_label("filter rows").fill("killed")
    assert reader.column("learning_rate") == ["10"]
    page.get_by_label("filter rows").fill("")
    expect(page.get_by_text("ValueError: loss is")).to_be_visible()
    curves = page.locator("#curves")
    curves.scroll_into_view_if_needed()
    box = page.locator("#curves .scatterlayer path.point").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    expect(page.locator("#curves .hovertext").first).to_contain_text("epoch 1")
    assert page.locator("#parallel canvas").count() > 0
    expect(page.locator(".modebar-btn[data-title*=Share]")).to_have_count(0)  # it would send the runs elsewhere
    reader.keep("report")


def test_the_scatter_follows_its_choice_and_importance_is_drawn(store: Store, tmp_path: Path, reader: Reader) -> None:
    reader.open(written(store, tmp_path, "searched").html)
    reader.page.locator("#setting").select_option(label="model.name")
    expect(reader.page.locator("#scatter .xtick").first).to_have_text("cnn")
    expect(reader.page.locator("#importance .bars .point")).to_have_count(3)
    reader.keep("report-searched")


def test_markup_in_a_run_is_shown_as_the_text_that_it_is(store: Store, tmp_path: Path, reader: Reader) -> None:
    files = written(store, tmp_path, "hostile <script>alert(0)</script>")
    reader.open(files.html)
    page = reader.page
    assert page.locator("main img, main script, main b, main iframe").count() == 0
    assert "<script>alert('x')</script><img src=x onerror=alert(1)>" in reader.column("run")[0]
    assert page.title() == "hostile <script>alert(0)</script>"
    text = files.html.read_text()
    assert "<script>alert" not in text
    assert "onerror=alert(1)>" not in text.replace("\\u003e", "")
    reader.keep("report-hostile")


def test_the_table_has_every_digit_and_no_formulas(store: Store, tmp_path: Path) -> None:
    files = written(store, tmp_path, "grid")
    rows = list(csv.DictReader(io.StringIO(files.csv.read_text())))
    assert len(rows) == 11
    runs = {run.run_id: run for run in reading.read(store.client, "grid")}
    for row in rows[:9]:
        assert float(row["value"]) == runs[row["run_id"]].metrics["best/loss"]
        assert row["param.seed"] == runs[row["run_id"]].params["seed"]
    assert [row["end_reason"] for row in rows[9:]] == ["killed", "nan"]
    hostile = written(store, tmp_path / "hostile", "hostile <script>alert(0)</script>").csv.read_text()
    assert "'=1+1" in hostile
    assert [safe(text) for text in ("-0.1", "+1e-3", "@x", "-x")] == ["-0.1", "+1e-3", "'@x", "'-x"]
    assert any(row["name"] == HOSTILE for row in csv.DictReader(io.StringIO(hostile, newline="")))


def test_the_picture_has_something_on_it(store: Store, tmp_path: Path) -> None:
    for experiment in ("grid", "searched", "foreign", "hostile <script>alert(0)</script>"):
        pixels = image.imread(written(store, tmp_path, experiment).png)
        assert pixels.shape[1] == 1040
        assert np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0).shape[0] > 100
