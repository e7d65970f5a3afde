"""Rate-distortion figures for a paper, by matplotlib: pure functions from runs to panels, and from panels to a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from rawbench.errors import UsageError, suggest
from rawbench.report.axes import COLOURS
from rawbench.results.means import Group
from rawbench.results.rd import Point, quality_at, sort_curve
from rawbench.results.run import Run

MARKERS = "osD^vP<>X*hp"
RATES = {"bpp": "bits per pixel", "bytes": "bytes per image"}
TITLES = {"psnr": "PSNR of linear raw (dB)", "ssim": "SSIM of linear raw", "ms_ssim": "MS-SSIM of linear raw"}


@dataclass(frozen=True)
class Curve:
    """One line of a panel, or the points that a paper reports.

    Attributes:
        method: its label in the run.
        label: what stands at it.
        points: means over the images, from the fewest bytes to the most.
        images: (rate, quality) of each image.
        published: not measured here: hollow points without a line.
    """

    method: str
    label: str
    points: tuple[Point, ...]
    images: tuple[Point, ...] = ()
    published: bool = False


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        metric: its name.
        quality: title of the upward axis.
        rate: title of the axis of rates.
        curves: in the order of their colours.
        higher_is_better: the metric's direction.
    """

    metric: str
    quality: str
    rate: str
    curves: tuple[Curve, ...]
    higher_is_better: bool = True


@dataclass(frozen=True)
class Look:
    """How a figure looks.

    Attributes:
        rate_limits: ends of the axis of rates; None for those of the points.
        limits: ends of the upward axis by metric; "" is for all.
        linear: a linear axis of rates instead of a logarithmic one.
        legend: a legend instead of a name at each curve.
        images: the points of each image too.
        width: of a panel, in inches.
        height: of a panel, in inches.
        title: above all.
    """

    rate_limits: tuple[float, float] | None = None
    limits: Mapping[str, tuple[float, float]] | None = None
    linear: bool = False
    legend: bool = False
    images: bool = False
    width: float = 3.5
    height: float = 2.7
    title: str = ""


def make_panel(
    runs: Sequence[Run],
    metric: str,
    rate: str = "bpp",
    methods: Sequence[str] = (),
    dataset: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Panel:
    """The mean curves of runs; a method that several runs have says which one it is of.

    Raises:
        UsageError: no such metric, method or dataset, or several datasets and none chosen.
    """
    where = _one_dataset(runs, dataset)
    measured = {name: facts for run in runs for name, facts in run.metrics.items()}
    if metric not in measured:
        raise UsageError(f"no run has the metric {metric!r}{suggest(metric, measured)}")
    found: dict[tuple[str, int], list[Group]] = {}
    for number, run in enumerate(runs):
        for group in run.full_means:
            if (group.dataset, group.rendition) == where and metric in group.means:
                found.setdefault((group.method, number), []).append(group)
    known = list(dict.fromkeys(method for method, _ in found))
    for method in methods:
        if method not in known:
            raise UsageError(f"no run has the method {method!r} on {where[0]}{suggest(method, known)}")
    for method in labels or ():
        if method not in known:
            raise UsageError(f"--label: no run has the method {method!r}{suggest(method, known)}")
    curves = []
    for method in methods or known:
        numbers = [number for name, number in found if name == method]
        for number in numbers:
            run = runs[number]
            label = (labels or {}).get(method, method) + (f" ({run.name})" if len(numbers) > 1 else "")
            curves.append(_curve(found[method, number], run, label, metric, rate, where))
    facts = measured[metric]
    title = TITLES.get(metric, f"{metric} ({facts.unit})" if facts.unit not in ("", "1") else metric)
    return Panel(metric, title, RATES[rate], tuple(curves), facts.higher_is_better)


def _one_dataset(runs: Sequence[Run], dataset: str | None) -> tuple[str, str]:
    """The dataset and rendition that are drawn."""
    found = list(dict.fromkeys((g.dataset, g.rendition) for run in runs for g in run.full_means))
    names = [name for name, _ in found]
    if dataset is None and len(found) == 1:
        return found[0]
    if not found:
        raise UsageError("no rate point was measured on every image of its dataset: nothing to draw")
    if dataset is None:
        raise UsageError(f"the runs have several datasets; choose one by --dataset: {', '.join(dict.fromkeys(names))}")
    for name, rendition in found:
        if dataset in (name, f"{name}/{rendition}"):
            return name, rendition
    raise UsageError(f"no run has the dataset {dataset!r}{suggest(dataset, names)}")


def _curve(
    groups: Sequence[Group], run: Run, label: str, metric: str, rate: str, where: tuple[str, str]
) -> Curve:  # fmt: skip
    method = groups[0].method
    points = [Point(g.means[rate].value, g.means[metric].value) for g in groups]
    images = [
        Point(row.value(rate), row.value(metric)) for row in run.rows
        if row.method == method and row.status == "ok" and (row.dataset, row.rendition) == where
    ]  # fmt: skip
    return Curve(method, label, tuple(sort_curve(points)), tuple(sort_curve(images)))


def with_published(panel: Panel, rows: Sequence[Mapping[str, str]], dataset: str) -> Panel:
    """The panel with what papers report of the same dataset, as points of their own; of PSNR and bpp alone."""
    if panel.metric != "psnr" or panel.rate != RATES["bpp"]:
        return panel
    found: dict[str, list[Point]] = {}
    for row in rows:
        if row["dataset"].casefold() == dataset.partition(":")[0].casefold() and row["bpp"] and row["psnr_db"]:
            what = ", ".join(part for part in (row["camera"], row["rendition"]) if part)
            label = f"{row['method']} as published" + (f" ({what})" if what else "")
            found.setdefault(label, []).append(Point(float(row["bpp"]), float(row["psnr_db"])))
    more = [Curve(label, label, tuple(sort_curve(points)), published=True) for label, points in found.items()]
    return replace(panel, curves=(*panel.curves, *more))


def difference_to(panel: Panel, anchor: str) -> Panel:
    """How much better each curve is than the anchor's at the same rate, at its own points where the anchor has a value.

    The anchor's curve is interpolated by PCHIP over the logarithm of the rate, and never extrapolated.

    Raises:
        UsageError: the anchor is not drawn.
    """
    drawn = {curve.method: curve for curve in panel.curves if not curve.published}
    if anchor not in drawn:
        raise UsageError(f"--difference-to: {anchor!r} is not drawn{suggest(anchor, drawn)}")
    base = drawn[anchor].points
    curves = []
    for curve in panel.curves:
        if curve.method == anchor:
            ends = (base[0].rate, base[-1].rate) if base else ()
            curves.append(replace(curve, points=tuple(Point(rate, 0.0) for rate in ends), images=()))
            continue
        points = [Point(p.rate, p.quality - quality_at(base, p.rate)) for p in curve.points]
        curves.append(replace(curve, points=tuple(p for p in points if math.isfinite(p.quality)), images=()))
    what, _, unit = panel.quality.partition(" (")
    title = f"{what.removesuffix(' of linear raw')} less that of {drawn[anchor].label}" + (f" ({unit}" if unit else "")
    return replace(panel, quality=title, curves=tuple(curves))


def draw(panels: Sequence[Panel], look: Look) -> Any:
    """A matplotlib figure with the panels side by side.

    Raises:
        UsageError: a panel has no point to draw, or limits are of a metric that none shows.
    """
    from matplotlib.figure import Figure

    if unknown := sorted({*(look.limits or {})} - {"", *(panel.metric for panel in panels)}):
        raise UsageError(
            f"--ylim {unknown[0]}=...: no such metric is drawn{suggest(unknown[0], [p.metric for p in panels])}"
        )
    figure = Figure(figsize=(look.width * len(panels), look.height), layout="constrained")
    styles = _styles(panels)
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), number + 1)
        _draw_panel(axes, panel, look, styles)
    if look.title:
        figure.suptitle(plain(look.title))
    if not look.legend:
        figure.draw_without_rendering()  # labels need to know where everything is
        for axes, panel in zip(figure.axes, panels, strict=True):
            _label_curves(figure, axes, panel, styles)
    return figure


def plain(text: str) -> str:
    """Text that matplotlib takes for no formula."""
    return text.replace("$", r"\$")


def _styles(panels: Sequence[Panel]) -> dict[str, tuple[str, str]]:
    """Colour and marker by label: the same in every panel."""
    labels = list(dict.fromkeys(curve.label for panel in panels for curve in panel.curves))
    return {name: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i, name in enumerate(labels)}


def _draw_panel(axes: Any, panel: Panel, look: Look, styles: Mapping[str, tuple[str, str]]) -> None:
    if not any(curve.points for curve in panel.curves):
        raise UsageError(f"{panel.metric}: no curve has a finite point to draw")
    if not look.linear:
        axes.set_xscale("log")
    for curve in panel.curves:
        colour, marker = styles[curve.label]
        face, line = ("white", "none") if curve.published else (colour, "-")
        if look.images and curve.images:
            axes.plot(*zip(*curve.images, strict=True), ".", color=colour, alpha=0.25, markersize=2, zorder=1)
        if curve.points:
            axes.plot(*zip(*curve.points, strict=True), color=colour, marker=marker, markersize=3.5, linewidth=1.1,
                      label=plain(curve.label), linestyle=line, markerfacecolor=face, zorder=2)  # fmt: skip
    axes.set_xlabel(panel.rate)
    axes.set_ylabel(plain(panel.quality))
    axes.grid(True, which="major", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    limits = look.limits or {}
    if (ends := limits.get(panel.metric, limits.get(""))) is not None:
        axes.set_ylim(*ends)
    if look.rate_limits is not None:
        axes.set_xlim(*look.rate_limits)
    if look.legend:
        axes.legend(frameon=False, fontsize="small")


def _label_curves(figure: Any, axes: Any, panel: Panel, styles: Mapping[str, tuple[str, str]]) -> None:
    """A name at the end of each curve that is in sight, moved up or down to where nothing else is."""
    points = figure.dpi / 72
    size, gap = 7 * points, 4 * points
    left, right = axes.get_xlim()
    low, high = sorted(axes.get_ylim())
    ends, lines = [], []
    for curve in panel.curves:
        seen = [p for p in curve.points if left <= p.rate <= right and low <= p.quality <= high]
        if seen:
            ends.append((*axes.transData.transform(seen[-1]), curve.label))
        if curve.points:
            lines += _along(axes.transData.transform(curve.points), size / 3)
    placed: list[Box] = []
    for x, y, label in sorted(ends, key=lambda end: -end[1]):
        box = _free_place(Box(x + gap, y, 0.56 * size * len(label), size * 1.4), placed, lines)
        placed.append(box)
        colour = styles[label][0]
        arrow = {"arrowstyle": "-", "color": colour, "lw": 0.4, "shrinkA": 0, "shrinkB": 2}
        axes.annotate(
            plain(label), axes.transData.inverted().transform((x, y)), (gap / points, (box.middle - y) / points),
            textcoords="offset points", fontsize=7, color=colour, va="center", annotation_clip=False, zorder=4,
            arrowprops=arrow if abs(box.middle - y) > size else None,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.6, "pad": 0.3},
        )  # fmt: skip


class Box(NamedTuple):
    """The place of a label, in pixels of the figure: left end, middle, width and height."""

    left: float
    middle: float
    width: float
    height: float

    def meets(self, other: Box) -> bool:
        """Whether two labels overlap."""
        return (self.left < other.left + other.width and other.left < self.left + self.width
                and abs(self.middle - other.middle) < (self.height + other.height) / 2)  # fmt: skip

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether a point lies under the label."""
        return 0 < point[0] - self.left < self.width and abs(point[1] - self.middle) < self.height / 2


def _along(corners: Sequence[Sequence[float]], step: float) -> list[tuple[float, float]]:
    """Points along a line through corners, in pixels."""
    found = [(float(x), float(y)) for x, y in corners]
    for (x, y), (to_x, to_y) in zip(found[:-1], found[1:], strict=True):
        count = min(1000, int(math.hypot(to_x - x, to_y - y) / step))
        found += [(x + (to_x - x) * i / count, y + (to_y - y) * i / count) for i in range(1, count)]
    return found


def _free_place(wanted: Box, placed: Sequence[Box], lines: Sequence[tuple[float, float]]) -> Box:
    """The nearest place above or below where a label meets no other and no line; or at least no other."""
    steps = [sign * step / 4 * wanted.height for step in range(120) for sign in (-1, 1)]
    places = [wanted._replace(middle=wanted.middle + step) for step in steps]
    free = [box for box in places if not any(box.meets(other) for other in placed)] or [wanted]
    near = [box for box in free if abs(box.middle - wanted.middle) < 3.5 * wanted.height]
    return next((box for box in near if not any(box.holds(point) for point in lines)), free[0])
