"""``rawbench report``: a real run's page, opened in a real browser with the network off."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

STEPS_PLUGIN = str(Path(__file__).parents[1] / "steps_plugin.py")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
RUN = ("--plugin", STEPS_PLUGIN, "run", "--dataset", "tiny", "--metrics", "psnr,ssim", "--limit", "2", "--out", "run")


def test_the_page_and_its_charts(call, tmp_path):
    assert call(*RUN, "--methods", "steps,coarse").code == 0
    ended = call("--plugin", STEPS_PLUGIN, "report", "run", "-o", "out.html", "--charts", "charts", "--bpp", "8")
    assert ended.code == 0, ended.err
    page = (tmp_path / "out.html").read_text()
    assert len(page.encode()) < 3_000_000
    assert page.count("data:image/webp") == 2 * (2 + 2 * 2 + 2 * 2), "two images: originals, pairs, maps"
    assert "bits per pixel" in page and "order mask" in page
    assert "<h2>a remark</h2>" in page and "20 cells were measured." in page
    assert {"rd-psnr.svg", "rd-psnr.png", "images.svg"} <= {path.name for path in (tmp_path / "charts").iterdir()}


def test_a_run_without_its_streams_has_no_pictures(call, tmp_path):
    call(*RUN, "--methods", "mean")
    shutil.rmtree(tmp_path / "run/streams")
    ended = call("report", "run", "-o", "out.html")
    assert ended.code == 0 and "no pictures: the run's streams are not here" in ended.err
    assert "no pictures" in (tmp_path / "out.html").read_text()


def test_failures_are_at_the_top(call, tmp_path):
    call(*RUN, "--methods", "mean,failing:how=encode")
    assert call("report", "run", "-o", "out.html").code == 0
    before = (tmp_path / "out.html").read_text().split("<main>")[0]
    assert "failing:how=encode bytes=1 on tiny/image1: ValueError: no such thing" in before


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("none",), "none holds no run"),
        (("run", "--images", "image7"), "the run has no image 'image7'"),
        (("run", "--metrics", "mae"), "the run has no metric 'mae'"),
    ],
)
def test_bad_input(call, arguments, line):
    call(*RUN, "--methods", "mean", "--rate-points", "0")
    ended = call("report", *arguments)
    assert ended.code == 2 and line in ended.err


@pytest.fixture
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here (Debian's package: chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.mark.slow
def test_in_a_browser_with_the_network_off(call, browser, tmp_path):
    assert call(*RUN, "--methods", "steps,coarse,mean").code == 0
    assert call("--plugin", STEPS_PLUGIN, "report", "run", "-o", "out.html").code == 0
    problems: list[str] = []
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
    page.goto((tmp_path / "out.html").as_uri())
    charts = page.locator(".chart").count()
    _until(page, f"document.querySelectorAll('.chart svg.marks').length === {charts}")
    _hover_shows_numbers(page)
    _legend_switches_methods_off(page)
    _nothing_is_wider_than_a_phone(page)
    assert problems == []


def _until(page, condition: str) -> None:
    # By the clock: a busy machine draws no frames, and Playwright would look only once a frame.
    page.wait_for_function(condition, polling=200)


def _points(page):
    return page.locator("#chart-rd-psnr .mark-symbol path")


def _hover_shows_numbers(page) -> None:
    _points(page).last.hover(force=True)
    page.wait_for_selector("#vg-tooltip-element.visible")
    text = page.locator("#vg-tooltip-element").inner_text()
    assert all(word in text for word in ("method", "bytes", "bpp", "psnr")), text


def _legend_switches_methods_off(page) -> None:
    before = _points(page).count()
    page.mouse.move(0, 0)
    page.locator("#legend button[data-method=steps]").focus()
    page.keyboard.press("Enter")
    _until(page, f"document.querySelectorAll('#chart-rd-psnr .mark-symbol path').length < {before}")
    assert page.locator("#legend button[data-method=steps]").get_attribute("aria-pressed") == "false"
    assert not page.locator("figure[data-method=steps]").first.is_visible()
    page.keyboard.press("Enter")
    _until(page, f"document.querySelectorAll('#chart-rd-psnr .mark-symbol path').length === {before}")


def _nothing_is_wider_than_a_phone(page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    _until(page, "document.querySelector('#chart-rd-psnr svg.marks').getBoundingClientRect().width < 390")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
