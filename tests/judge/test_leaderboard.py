"""Budgets, markers, and the committed table."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.errors import UsageError
from rawbench.judge.leaderboard import END, START, best_within, readme_with_results, replace_between_markers
from rawbench.results.rd import Point

REPOSITORY = Path(__file__).parents[2]
POINTS = st.lists(st.builds(Point, st.floats(1e-4, 10), st.floats(20, 90)), max_size=8)


def test_the_readme_holds_the_table_of_the_committed_runs():
    folder = REPOSITORY / "results" / "measured"
    readme = REPOSITORY / "README.md"
    if not folder.is_dir():
        text = readme.read_text()
        assert replace_between_markers(text, "") == text, "no run is committed, so no table is shown"
        return
    assert readme_with_results(readme, folder) == readme.read_text(), (
        "the results in README.md are stale: rawbench leaderboard --readme README.md"
    )


@given(POINTS, st.floats(1e-4, 10))
def test_within_a_budget_only_measured_points_count(points, budget):
    found = best_within(points, budget)
    affordable = [point for point in points if point.rate <= budget]
    assert (found is None) == (not affordable)
    if found:
        assert found in points and found.quality == max(point.quality for point in affordable)


def test_an_exact_point_is_the_best():
    assert best_within([Point(5, 80.0), Point(9, math.inf)], math.inf).quality == math.inf


def test_what_stands_around_the_markers_stays():
    text = f"before\n\n{START}\nold\n{END}\n\nafter\n"
    assert replace_between_markers(text, "new") == f"before\n\n{START}\nnew\n{END}\n\nafter\n"
    assert replace_between_markers(text, "") == f"before\n\n{START}\n{END}\n\nafter\n"


@pytest.mark.parametrize("text", ["", START, f"{END}{START}", f"{START}{END}{START}"])
def test_markers_that_are_not_there(text):
    with pytest.raises(UsageError, match="must hold"):
        replace_between_markers(text, "new")
