"""Thresholds: what passes, what fails, and the sentence."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.errors import UsageError
from rawbench.judge.gate import Subset, Verdict, exit_code, report_lines
from rawbench.judge.threshold import Threshold
from rawbench.types import Place

VALUES = st.floats(0.1, 1e6)


@pytest.mark.parametrize(
    ("text", "was", "now", "sentence"),
    [
        ("-0.02 dB", 45.0, 44.97, "was 45, is 44.97, allowed is 44.98 or more (-0.02 dB)"),
        ("-0.02 dB", 45.0, 44.985, ""),
        ("+0.5 %", 1000, 1005, ""),
        ("+0.5 %", 1000, 1006, "was 1000, is 1006, allowed is 1005 or less (+0.5 %)"),
        ("+0 byte", 132, 133, "was 132, is 133, allowed is 132 or less (+0 byte)"),
        ("+0 byte", 132, 132, ""),
        ("-0.02 dB", math.inf, 90.0, "was inf, is 90, allowed is inf or more (-0.02 dB)"),
        ("-0.02 dB", math.inf, math.inf, ""),
        ("-0.02 dB", 90.0, math.inf, ""),
    ],
)
def test_a_threshold_returns_the_sentence(text, was, now, sentence):
    assert Threshold.parse(text).fails(was, now) == sentence


@pytest.mark.parametrize("text", ["", "0.5 %", "about 1 dB", "- dB", "+0.5 % more"])
def test_what_is_no_threshold(text):
    with pytest.raises(UsageError, match="is no tolerance"):
        Threshold.parse(text)


@given(VALUES, VALUES, st.sampled_from(["-0.02 dB", "+0.5 %", "+0 byte", "-3 %"]))
def test_a_value_is_worse_or_better_but_not_both(was, now, text):
    threshold = Threshold.parse(text)
    assert not (threshold.fails(was, now) and threshold.beats(was, now))
    assert not threshold.fails(was, was) and not threshold.beats(was, was)
    assert not threshold.fails(was, threshold.limit(was))


@given(VALUES)
def test_the_rounding_of_the_reference_is_no_regression(value):
    rounded = float(f"{value:.8g}")
    for text in ("-0 dB", "+0 byte"):
        assert not Threshold.parse(text).fails(rounded, value)


def test_the_worst_verdict_decides():
    verdicts = [Verdict("m", "p", s, ("why",)) for s in ("fine", "better", "regressed")]
    assert exit_code(verdicts) == 1
    assert exit_code([*verdicts, Verdict("m", "p", "missing")]) == 3
    assert exit_code([*verdicts, Verdict("m", "p", "missing"), Verdict("m", "p", "failed")]) == 4
    assert exit_code([]) == 3, "nothing judged is nothing proven"
    assert report_lines(verdicts)[-1] == "3 verdicts: 1 regressed, 1 better, 1 fine"


def test_a_subset_takes_any_of_one_kind_and_all_of_different_kinds():
    subset = Subset.parse(["method=poly,res*", "image=a"])
    assert subset.holds(Place("poly", "0", "sample", "a")) and subset.holds(Place("residual", "0", "sample", "a"))
    assert not subset.holds(Place("uniform", "0", "sample", "a"))
    assert not subset.holds(Place("poly", "0", "sample", "b"))
