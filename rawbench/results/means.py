"""From images to figures: means over the images of a camera, over cameras, and the curves that they make.

Failures are counted and never averaged away: a mean says how many images it rests on, a macro-average exists only
where every camera has a value, and a rate point with a failed image is on no curve.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator

from rawbench.results.facts import ImageFacts, Rule
from rawbench.results.rd import Point
from rawbench.results.schema import Status
from rawbench.types import Place

MACRO = "mean of cameras"
CEILED = "ceiling"  # stands where a method's name would


def _possible(values: Mapping[str, float | None]) -> Mapping[str, float | None]:
    """Rates that a file can have: no file has no bytes, and none is endless."""
    for name in ("bytes", "bpp"):
        rate = values.get(name)
        if rate is not None and not 0 < rate < math.inf:
            raise ValueError(f"{name} is {rate:g}")
    return values


@dataclass(frozen=True)
class Row:
    """One cell: an image at a rate point of a method.

    Attributes:
        dataset: label of the dataset.
        camera: maker and model.
        rendition: how the sRGB was made.
        method: label of the method.
        rate_point: name of the rate point.
        rate_order: its place in the method's order, fewest bytes first.
        image: the image's id.
        status: ``ok``, or how the cell failed.
        simulated: no photograph but a simulated camera made the image.
        values: rates and metrics by name; None or NaN where one is not defined for this image.
        message: why the cell failed, or what is to be known of it.
        failed_metrics: why metrics have no value that could not be computed, by name.
        facts: what else its store holds of it: digests, seconds, device.
    """

    dataset: str
    camera: str
    rendition: str
    method: str
    rate_point: str
    rate_order: int
    image: str
    status: Status = "ok"
    simulated: bool = False
    values: Annotated[Mapping[str, float | None], AfterValidator(_possible)] = field(default_factory=dict)
    message: str = ""
    failed_metrics: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def place(self) -> Place:
        """What names the cell across runs."""
        return Place(self.method, self.rate_point, self.dataset, self.image)

    def value(self, name: str) -> float:
        """A rate or metric; NaN where it is not defined."""
        value = self.values.get(name)
        return math.nan if value is None else value


@dataclass(frozen=True)
class Mean:
    """An average, and what it rests on.

    Attributes:
        value: NaN where nothing is defined; infinite where an image is exact and the rule is ``mean``.
        count: images (for a macro-average: cameras) that have a value.
        exact: images with an infinite value.
        undefined: images without a value, though they were decoded.
    """

    value: float
    count: int
    exact: int = 0
    undefined: int = 0


@dataclass(frozen=True)
class Group:
    """One rate point of a method over the images of one camera, or over all cameras (``MACRO``).

    Attributes:
        dataset: label of the dataset.
        camera: maker and model, or ``MACRO``.
        rendition: how the sRGB was made.
        method: label of the method.
        rate_point: name of the rate point.
        rate_order: its place in the method's order, fewest bytes first.
        images: how many cells there are, the failed ones too.
        failures: how many failed, by status.
        simulated: how many images come from a simulated camera.
        means: by name of rate or metric.
    """

    dataset: str
    camera: str
    rendition: str
    method: str
    rate_point: str
    rate_order: int
    images: int
    failures: Mapping[str, int]
    simulated: int
    means: Mapping[str, Mean]

    @property
    def failed(self) -> int:
        """Cells without figures, of every status."""
        return sum(self.failures.values())

    @property
    def skipped(self) -> int:
        """Those of them that the method does not claim to do."""
        return self.failures.get("skipped", 0)


def ceiling_rows(images: Iterable[ImageFacts], rows: Iterable[Row]) -> list[Row]:
    """The ceilings (``rawbench.run.ceiling``) of the images that some rows have, to be averaged as those are.

    Images without one (their run is older, or they could not be loaded) have no row.
    """
    wanted = {(row.dataset, row.image) for row in rows}
    return [
        Row(i.dataset, i.camera, i.rendition, CEILED, "", 0, i.image, "ok", i.simulated,
            dict.fromkeys(_CEILED, i.ceiling_psnr))
        for i in images
        if i.ceiling_psnr is not None and (i.dataset, i.image) in wanted
    ]  # fmt: skip


_CEILED = ("psnr", "psnr_pooled")


def average(values: Iterable[float | None], rule: Rule = "mean") -> Mean:
    """Average the values of images.

    Args:
        values: one for each image; None or NaN is not defined, infinity an exact image.
        rule: ``mean``, or ``mse`` for PSNR at peak 1, pooled through the mean squared error: each image weighs
            the same, whatever its size.
    """
    values = list(values)
    defined = [v for v in values if v is not None and not math.isnan(v)]
    exact = sum(1 for v in defined if v == math.inf)
    return Mean(_pool(defined, rule), len(defined), exact, len(values) - len(defined))


def _pool(values: list[float], rule: Rule) -> float:
    if not values:
        return math.nan
    if rule == "mean":
        # Divided first: the sum of figures near the end of the range would leave it. +inf and -inf have no mean.
        return sum(v / len(values) for v in values) if any(map(math.isinf, values)) else _mean(values)
    if min(values) < _LEAST_DB:
        return -math.inf
    mse = math.fsum(10 ** (-v / 10) for v in values) / len(values)
    return math.inf if mse == 0 else -10 * math.log10(mse)


_LEAST_DB = -3000.0  # below which a mean squared error is beyond the range of numbers


def _mean(values: list[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(v / len(values) for v in values)


def group_by_camera(rows: Iterable[Row], rules: Mapping[str, Rule], camera: str | None = None) -> list[Group]:
    """Average over the images of each dataset, camera, rendition, method and rate point.

    Args:
        rows: all cells, the failed ones too.
        rules: how a metric is averaged (``Metric.aggregate``); those not named here by ``mean``.
        camera: stands for every row's own, so that all are averaged together.

    Returns:
        Groups by dataset, camera, rendition and method, each method from the fewest bytes to the most.
    """
    found: dict[tuple, list[Row]] = defaultdict(list)
    for row in rows:
        key = (row.dataset, camera or row.camera, row.rendition, row.method, row.rate_order, row.rate_point)
        found[key].append(row)
    return [_group(found[key], key[1], rules) for key in sorted(found)]


def _group(rows: list[Row], camera: str, rules: Mapping[str, Rule]) -> Group:
    first = rows[0]
    decoded = [row for row in rows if row.status == "ok"]
    names = sorted({name for row in decoded for name in row.values})
    return Group(
        dataset=first.dataset,
        camera=camera,
        rendition=first.rendition,
        method=first.method,
        rate_point=first.rate_point,
        rate_order=first.rate_order,
        images=len(rows),
        failures=dict(Counter(row.status for row in rows if row.status != "ok")),
        simulated=sum(row.simulated for row in rows),
        means={n: average((row.values.get(n) for row in decoded), rules.get(n, "mean")) for n in names},
    )


def macro_average(groups: Iterable[Group], rules: Mapping[str, Rule]) -> list[Group]:
    """Average over cameras, each weighing the same however many images it has.

    A value is NaN unless every camera of the dataset and rendition has one: a method that failed on a camera, or
    was not run on it, has no mean over cameras.
    """
    groups = list(groups)
    cameras: dict[Hashable, set[str]] = defaultdict(set)
    found: dict[tuple, list[Group]] = defaultdict(list)
    for g in groups:
        cameras[g.dataset, g.rendition].add(g.camera)
        found[g.dataset, g.rendition, g.method, g.rate_order, g.rate_point].append(g)
    return [_macro(found[key], len(cameras[key[0], key[1]]), rules) for key in sorted(found)]


def _macro(groups: list[Group], cameras: int, rules: Mapping[str, Rule]) -> Group:
    first = groups[0]
    failures: Counter[str] = Counter()
    for g in groups:
        failures.update(g.failures)
    names = sorted({name for g in groups for name in g.means})
    return Group(
        dataset=first.dataset,
        camera=MACRO,
        rendition=first.rendition,
        method=first.method,
        rate_point=first.rate_point,
        rate_order=first.rate_order,
        images=sum(g.images for g in groups),
        failures=dict(failures),
        simulated=sum(g.simulated for g in groups),
        means={name: _macro_mean(name, groups, cameras, rules.get(name, "mean")) for name in names},
    )


def _macro_mean(name: str, groups: list[Group], cameras: int, rule: Rule) -> Mean:
    means = [g.means[name] for g in groups if name in g.means]
    values = [m.value for m in means if not math.isnan(m.value)]
    value = _pool(values, rule) if len(values) == cameras else math.nan
    return Mean(value, len(values), sum(m.exact for m in means), sum(m.undefined for m in means))


def curves(groups: Iterable[Group], quality: str, rate: str = "bpp") -> dict[tuple[str, str, str, str], list[Point]]:
    """The mean curve of each (dataset, camera, rendition, method).

    A rate point with a failed image is left out: its mean is over other images than its neighbours'.
    """
    found: dict[tuple[str, str, str, str], list[Point]] = defaultdict(list)
    for g in groups:
        curve = found[g.dataset, g.camera, g.rendition, g.method]
        if not g.failed and quality in g.means and rate in g.means:
            curve.append(Point(g.means[rate].value, g.means[quality].value))
    return dict(found)


def image_curves(rows: Iterable[Row], quality: str, rate: str = "bpp") -> dict[tuple[str, str, str], list[Point]]:
    """The curve of each (dataset, image, method); undefined values are NaN, which no delta uses."""
    found: dict[tuple[str, str, str], list[Point]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.rate_order):
        curve = found[row.dataset, row.image, row.method]
        if row.status == "ok":
            curve.append(Point(row.value(rate), row.value(quality)))
    return dict(found)
