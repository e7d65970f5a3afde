"""The leaderboard as a page: tables, charts, dates, and what it is filtered by."""

from __future__ import annotations

from dataclasses import replace

from rawbench.judge.leaderboard import make_boards
from rawbench.report.board import board_page
from tests.browser import nothing_is_wider_than_a_phone, opened, until


def test_every_board_has_its_table_chart_and_date(made):
    page = board_page(make_boards([made]))
    assert page.count("<details>") == 3, "the rate points of its own dataset under each table"
    assert page.count('<section class="board"') == 3 and "beta:step=&lt;2&gt;" in page and "exact" in page
    assert page.count('class="chart" id="chart-board-') == 3 and page.count("made: measured 2026-01-01") == 3
    assert len(page.encode()) < 3_000_000


def test_no_runs():
    page = board_page([])
    assert "No runs are committed yet." in page and len(page) < 30_000


def test_filters_in_a_browser_with_the_network_off(made, browser, tmp_path):
    again = replace(made, name="again")
    (tmp_path / "board.html").write_text(board_page(make_boards([made, again]), "alpha"))
    with opened(browser, tmp_path / "board.html") as page:
        assert page.locator("section.board:visible").count() == 3
        assert page.locator("select.filter[data-by=dataset]").count() == 0, "there is one dataset"
        page.locator("select.filter[data-by=rendition]").focus()
        page.keyboard.type("jpeg90")
        page.keyboard.press("Enter")
        until(page, "document.querySelector('header output').textContent === '1 of 3 tables'")
        assert page.locator("section.board:visible h2").all_inner_texts() == ["made:jpeg90"]
        assert page.locator("section.board:visible .key").inner_text().count("alpha") == 2, "of both runs"
        nothing_is_wider_than_a_phone(page)
