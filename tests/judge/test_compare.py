"""Pairs, intervals and kinds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.judge import compare
from rawbench.judge.compare import _kind, bootstrap


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30))
def test_an_interval_holds_its_mean(values):
    found = bootstrap(values, resamples=200)
    slack = 1e-9 * (1 + abs(found.mean))
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack
    assert found.mean == pytest.approx(sum(values) / len(values), abs=1e-6)


def test_intervals_are_the_same_each_time_and_as_wide_as_they_should_be():
    values = np.random.default_rng(1).normal(3, 2, 100)
    found = bootstrap(values)
    assert found == bootstrap(values)
    half = 1.96 * values.std() / 10
    assert found.low == pytest.approx(values.mean() - half, abs=0.1)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1)


def test_exact_images_are_in_no_interval():
    assert bootstrap([math.inf, 1.0, 2.0]).images == 2
    assert math.isnan(bootstrap([]).mean)
    assert math.isnan(bootstrap([1.0]).low)


@pytest.mark.parametrize(
    ("size", "gain", "kind"),
    [(0, 0, "same"), (-1, 0, "better"), (0, 1, "better"), (1, -1, "worse"), (0, -1, "worse"), (1, 1, "traded"),
     (-1, -1, "traded"), (0, math.inf, "better"), (0, math.nan, "worse")],
)  # fmt: skip
def test_kinds(size, gain, kind):
    assert _kind(size, gain) == kind


def test_resamples_drawn_a_few_at_a_time_are_those_drawn_at_once(monkeypatch):
    values = list(np.random.default_rng(3).normal(0, 1, 301))
    at_once = bootstrap(values, resamples=500)
    monkeypatch.setattr(compare, "_DRAWN", 1000)
    assert bootstrap(values, resamples=500) == at_once
