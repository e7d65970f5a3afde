"""The page by itself: complete, escaped, and without the network."""

from __future__ import annotations

import re

import pytest

from rawbench.judge.leaderboard import make_boards
from rawbench.report.board import board_page
from rawbench.report.chart_data import chart_data, typical_points
from rawbench.report.charts import make_charts
from rawbench.report.page import render_page, script_json


@pytest.fixture
def page(made):
    metrics = ["psnr", "ssim"]
    data = chart_data(made, metrics, typical_points(made, 0.1))
    charts = make_charts(made, data, metrics)
    return render_page(made, charts, data, metrics, [], [("Mine", "<p>a section</p>")], ["no pictures"], 0.1)


def test_nothing_is_fetched(page):
    outside = page.split("<script>")[0]
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", outside)
    assert len(page.encode()) < 3_000_000


def test_names_are_escaped(page):
    before = page.split("<script>")[0]
    assert "beta:step=&lt;2&gt;" in before and "beta:step=<2>" not in page
    assert script_json({"a": "</script><b>"}) == '{"a":"\\u003c/script>\\u003cb>"}'


def test_it_says_how_it_was_made(page):
    for said in ("rawbench run", "a processor, 1 thread,", "torch 2", "<p>a section</p>", "no pictures", "rawbench-1"):
        assert said in page


def test_every_dataset_has_a_table_of_its_own(page):
    full = page.split("Every rate point</h2>")[1].split("How this was made")[0]
    assert re.findall("<h3>(.*)</h3>", full) == ["made:jpeg100", "made:jpeg90", "made:png"]
    assert full.count("<table>") == 3 and full.count("<td>made:") == 0


def test_the_leaderboard_as_a_page(made):
    page = board_page(make_boards([made]))
    assert page.count("<details>") == 3, "the rate points of its own dataset under each table"
    assert page.count("<h2>") == 3 and "beta:step=&lt;2&gt;" in page and "exact" in page
