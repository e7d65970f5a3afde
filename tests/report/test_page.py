"""The page by itself: complete, escaped, and without the network."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rawbench.report.chart_data import chart_data, typical_points
from rawbench.report.charts import make_charts
from rawbench.report.origins import Origin, linked
from rawbench.report.page import Choice, Content, render_page, script_json


@pytest.fixture
def content(made):
    metrics = ["psnr", "ssim"]
    data = chart_data(made, metrics, typical_points(made, 0.1))
    charts = make_charts(made, data, metrics)
    origins = {"alpha": Origin(linked("A <paper>, arXiv 2302.12995."), "alphas 1.2", "https://alphas.example")}
    return Content(made, charts, data, metrics, Choice(), ["no pictures"], [("Mine", "<p>a section</p>")], origins)


@pytest.fixture
def page(content):
    return render_page(content)


def test_nothing_is_fetched(page):
    outside = page.split("<script>")[0]
    assert not re.search(r"""(src|<link[^>]*href)\s*=\s*["']?(https?:)?//""", outside)
    assert set(re.findall(r"""href\s*=\s*["']?(https?:[^"]*)""", outside)) == {
        "https://alphas.example", "https://arxiv.org/abs/2302.12995"
    }, "what leads elsewhere when somebody asks for it"  # fmt: skip
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
    assert full.count("<tfoot>") == 3, "the ceiling stands below, however a table is sorted"


def test_the_best_is_bold(page):
    board = page.split('<section class="board"')[1].split("</section>")[0]
    assert "<b>exact at 20</b>" in board and board.count("<b>") >= 4


def test_methods_lead_to_their_paper_and_plugin(page):
    made = page.split("How this was made")[1]
    assert '<a href="https://alphas.example" rel="noreferrer">alphas 1.2</a>' in made
    assert 'A &lt;paper&gt;, <a href="https://arxiv.org/abs/2302.12995" rel="noreferrer">arXiv 2302.12995</a>.' in made


def test_published_rows_stand_apart(content, tmp_path):
    (tmp_path / "mine.csv").write_text(
        "method,source,protocol,dataset,camera,rendition,bpp,psnr_db,note\n"
        "theirs,A paper,their protocol,NUS,Sony,8 bits,0.1,50.5,\n"
    )
    assert "Published, not measured here" not in render_page(content)
    page = render_page(replace(content, choice=Choice(published=[str(tmp_path / "mine.csv")])))
    rows = page.split("Published, not measured here</h2>")[1].split("</section>")[0]
    assert ">theirs</td>" in rows and "A paper; their protocol" in rows
    assert "theirs" not in page.split("Published, not measured here</h2>")[0]
