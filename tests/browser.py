"""A real browser without a network, for the pages that rawbench writes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here (Debian's package: chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, file: Path) -> Iterator[Any]:
    """A page with all its charts drawn; errors, warnings and requests that it made fail the test."""
    problems: list[str] = []
    page = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
    page.goto(file.as_uri())
    until(page, f"document.querySelectorAll('.chart svg.marks').length === {page.locator('.chart').count()}")
    yield page
    assert problems == []


def until(page: Any, condition: str) -> None:
    # By the clock: a busy machine draws no frames, and Playwright would look only once a frame.
    page.wait_for_function(condition, polling=100)


def nothing_is_wider_than_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    until(page, "document.querySelector('svg.marks').getBoundingClientRect().width < 390")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
