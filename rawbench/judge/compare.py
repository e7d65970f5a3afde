"""Two runs side by side: paired by image, with intervals, and with what could not be paired.

Every difference is B minus A. An interval is the 95 % bootstrap interval of the mean over images (percentiles of 2000
resamples, seeded): it says how far the choice of images matters, and nothing about other datasets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from rawbench.errors import NotComparable, UsageError, suggest
from rawbench.results.facts import Rule
from rawbench.results.means import Row, curves, image_curves
from rawbench.results.rd import Delta, Point, bd_psnr, bd_rate
from rawbench.results.run import Run, mean_groups
from rawbench.types import Place

RESAMPLES = 2000
SEED = 0
_DRAWN = 200_000  # numbers of resamples that are held at a time


class Interval(NamedTuple):
    """A mean over images and the ends of its 95 % interval; NaN ends for fewer than two images."""

    mean: float
    low: float
    high: float
    images: int


@dataclass(frozen=True)
class PointComparison:
    """One rate point of one method, over the images that both runs have.

    Attributes:
        dataset: label of the dataset.
        method: label of the method.
        rate_point: name of the rate point.
        bytes_percent: change of the file size.
        quality: change of the metric.
        better: images with no more bytes and no less quality, one of them strictly.
        worse: images with no fewer bytes and no more quality, one of them strictly.
        traded: images with more (or fewer) of both.
        same: images with neither changed.
    """

    dataset: str
    method: str
    rate_point: str
    bytes_percent: Interval
    quality: Interval
    better: int
    worse: int
    traded: int
    same: int


@dataclass(frozen=True)
class CurveComparison:
    """One method's curve in A and one's in B.

    Attributes:
        dataset: label of the dataset.
        method: label of the method, or ``A -> B`` for two.
        pooled: BD-rate of the mean curves.
        pooled_quality: BD-PSNR of the mean curves.
        per_image: mean of the images' own BD-rates, with its interval.
        without: images whose BD-rate has no number.
    """

    dataset: str
    method: str
    pooled: Delta
    pooled_quality: Delta
    per_image: Interval
    without: int


@dataclass(frozen=True)
class Comparison:
    """All that is said of two runs.

    Attributes:
        names: of A and B.
        metric: that quality is measured in.
        unit: of the metric.
        points: rate points that both have.
        curves: methods that both have, or that were paired by name, the worst first.
        missing: cells that only one of them has, or that failed in one of them, in words.
        missing_cells: how many these are.
        notes: what else must be known: other environments, images left out.
    """

    names: tuple[str, str]
    metric: str
    unit: str
    points: tuple[PointComparison, ...]
    curves: tuple[CurveComparison, ...]
    missing: tuple[str, ...]
    missing_cells: int
    notes: tuple[str, ...]


def compare_results(a: Run, b: Run, metric: str = "psnr", pairs: Mapping[str, str] | None = None) -> Comparison:
    """Compare two runs.

    Args:
        a: what was, or the anchor.
        b: what is.
        metric: the quality to compare, beside bytes.
        pairs: method of A -> method of B whose curves are compared though their names differ.

    Raises:
        NotComparable: another protocol or metric version, or no cell in common.
        UsageError: a metric or method that is not in the runs.
    """
    _check(a, b, metric, pairs or {})
    left_out = [image for image in a.images if image in b.images and _digest(a, image) != _digest(b, image)]
    rows_a, rows_b = (_keep(run, left_out) for run in (a, b))
    both = [(rows_a[place], rows_b[place]) for place in rows_a if place in rows_b]
    ok = [pair for pair in both if pair[0].status == pair[1].status == "ok"]
    methods = {row.method: row.method for row, _ in ok} if not pairs else dict(pairs)
    if not ok and not pairs:
        raise NotComparable(f"{a.name} and {b.name} have no cell in common" + _left_out_text(left_out))
    sign = 1 if a.metrics[metric].higher_is_better else -1
    return Comparison(
        names=(a.name, b.name),
        metric=metric,
        unit=a.metrics[metric].unit,
        points=() if pairs else tuple(_compare_points(ok, metric, sign)),
        curves=tuple(sorted(_compare_curves(a, b, left_out, metric, sign, methods), key=_worst_first)),
        missing=() if pairs else tuple(_missing(a, b, rows_a, rows_b)),
        missing_cells=0 if pairs else _count_missing(a, b, rows_a, rows_b),
        notes=tuple(_notes(a, b, left_out)),
    )


def _check(a: Run, b: Run, metric: str, pairs: Mapping[str, str]) -> None:
    for run, methods in ((a, pairs.keys()), (b, pairs.values())):
        if metric not in run.metrics:
            raise UsageError(f"{run.name} has no metric {metric!r}{suggest(metric, run.metrics)}")
        for method in methods:
            if method not in run.methods:
                raise UsageError(f"{run.name} has no method {method!r}{suggest(method, run.methods)}")
    if a.meta.protocol != b.meta.protocol:
        raise NotComparable(f"{a.name} has protocol {a.meta.protocol!r}, {b.name} has {b.meta.protocol!r}")
    versions = a.metrics[metric].version, b.metrics[metric].version
    if versions[0] != versions[1]:
        raise NotComparable(f"metric {metric} is version {versions[0]} in {a.name}, {versions[1]} in {b.name}")


def _digest(run: Run, image: tuple[str, str]) -> str:
    return run.images[image].source_digest


def _keep(run: Run, left_out: Sequence[tuple[str, str]]) -> Mapping[Place, Row]:
    lost = set(left_out)
    if not lost:
        return run.by_place
    return {place: row for place, row in run.by_place.items() if (row.dataset, row.image) not in lost}


def _compare_points(pairs: Sequence[tuple[Row, Row]], metric: str, sign: int) -> Iterable[PointComparison]:
    groups: dict[tuple[str, str, int, str], list[tuple[Row, Row]]] = {}
    for a, b in pairs:
        groups.setdefault((a.dataset, a.method, a.rate_order, a.rate_point), []).append((a, b))
    for (dataset, method, _, point), group in sorted(groups.items()):
        sizes = [100 * (b.value("bytes") / a.value("bytes") - 1) for a, b in group]
        gains = [_difference(a.value(metric), b.value(metric)) for a, b in group]
        kinds = [_kind(size, sign * gain) for size, gain in zip(sizes, gains, strict=True)]
        counts = [kinds.count(kind) for kind in ("better", "worse", "traded", "same")]
        yield PointComparison(dataset, method, point, bootstrap(sizes), bootstrap(gains), *counts)


def _difference(a: float, b: float) -> float:
    """B minus A; no difference between two exact images, or where neither is defined."""
    return 0.0 if a == b or (math.isnan(a) and math.isnan(b)) else b - a


def _kind(size: float, gain: float) -> str:
    """What became of an image: size in percent and gain in quality, each above 0 where there is more of it."""
    if size == gain == 0:
        return "same"
    if size <= 0 <= gain:
        return "better"
    return "worse" if gain <= 0 <= size or math.isnan(gain) else "traded"


def bootstrap(values: Iterable[float], resamples: int = RESAMPLES, seed: int = SEED) -> Interval:
    """The mean of the finite values and its 95 % interval, by percentiles of resampled means."""
    import numpy as np

    finite = np.array([value for value in values if math.isfinite(value)])
    if len(finite) < 2:
        return Interval(float(finite.mean()) if len(finite) else math.nan, math.nan, math.nan, len(finite))
    draw = np.random.default_rng(seed)
    # A few at a time: all resamples of many images together would take gigabytes.
    several = max(1, _DRAWN // len(finite))
    counts = [min(several, resamples - done) for done in range(0, resamples, several)]
    means = [finite[draw.integers(0, len(finite), (count, len(finite)))].mean(axis=1) for count in counts]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Interval(float(finite.mean()), float(low), float(high), len(finite))


def _compare_curves(
    a: Run, b: Run, left_out: Sequence[tuple[str, str]], metric: str, sign: int, methods: Mapping[str, str]
) -> Iterable[CurveComparison]:
    for first, second in methods.items():
        shared = _shared_images(a, b, left_out, first, second)
        for dataset in sorted({dataset for dataset, _ in shared}):
            images = {image for place, image in shared if place == dataset}
            rows_a, rows_b = (_rows(run, dataset, images, m, metric, sign) for run, m in ((a, first), (b, second)))
            pooled = mean_curve(rows_a, metric, a.rules), mean_curve(rows_b, metric, b.rules)
            each = _image_deltas(rows_a, rows_b, metric)
            numbers = [delta.value for delta in each if delta.value is not None]
            title = first if first == second else f"{first} -> {second}"
            deltas = bd_rate(*pooled), bd_psnr(*pooled)
            yield CurveComparison(dataset, title, *deltas, bootstrap(numbers), len(each) - len(numbers))


def _worst_first(curve: CurveComparison) -> tuple[str, float]:
    """A dataset's curves by how much more rate they need; those without a number last."""
    return curve.dataset, math.inf if curve.pooled.value is None else -curve.pooled.value


def _shared_images(
    a: Run, b: Run, left_out: Sequence[tuple[str, str]], first: str, second: str
) -> set[tuple[str, str]]:
    """Images that both methods have been run on, without a failure in either."""

    def clean(run: Run, method: str) -> set[tuple[str, str]]:
        mine = [row for row in run.rows if row.method == method]
        failed = {(row.dataset, row.image) for row in mine if row.status != "ok"}
        return {(row.dataset, row.image) for row in mine} - failed

    return (clean(a, first) & clean(b, second)) - set(left_out)


def _rows(run: Run, dataset: str, images: set[str], method: str, metric: str, sign: int) -> list[Row]:
    chosen = [r for r in run.rows if r.method == method and r.dataset == dataset and r.image in images]
    return chosen if sign > 0 else [replace(r, values={**r.values, metric: -r.value(metric)}) for r in chosen]


def mean_curve(rows: Sequence[Row], metric: str, rules: Mapping[str, Rule]) -> list[Point]:
    """The curve of the means of one method's cells on one dataset."""
    return next(iter(curves(mean_groups(rows, rules), metric).values()), [])


def _image_deltas(rows_a: Sequence[Row], rows_b: Sequence[Row], metric: str) -> list[Delta]:
    mine = {(dataset, image): curve for (dataset, image, _), curve in image_curves(rows_a, metric).items()}
    other = {(dataset, image): curve for (dataset, image, _), curve in image_curves(rows_b, metric).items()}
    return [bd_rate(mine[key], other[key]) for key in sorted(mine) if key in other]


def _missing(a: Run, b: Run, rows_a: Mapping, rows_b: Mapping) -> Iterable[str]:
    """What only one run has, under the widest name that fits it, and what failed."""
    for run, mine, others in ((a, rows_a, rows_b), (b, rows_b, rows_a)):
        lost: dict[str, list[Row]] = {}
        for place, row in others.items():
            if place not in mine:
                lost.setdefault(_lost_from(run, row), []).append(row)
        for name, cells in lost.items():
            if name == _point_name(cells[0]):
                name += f" on {cells[0].dataset}/{cells[0].image}" if len(cells) == 1 else ""
            yield f"{name}: not in {run.name}" + (f" ({len(cells)} cells)" if len(cells) > 1 else "")
        for place, row in mine.items():
            if row.status != "ok":
                yield f"failed in {run.name}: {run.messages.get(place) or row.status}"


def _lost_from(run: Run, row: Row) -> str:
    """What a run has nothing of: the row's dataset, method, image, or only the rate point."""
    if row.dataset not in run.datasets:
        return f"dataset {row.dataset}"
    if row.method not in run.methods:
        return row.method
    if (row.dataset, row.image) not in run.images:
        return f"image {row.dataset}/{row.image}"
    return _point_name(row)


def _point_name(row: Row) -> str:
    return f"{row.method} {row.rate_point}"


def _count_missing(a: Run, b: Run, rows_a: Mapping, rows_b: Mapping) -> int:
    """Cells that only one run has, or that failed in one."""
    return len(rows_a.keys() ^ rows_b.keys()) + sum(
        any(rows[place].status != "ok" for rows in (rows_a, rows_b)) for place in rows_a.keys() & rows_b.keys()
    )


def _left_out_text(left_out: Sequence[tuple[str, str]]) -> str:
    return f" ({len(left_out)} images have other pixels in the other run)" if left_out else ""


def _notes(a: Run, b: Run, left_out: Sequence[tuple[str, str]]) -> Iterable[str]:
    yield a.meta.protocol
    yield f"differences are {b.name} minus {a.name}, paired by image; intervals are 95 % bootstrap of the mean"
    libraries = [environment.libraries for run in (a, b) for environment in run.environments]
    if any(found != libraries[0] for found in libraries):
        changed = sorted({name for found in libraries for name in found if found.get(name) != libraries[0].get(name)})
        yield f"measured with other versions of {', '.join(changed)}"
    if left_out:
        yield f"left out, as the pixels differ: {', '.join(f'{d}/{i}' for d, i in left_out)}"
