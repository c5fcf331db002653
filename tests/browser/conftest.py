"""Fixtures of the tests in a real browser: Debian's Chromium, driven by Playwright, without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from looks import DESKTOP, PHONE, Look, looks_at
from pages import PAGES
from playwright.sync_api import Browser, Playwright, sync_playwright

VIEWS = ["desktop-light", "desktop-dark", "phone-light", "phone-dark"]
SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        message = "needs chromium: make system-deps"
        if os.environ.get("BPFLOW_REQUIRE_SYSTEM"):
            pytest.fail(message)
        pytest.skip(message)
    started = playwright.chromium.launch(executable_path=chromium, chromium_sandbox=False)
    yield started
    started.close()


@pytest.fixture(scope="session", params=list(PAGES))
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of the pages, as a file."""
    return PAGES[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture
def look(browser: Browser, page_file: Path) -> Iterator[Callable[..., Look]]:
    """Open the page as a reader with a given screen and given wishes sees it; what it complains of is kept."""
    with looks_at(browser, page_file) as open_page:
        yield open_page


@pytest.fixture(scope="module")
def desk(browser: Browser, page_file: Path) -> Iterator[Look]:
    """The page on a desktop, shared by tests that leave it as they found it."""
    with looks_at(browser, page_file) as open_page:
        yield open_page()


@pytest.fixture(scope="module", params=[(DESKTOP, False), (DESKTOP, True), (PHONE, False), (PHONE, True)], ids=VIEWS)
def whole(request: pytest.FixtureRequest, browser: Browser, page_file: Path) -> Iterator[Look]:
    """The page with all unfolded and drawn, on both screens and in both schemes; tests leave it as they found it."""
    size, dark = request.param
    with looks_at(browser, page_file) as open_page:
        seen = open_page(size=size, dark=dark)
        seen.open_all()
        yield seen


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Folder that keeps what the tests saw; its pictures are those of the last run."""
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    SCREENSHOTS.mkdir(parents=True)
    return SCREENSHOTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    pictures = sorted(SCREENSHOTS.glob("*.png"))
    if pictures:
        terminalreporter.write_line(f"{len(pictures)} screenshots: {SCREENSHOTS}")
