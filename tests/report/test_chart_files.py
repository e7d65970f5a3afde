"""Charts as files: the committed picture shows what is committed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rawbench.errors import NotComparable
from rawbench.judge.leaderboard import read_runs
from rawbench.report.chart_files import picture_digest, rd_picture

RESULTS = Path(__file__).parents[2] / "results"


def test_the_committed_picture_is_of_the_committed_run():
    run = max(read_runs(RESULTS / "measured"), key=lambda run: len(run.methods))
    assert f"<!-- rawbench {picture_digest(run)} -->" in (RESULTS / "rd.svg").read_text(), (
        "results/rd.svg is stale: rawbench leaderboard --picture results/rd.svg"
    )


def test_a_picture_says_of_which_numbers_it_is(made):
    svg = rd_picture(made)
    assert svg.startswith("<svg") and picture_digest(made) in svg
    first, *others = made.rows
    other = replace(made, rows=(replace(first, values={**first.values, "psnr": 1.0}), *others))
    assert picture_digest(other) != picture_digest(made)


def test_nothing_to_draw(made):
    with pytest.raises(NotComparable, match="nothing was measured"):
        rd_picture(replace(made, rows=()))
