"""The site: built with every warning an error; its links lead somewhere, its reference pages have all that there is."""

from __future__ import annotations

import html.parser
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import sync_playwright

from tests.conftest import ROOT, run
from tests.test_docstrings import FOUND
from tfmlflow.config.location import groups, options
from tfmlflow.config.schema import SCHEMA

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
LOOKS = {"light": (1500, 1100), "dark": (420, 900)}


class Page(html.parser.HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As the parser calls it."""
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if name in ("href", "src") and value:
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    done = run("-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(ROOT / "docs"), str(folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in site.rglob("*.html")}


def test_every_page_is_there_and_every_link_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    for source in (ROOT / "docs").rglob("*.md"):
        assert site / source.relative_to(ROOT / "docs").with_suffix(".html") in pages
    broken = []
    for file, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or not (parts.path or parts.fragment):
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            there = target.exists() and (
                not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].ids
            )
            if not there:
                broken.append(f"{file.name}: {link}")
    assert broken == []


def test_every_page_is_reached_from_the_menu(site: Path, pages: dict[Path, Page]) -> None:
    known = {unquote(urlsplit(link).path) for link in pages[site / "index.html"].links}
    pages_of_text = [source.relative_to(ROOT / "docs") for source in (ROOT / "docs").rglob("*.md")]
    assert [str(page) for page in pages_of_text if str(page.with_suffix(".html")) not in known | {"index.html"}] == []


def test_the_reference_has_every_option_key_function_and_command(site: Path, pages: dict[Path, Page]) -> None:
    keys = {f"{group}.{key}".strip(".") for group, kinds in SCHEMA.items() for key in kinds} - {
        "trainer.early_stopping"
    }
    options_page = (site / "options.html").read_text(encoding="utf-8")
    ids = pages[site / "options.html"].ids
    assert {
        key for key in keys if f"confval-{key}" not in ids and f"confval-{key.replace('_', '-')}" not in ids
    } == set()
    for group in groups():
        assert [name for name in options(group) if name not in options_page] == []
    assert {f"{module}.{name}" for module, name in FOUND} - pages[site / "api.html"].ids == set()
    from tfmlflow.cli import main

    assert {f"tfmlflow-{name}" for name in main.commands} - pages[site / "commands.html"].ids == set()


@pytest.mark.parametrize("scheme", LOOKS)
def test_pages_fit_a_wide_and_a_narrow_window_in_light_and_dark(chromium: str, site: Path, scheme: str) -> None:
    width, height = LOOKS[scheme]
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = program.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
        for name in ("index", "tour", "options", "api", "commands", "results"):
            page.goto((site / f"{name}.html").as_uri())
            over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(over) <= 0, name
            colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (sum(map(int, colour.strip("rgba()").split(",")[:3])) < 300) == (scheme == "dark"), colour
            if folder := os.environ.get("TFMLFLOW_SCREENSHOTS"):
                page.screenshot(path=Path(folder) / f"site-{name}-{scheme}.png")
        assert complaints == []
        program.close()
