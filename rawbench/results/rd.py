"""Rate-distortion curves: order, interpolation, and Bjontegaard deltas behind a guard.

Pure functions of points (rate, quality), where rate is positive and more quality is better: negate an error metric
before it comes here. A point whose quality is not finite (the PSNR of an exact image, a metric that is not defined)
lies on no curve; every function leaves it out, and the deltas count it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np

# Never "cubic": one polynomial through all points returns nonsense, in silence, on a curve that is not monotonic.
Interpolation = Literal["akima", "pchip"]
MINIMUM_POINTS = 4


class Point(NamedTuple):
    """A point of a curve."""

    rate: float
    quality: float


Curve = Sequence[Point | tuple[float, float]]


@dataclass(frozen=True)
class Delta:
    """The mean difference of two curves over what they share, or the reason why there is none.

    Attributes:
        value: percent of rate (negative: the test needs less) or quality (positive: the test is better); None
            without a number.
        reason: why there is no number; empty where there is one.
        unit: ``%`` or ``dB``.
        interpolation: ``akima`` or ``pchip``.
        anchor_points: points of the anchor that were used.
        test_points: points of the test that were used.
        left_out: points of both that are not finite.
        overlap: ends of the interval that both cover (quality for a rate delta, rate for a quality delta), or None.
        overlap_share: that interval as a share of what either covers, on the axis that is integrated over: the
            smaller, the less the number says.
    """

    value: float | None
    reason: str
    unit: str
    interpolation: Interpolation
    anchor_points: int
    test_points: int
    left_out: int
    overlap: tuple[float, float] | None = None
    overlap_share: float = 0.0


def sort_curve(points: Curve) -> list[Point]:
    """The finite points, from the lowest rate to the highest; at one rate, from the worst to the best.

    Raises:
        ValueError: a rate that is not positive.
    """
    found = sorted(Point(float(r), float(q)) for r, q in points if math.isfinite(r) and math.isfinite(q))
    if found and found[0].rate <= 0:
        raise ValueError(f"a rate of {found[0].rate:g}: rates must be positive")
    return found


def quality_at(points: Curve, rate: float) -> float:
    """The quality of a curve at a rate, by PCHIP over log rate; NaN outside the curve, never extrapolated."""
    from scipy.interpolate import PchipInterpolator

    distinct = {p.rate: p.quality for p in sort_curve(points)}
    if len(distinct) < 2:
        return distinct.get(rate, math.nan)
    rates, qualities = [math.log(r) for r in distinct], list(distinct.values())
    return float(PchipInterpolator(rates, qualities, extrapolate=False)(math.log(rate)))


def bd_rate(anchor: Curve, test: Curve, interpolation: Interpolation = "akima") -> Delta:
    """How much more rate, in percent, the test needs for the same quality; negative is better.

    Bjontegaard, VCEG-M33, 2001, with piecewise interpolation as in Herglotz et al., 2022: the mean difference of log
    rate over the interval of quality that both curves cover.

    Args:
        anchor: points of the method to compare with.
        test: points of the method that is judged.
        interpolation: ``akima`` or ``pchip``.
    """
    return _delta(anchor, test, interpolation, over_quality=True)


def bd_psnr(anchor: Curve, test: Curve, interpolation: Interpolation = "akima") -> Delta:
    """How much more quality, in dB, the test has at the same rate; positive is better.

    The mean difference of quality over the interval of log rate that both curves cover.
    """
    return _delta(anchor, test, interpolation, over_quality=False)


def _delta(anchor: Curve, test: Curve, interpolation: Interpolation, over_quality: bool) -> Delta:
    if interpolation not in ("akima", "pchip"):
        raise ValueError(f"interpolation {interpolation!r}: akima or pchip")
    unit = "%" if over_quality else "dB"
    try:
        curves = sort_curve(anchor), sort_curve(test)
    except ValueError as error:
        return Delta(None, str(error), unit, interpolation, 0, 0, 0)
    counts = len(curves[0]), len(curves[1]), len(anchor) + len(test) - len(curves[0]) - len(curves[1])
    reason = _objection("anchor", curves[0]) or _objection("test", curves[1])
    if reason:
        return Delta(None, reason, unit, interpolation, *counts)
    first, second = (_axis(curve, over_quality) for curve in curves)
    low, high = max(first[0], second[0]), min(first[-1], second[-1])
    if low >= high:
        reason = f"no overlap: anchor {first[0]:.4g} to {first[-1]:.4g}, test {second[0]:.4g} to {second[-1]:.4g}"
        return Delta(None, reason, unit, interpolation, *counts)
    value, reason = _bjontegaard(curves, interpolation, over_quality, (low, high))
    if reason:
        return Delta(None, reason, unit, interpolation, *counts)
    share = _extent(low, high, over_quality) / _extent(
        min(first[0], second[0]), max(first[-1], second[-1]), over_quality
    )
    return Delta(value, "", unit, interpolation, *counts, (low, high), share)


def _objection(name: str, curve: list[Point]) -> str:
    """Why a curve cannot be integrated; empty where it can."""
    if len(curve) < MINIMUM_POINTS:
        return f"the {name} has {len(curve)} of the {MINIMUM_POINTS} points that are needed"
    for a, b in zip(curve, curve[1:], strict=False):
        if not (a.rate < b.rate and a.quality < b.quality):
            return f"the {name} is not monotonic: {a.quality:.6g} at {a.rate:.4g}, {b.quality:.6g} at {b.rate:.4g}"
    return ""


def _axis(curve: list[Point], over_quality: bool) -> list[float]:
    return [p.quality if over_quality else p.rate for p in curve]


def _extent(low: float, high: float, over_quality: bool) -> float:
    return high - low if over_quality else math.log(high / low)


def _bjontegaard(
    curves: tuple[list[Point], list[Point]],
    interpolation: Interpolation,
    over_quality: bool,
    overlap: tuple[float, float],
) -> tuple[float, str]:
    """The delta, and why it is worth nothing: empty where it is worth something."""
    # It imports matplotlib, which takes longer than most commands that read a run.
    import bjontegaard
    import numpy as np

    (anchor_rate, anchor_quality), (test_rate, test_quality) = (np.array(curve).T for curve in curves)
    compute = bjontegaard.bd_rate if over_quality else bjontegaard.bd_psnr
    with np.errstate(over="ignore"):
        value, *interpolants = compute(
            anchor_rate,
            anchor_quality,
            test_rate,
            test_quality,
            method=interpolation,
            require_matching_points=False,
            interpolators=True,
            min_overlap=0,
        )
    ends = overlap if over_quality else (math.log10(overlap[0]), math.log10(overlap[1]))
    for name, curve, interpolant in zip(("anchor", "test"), curves, interpolants, strict=True):
        if _overshoots(curve, interpolant, over_quality, ends):
            return math.nan, f"{interpolation} overshoots between the points of the {name}"
    return float(value), ""


def _overshoots(
    curve: list[Point], interpolant: Callable[[np.ndarray], np.ndarray], over_quality: bool, ends: tuple[float, float]
) -> bool:
    """Whether an interpolated curve leaves the rise between neighbouring points by over 1 % of its whole rise.

    Akima does where two points have nearly the same quality: it then invents rates that nobody measured. PCHIP never.
    """
    import numpy as np

    log_rate, quality = np.log10([p.rate for p in curve]), np.array([p.quality for p in curve])
    x, y = (quality, log_rate) if over_quality else (log_rate, quality)
    at = np.linspace(*ends, 1000)
    right = np.clip(np.searchsorted(x, at), 1, len(x) - 1)
    slack = 0.01 * (y[-1] - y[0])
    values = interpolant(at)
    return bool(np.any((values < y[right - 1] - slack) | (values > y[right] + slack)))
