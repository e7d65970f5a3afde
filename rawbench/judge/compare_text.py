"""A comparison in words: tables, sentences, and a comment for a pull request."""

from __future__ import annotations

import math

from rawbench.judge.compare import Comparison, CurveComparison, Interval, PointComparison
from rawbench.results.rd import Delta


def tables(comparison: Comparison) -> list[tuple[str, list[str], list[list[str]]]]:
    """The comparison as tables: (title, headings, cells), the same for every output."""
    several = len({c.dataset for c in comparison.curves} | {p.dataset for p in comparison.points}) > 1
    found = []
    if comparison.curves:
        head = ["method", "BD-rate", "BD-PSNR" if comparison.metric.startswith("psnr") else f"BD-{comparison.metric}"]
        head += ["BD-rate per image", "images"]
        body = [_with(several, c.dataset, _curve_cells(c)) for c in comparison.curves]
        found.append(("Curves", _with(several, "dataset", head), body))
    if comparison.points:
        head = ["method", "rate point", "bytes", comparison.metric, "better", "worse", "traded", "same"]
        body = [_with(several, p.dataset, _point_cells(p, comparison.unit)) for p in comparison.points]
        found.append(("Rate points", _with(several, "dataset", head), body))
    return found


def _with(several: bool, first: str, rest: list[str]) -> list[str]:
    return [first, *rest] if several else rest


def _curve_cells(curve: CurveComparison) -> list[str]:
    overlap = f" over {overlap_text(curve.pooled)}" if curve.pooled.value is not None else ""
    images = f"{curve.per_image.images}" + (f", {curve.without} without a number" if curve.without else "")
    rate, quality = _delta_text(curve.pooled), _delta_text(curve.pooled_quality)
    return [curve.method, rate + overlap, quality, _interval_text(curve.per_image, "%", 2), images]


def _delta_text(delta: Delta) -> str:
    return "none" if delta.value is None else f"{delta.value:+.2f} {delta.unit}"


def overlap_text(delta: Delta) -> str:
    """What a BD-rate rests on: the shared part of the quality, and the points of both curves."""
    points = dict.fromkeys((delta.anchor_points, delta.test_points))
    return f"{100 * delta.overlap_share:.0f} % of the quality, {' and '.join(map(str, points))} points"


def reasons(comparison: Comparison) -> list[str]:
    """Why a curve has no number."""
    return [f"no BD-rate of {c.method}: {c.pooled.reason}" for c in comparison.curves if c.pooled.value is None]


def _point_cells(point: PointComparison, unit: str) -> list[str]:
    counts = [str(n or "") for n in (point.better, point.worse, point.traded, point.same)]
    sizes = _interval_text(point.bytes_percent, "%", 2)
    return [point.method, point.rate_point, sizes, _interval_text(point.quality, unit, 3), *counts]


def _interval_text(interval: Interval, unit: str, places: int) -> str:
    if math.isnan(interval.mean):
        return "-"
    unit = "" if unit == "1" else f" {unit}"
    if interval.mean == 0 and not interval.low and not interval.high:
        return "0"
    text = f"{interval.mean:+.{places}f}{unit}"
    if math.isnan(interval.low):
        return text
    return f"{text} [{interval.low:+.{places}f}, {interval.high:+.{places}f}]"


def verdict_line(comparison: Comparison) -> str:
    """The counts over all cells, as one line."""
    totals = [sum(getattr(p, kind) for p in comparison.points) for kind in ("better", "worse", "traded", "same")]
    names = ("better", "worse", "traded (more, or less, of both rate and quality)", "the same")
    counted = [f"{count} {name}" for count, name in zip(totals, names, strict=True) if count]
    missing = [f"{comparison.missing_cells} missing or failed"] if comparison.missing else []
    return ", ".join([*counted, *missing]) or "curves only"


def markdown_comment(comparison: Comparison) -> str:
    """A comment for a pull request: the verdict first, the rate points and what is missing folded."""
    from rawbench.tables.text import markdown, markdown_text

    a, b = map(markdown_text, comparison.names)
    parts = [f"### rawbench: {b} against {a}", f"{sum_up(comparison)}"]
    for title, head, body in tables(comparison):
        text = markdown(head, body)
        parts.append(text if title == "Curves" else _folded(f"{title} ({len(body)})", text))
    if comparison.missing:
        listed = "\n".join(f"* {markdown_text(line)}" for line in comparison.missing)
        parts.append(_folded(f"Missing or failed ({comparison.missing_cells})", listed))
    below = [*reasons(comparison), *comparison.notes]
    return "\n\n".join([*parts, "\n".join(f"<sub>{markdown_text(note)}</sub><br>" for note in below)])


def sum_up(comparison: Comparison) -> str:
    """The counts, as a sentence."""
    line = verdict_line(comparison)
    return f"Cells: {line}." if comparison.points else f"{line.capitalize()}."


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
