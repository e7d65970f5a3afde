from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.results.rd import (
    Point,
    bd_psnr,
    bd_rate,
    quality_at,
    sort_curve,
)

BOTH = pytest.mark.parametrize("interpolation", ["akima", "pchip"])


def concave(rates: list[float], gain: float = 1.0) -> list[Point]:
    """A plausible curve: quality grows with the root of the log rate, bent."""
    return [Point(gain * r, 40 + 8 * math.sqrt(math.log2(r / 0.001) + 1)) for r in rates]


def log_line(rates: list[float]) -> list[Point]:
    """6.02 dB a doubling: a straight line over log rate, which every interpolation reproduces."""
    return [Point(r, 50 + 6.02 * math.log2(r)) for r in rates]


RATES = [0.003, 0.01, 0.05, 0.2, 0.7]
steps = st.lists(st.tuples(st.floats(1e-3, 2), st.floats(1e-3, 10)), min_size=4, max_size=8)
rising = steps.map(lambda pairs: [(0.001 * math.exp(r), 30 + q) for r, q in np.cumsum(pairs, axis=0).tolist()])
clouds = st.lists(st.tuples(st.floats(1e-4, 10), st.floats(20, 80)), min_size=1, max_size=12)


@BOTH
@pytest.mark.parametrize("factor", [0.25, 0.9, 1.0, 1.5, 4.0])
def test_a_known_rate_factor_is_the_bd_rate(interpolation, factor) -> None:
    delta = bd_rate(concave(RATES), concave(RATES, factor), interpolation)
    assert delta.value == pytest.approx(100 * (factor - 1), abs=1e-9)
    assert delta.reason == "" and delta.unit == "%" and delta.interpolation == interpolation
    assert (delta.anchor_points, delta.test_points, delta.left_out) == (5, 5, 0)
    assert delta.overlap_share == pytest.approx(1.0)


@BOTH
def test_a_known_offset_is_the_bd_psnr(interpolation) -> None:
    raised = [Point(r, q + 1.25) for r, q in concave(RATES)]
    delta = bd_psnr(concave(RATES), raised, interpolation)
    assert delta.value == pytest.approx(1.25, abs=1e-9)
    assert delta.unit == "dB" and delta.overlap == (0.003, 0.7)


@BOTH
def test_curves_sampled_at_other_rates(interpolation) -> None:
    anchor = log_line([0.01, 0.03, 0.1, 0.4, 1.0])
    test = [Point(2 * r, q) for r, q in log_line([0.02, 0.05, 0.2, 0.5, 0.8, 1.5])]
    delta = bd_rate(anchor, test, interpolation)
    assert delta.value == pytest.approx(100.0, abs=1e-9)
    assert delta.overlap == pytest.approx((50 + 6.02 * math.log2(0.02), 50.0))
    assert 0 < delta.overlap_share < 1
    assert bd_psnr(anchor, test, interpolation).value == pytest.approx(-6.02, abs=1e-9)


@BOTH
def test_a_smooth_curve_by_integration(interpolation) -> None:
    # quality = 40 + 5 u and 40 + 4 u + 0.1 u^2 over u = log10(rate): the mean difference has a closed form.
    u = np.linspace(0, 3, 25)
    anchor = [Point(10**v, 40 + 5 * v) for v in u]
    test = [Point(10**v, 40 + 4 * v + 0.1 * v**2) for v in u]
    expected = -1 * 1.5 + 0.1 * 3.0
    assert bd_psnr(anchor, test, interpolation).value == pytest.approx(expected, abs=1e-3)


@given(factor=st.floats(0.1, 10), seed=st.randoms(use_true_random=False))
def test_order_of_points_does_not_matter_and_roles_invert(factor, seed) -> None:
    anchor, test = concave(RATES), concave([r * 1.1 for r in RATES], factor)
    there, back = bd_rate(anchor, test), bd_rate(test, anchor)
    assert there.value is not None and back.value is not None
    assert (1 + there.value / 100) * (1 + back.value / 100) == pytest.approx(1)
    shuffled = list(anchor)
    seed.shuffle(shuffled)
    assert bd_rate(shuffled, test) == there


@given(anchor=clouds | rising, test=clouds | rising)
def test_a_number_or_a_reason_never_both(anchor, test) -> None:
    for compute in (bd_rate, bd_psnr):
        for interpolation in ("akima", "pchip"):
            delta = compute(anchor, test, interpolation)
            assert (delta.value is None) == bool(delta.reason)
            assert delta.value is None or (math.isfinite(delta.value) and 0 < delta.overlap_share <= 1 + 1e-12)
            assert "overshoots" not in delta.reason or interpolation == "akima"


def test_akima_is_not_trusted_where_it_overshoots() -> None:
    # Twice the rate for a thousandth of a decibel: akima's slope there would bend the neighbours by decades.
    test = [(0.01, 40), (0.1, 50), (0.2, 50.001), (0.4, 55), (0.8, 60)]
    anchor = [(0.01, 40), (0.1, 48), (0.2, 51), (0.4, 55), (0.8, 60)]
    delta = bd_rate(anchor, test, "akima")
    assert delta.value is None and delta.reason == "akima overshoots between the points of the test"
    assert bd_rate(anchor, test, "pchip").value is not None


@pytest.mark.parametrize(
    ("anchor", "test", "reason"),
    [
        (concave(RATES)[:3], concave(RATES), "the anchor has 3 of the 4 points that are needed"),
        (concave(RATES), [], "the test has 0 of the 4 points that are needed"),
        (
            concave(RATES),
            [(0.1, 40), (0.2, 45), (0.3, 44), (0.4, 50)],
            "the test is not monotonic: 45 at 0.2, 44 at 0.3",
        ),
        (
            [(0.1, 40), (0.2, 45), (0.2, 46), (0.4, 50)],
            concave(RATES),
            "the anchor is not monotonic: 45 at 0.2, 46 at 0.2",
        ),
        (
            concave(RATES),
            [(r, q + 100) for r, q in concave(RATES)],
            "no overlap: anchor 52.86 to 65.86, test 152.9 to 165.9",
        ),
        (concave(RATES), [(0, 40), (0.2, 45), (0.3, 47), (0.4, 50)], "a rate of 0: rates must be positive"),
    ],
)
def test_no_number_without_its_reason(anchor, test, reason) -> None:
    delta = bd_rate(anchor, test)
    assert delta.value is None and delta.reason == reason and delta.overlap is None


def test_no_overlap_in_rate_leaves_the_rate_delta() -> None:
    cheap = [Point(r / 1000, q) for r, q in concave(RATES)]
    assert bd_psnr(concave(RATES), cheap).reason.startswith("no overlap: anchor 0.003 to 0.7")
    assert bd_rate(concave(RATES), cheap).value == pytest.approx(-99.9)


def test_exact_and_undefined_points_are_left_out_and_counted() -> None:
    test = [*concave(RATES), Point(5.0, math.inf), Point(0.02, math.nan)]
    delta = bd_rate(concave(RATES), test)
    assert delta.value == pytest.approx(0) and delta.left_out == 2 and delta.test_points == 5


def test_cubic_is_refused() -> None:
    with pytest.raises(ValueError, match="akima or pchip"):
        bd_rate(concave(RATES), concave(RATES), "cubic")  # type: ignore[arg-type]


def test_sort_curve_refuses_rates_that_are_not_positive() -> None:
    with pytest.raises(ValueError, match="a rate of -1"):
        sort_curve([(-1, 40), (1, 50)])


def test_interpolation_meets_its_points_and_never_leaves_the_curve() -> None:
    curve = concave(RATES)
    for rate, quality in curve:
        assert quality_at(curve, rate) == pytest.approx(quality)
    assert math.isnan(quality_at(curve, 0.001)) and math.isnan(quality_at(curve, 1.0))
    assert curve[1].quality < quality_at(curve, 0.02) < curve[2].quality
    assert quality_at(log_line(RATES), 0.1) == pytest.approx(50 + 6.02 * math.log2(0.1))


def test_interpolation_of_too_few_points() -> None:
    assert math.isnan(quality_at([], 1.0))
    assert quality_at([(2.0, 40.0)], 2.0) == 40.0 and math.isnan(quality_at([(2.0, 40.0)], 3.0))
    assert quality_at([(2.0, 40.0), (2.0, 41.0)], 2.0) == 41.0
