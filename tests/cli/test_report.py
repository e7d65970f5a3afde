"""``rawbench report``: a real run's page, opened in a real browser with the network off."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.browser import nothing_is_wider_than_a_phone, opened, until

STEPS_PLUGIN = str(Path(__file__).parents[1] / "steps_plugin.py")
RUN = ("--plugin", STEPS_PLUGIN, "run", "--dataset", "tiny", "--metrics", "psnr,ssim", "--limit", "2", "--out", "run")


def test_the_page_and_its_charts(call, tmp_path):
    assert call(*RUN, "--methods", "steps,coarse").code == 0
    ended = call("--plugin", STEPS_PLUGIN, "report", "run", "-o", "out.html", "--charts", "charts", "--bpp", "8")
    assert ended.code == 0, ended.err
    page = (tmp_path / "out.html").read_text()
    assert len(page.encode()) < 3_000_000
    drawn = 2 * (2 + 2 * 2 + 2 * 2)
    assert page.count('src="data:image/webp') == drawn, "two images: originals, pairs, maps"
    assert page.count('"address":"data:image/webp') == 2 * (2 + 2 * 2), "the same at their own size, but for the maps"
    assert "bits per pixel" in page and "order mask" in page
    assert "<h2>a remark</h2>" in page and "20 cells were measured." in page
    assert {"rd-psnr.svg", "rd-psnr.png", "images.svg"} <= {path.name for path in (tmp_path / "charts").iterdir()}


def test_all_images_are_shown_where_all_are_wanted(call, tmp_path):
    call(*RUN, "--methods", "mean", "--limit", "3")

    def pictures(*arguments) -> int:
        assert call("--plugin", STEPS_PLUGIN, "report", "run", "-o", "out.html", *arguments).code == 0
        return (tmp_path / "out.html").read_text().count('src="data:image/webp')

    assert pictures("--images", "all") == 3 * pictures() / 2 > 0


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


@pytest.mark.slow
def test_in_a_browser_with_the_network_off(call, browser, tmp_path):
    assert call(*RUN, "--methods", "steps,coarse,mean").code == 0
    for name, more in (("out", ()), ("steps", ("--anchor", "steps")), ("coarse", ("--anchor", "coarse"))):
        ended = call("--plugin", STEPS_PLUGIN, "report", "run", "-o", f"{name}.html", "--bpp", "8", *more)
        assert ended.code == 0, ended.err
    with opened(browser, tmp_path / "out.html") as page:
        _hover_shows_numbers(page)
        _legend_switches_methods_off(page)
        _axes_are_zoomed(page)
        _tables_are_sorted(page)
        _viewer_wipes_and_flips(page)
        _anchors_are_those_of_the_option(page, tmp_path)
        nothing_is_wider_than_a_phone(page)


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
    until(page, f"document.querySelectorAll('#chart-rd-psnr .mark-symbol path').length < {before}")
    assert page.locator("#legend button[data-method=steps]").get_attribute("aria-pressed") == "false"
    assert not page.locator("figure[data-method=steps]").first.is_visible()
    page.keyboard.press("Enter")
    until(page, f"document.querySelectorAll('#chart-rd-psnr .mark-symbol path').length === {before}")


def _axes_are_zoomed(page) -> None:
    form = page.locator("form[data-chart=rd-psnr]")
    fields = form.locator("input")
    texts = "document.querySelectorAll('#chart-rd-psnr .role-axis-label text')"
    labels = f"Array.from({texts}, text => text.textContent).sort().join()"
    whole, drawn = _values(fields), page.evaluate(labels)
    form.locator("[name=in]").focus()
    page.keyboard.press("Enter")
    until(page, f"{labels} !== {json.dumps(drawn)}")
    inside = _values(fields)
    assert whole[0] < inside[0] < inside[1] < whole[1] and whole[2] < inside[2] < inside[3] < whole[3]
    fields.nth(3).fill(str(whole[3] + 7))
    page.keyboard.press("Enter")
    until(page, f"document.querySelectorAll('form[data-chart=rd-psnr] input')[3].value == {whole[3] + 7}")
    assert _values(fields)[:2] == inside[:2]
    plot = page.locator("#chart-rd-psnr svg.marks")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1], steps=4)
    page.mouse.up()
    until(page, f"document.querySelector('form[data-chart=rd-psnr] input').value < {inside[0]}")
    form.locator("[name=reset]").click()
    until(page, f"{labels} === {json.dumps(drawn)}")
    assert _values(fields) == whole


def _values(fields) -> list[float]:
    return [float(field.input_value()) for field in fields.all()]


def _tables_are_sorted(page) -> None:
    table = page.locator("#numbers ~ .scroll table")
    bytes_button = table.get_by_role("button", name="bytes/image")
    bytes_button.focus()
    for sort, backwards in (("ascending", False), ("descending", True)):
        page.keyboard.press("Enter")
        column = [row.split("\t")[3] for row in table.locator("tbody").inner_text().splitlines()]
        sizes = [float(text) for text in column]
        assert len(sizes) == 12 and sizes == sorted(sizes, reverse=backwards)
        assert table.locator(f"th[aria-sort={sort}]").inner_text().startswith("bytes/image")
    table.get_by_role("button", name="method").click()
    names = [row.split("\t")[0] for row in table.locator("tbody").inner_text().splitlines()]
    assert names == sorted(names) and page.locator("tfoot").inner_text().startswith("ceiling"), "stays below"


def _viewer_wipes_and_flips(page) -> None:
    viewer = page.locator("section.viewer").first
    stage, above, says = viewer.locator(".stage"), viewer.locator(".stage img").nth(1), viewer.locator("output")
    assert stage.evaluate("one => one.getBoundingClientRect().width") == 40, "an image's pixel is one of the screen"
    viewer.locator("select.layer").first.select_option("sRGB")
    viewer.locator("select.layer").nth(1).select_option("steps: errors")
    assert says.inner_text() == "sRGB | steps: errors"
    viewer.get_by_role("button", name="Flip").focus()
    page.keyboard.press("Enter")
    assert says.inner_text() == "sRGB" and "0%" in above.evaluate("one => one.style.clipPath")
    page.keyboard.press("Enter")
    assert says.inner_text() == "steps: errors"
    viewer.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    assert says.inner_text() == "sRGB | steps: errors"
    viewer.locator("select.times").select_option("4:1")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box["width"] == 160
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 5)
    assert viewer.locator("input[type=range]").input_value() == "25"
    sources = page.evaluate("Array.from(document.querySelectorAll('.stage img'), one => one.src.slice(0, 15))")
    assert set(sources) == {"data:image/webp"}


def _anchors_are_those_of_the_option(page, folder: Path) -> None:
    """What the page computes for another anchor is what a page of that anchor has."""
    choice = page.locator("section.board select[data-board]")
    for name in ("steps", "coarse"):
        choice.focus()
        choice.select_option(name)
        wanted = page.context.new_page()
        wanted.goto((folder / f"{name}.html").as_uri())
        for place in ("section.board table", "section.differences table", "section.differences ul.notes", "ul.rates"):
            ours, theirs = (one.locator(place).evaluate(_CONTENT) for one in (page, wanted))
            assert ours == theirs and name in (ours + page.locator("section.board").inner_text()), place
        assert page.locator("section.differences .anchor").text_content() == name
        wanted.close()


_CONTENT = """one => Array.from(one.querySelectorAll('th, td, li'),
  cell => cell.textContent.trim() + (cell.querySelector('b') ? ' (best)' : '')).join('\\n')"""
