"""The charts of a report, as Vega-Lite by Altair; each is a pure function of results.

A chart holds no data of its own: it names a data set (``cells``, ``means``, ...) that the page holds once. Every chart
has a parameter ``hidden``, the methods that are switched off in the page's legend.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawbench.errors import RawbenchError, UsageError
from rawbench.files import write_atomically
from rawbench.results.costs import FASTEST
from rawbench.results.means import Group
from rawbench.results.run import Run

if TYPE_CHECKING:
    import altair as alt

# Okabe and Ito's colours, told apart by most colour-blind readers, darkest first; then some of Tol's.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7A5C00", "#56B4E9", "#E69F00", "#332288", "#882255", "#44AA99",
    "#999933", "#661100",
)  # fmt: skip
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
LEAST_BPP = 1e-4
CEILING_COLOUR = "#777777"
TITLES = {"psnr": "PSNR (dB)", "ssim": "1 − SSIM (log axis, better is up)"}
# Similarities crowd below 1: what they lack is drawn, on a log axis.
SIMILARITIES = ("ssim", "ssim_uniform7", "ms_ssim")
STAGES = ("analysis", "transfer", "entropy", "synthesis", "other")


@dataclass(frozen=True)
class Chart:
    """One chart of the page.

    Attributes:
        name: of its files and its place in the page.
        title: above it.
        caption: what is drawn, in a sentence or two.
        spec: Vega-Lite, without data.
        data: names of the data sets that it draws.
        group: the section of the page.
    """

    name: str
    title: str
    caption: str
    spec: Mapping[str, Any]
    data: tuple[str, ...]
    group: str


def chart_data(run: Run, metrics: Sequence[str], typical: Mapping[tuple[str, str], str]) -> dict[str, list]:
    """The data sets that the charts draw, as lists of plain records.

    Args:
        run: the run.
        metrics: qualities to draw.
        typical: rate point by (dataset, method) that stands for the method where only one can be shown.
    """
    return {
        "cells": [_cell(row, metrics) for row in run.rows if row.status == "ok"],
        "means": [_mean(group, metrics) for group in run.full_means],
        "cameras": [_mean(group, metrics) for group in run.by_camera if not group.failed],
        "times": list(_times(run)),
        "stages": list(_stages(run, typical)),
        "renditions": list(_renditions(run, metrics[0], typical)),
        "images": [_cell(row, metrics) for row in run.rows
                   if row.status == "ok" and typical.get((row.dataset, row.method)) == row.rate_point],
        "ceilings": list(_ceilings(run)),
    }  # fmt: skip


def _cell(row: Any, metrics: Sequence[str]) -> dict[str, Any]:
    found = {"method": row.method, "rate_point": row.rate_point, "image": row.image, "camera": row.camera}
    found |= {"dataset": row.dataset, "bytes": row.values["bytes"], "bpp": _round(row.values["bpp"])}
    return found | _qualities({name: row.values.get(name) for name in metrics})


def _mean(group: Group, metrics: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"method": group.method, "rate_point": group.rate_point, "camera": group.camera}
    found |= {"dataset": group.dataset, "order": group.rate_order, "images": group.images}
    found |= {name: _round(group.means[name].value) for name in ("bytes", "bpp")}
    return found | _qualities({name: group.means[name].value if name in group.means else None for name in metrics})


def _qualities(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Values by metric, and for similarities what is drawn."""
    lacking = {drawn(n): _round(1 - v) for n, v in values.items() if n in SIMILARITIES and v is not None and v < 1}
    return {name: _round(value) for name, value in values.items()} | lacking


def drawn(metric: str) -> str:
    """The field that stands for a metric on an axis."""
    return f"{metric}_lacking" if metric in SIMILARITIES else metric


def _ceilings(run: Run) -> Iterable[dict[str, Any]]:
    """The mean over all images of a dataset, over those of a camera, and each image's own; finite ones."""
    groups = [(group, "all", "") for group in run.ceilings]
    groups += [(group, "camera", group.camera) for group in run.camera_ceilings]
    for group, level, camera in groups:
        for metric, mean in group.means.items():
            if math.isfinite(mean.value):
                yield {"level": level, "dataset": group.dataset, "camera": camera, "images": group.images,
                       "metric": metric, "value": _round(mean.value)}  # fmt: skip
    for (dataset, image), facts in run.images.items():
        if (value := _round(facts.ceiling_psnr)) is not None:
            yield {"level": "image", "dataset": dataset, "camera": facts.camera, "image": image,
                   "metric": "psnr", "value": value}  # fmt: skip


def _round(value: float | None) -> float | None:
    """Five significant digits, enough to draw; None for what no axis has (infinity)."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def _times(run: Run) -> Iterable[dict[str, Any]]:
    bpp = {(g.dataset, g.method, g.rate_point): g.means["bpp"].value for g in run.means if "bpp" in g.means}
    for timing in run.timings:
        rate = bpp.get((timing.dataset, timing.method, timing.rate_point))
        if timing.what not in ("encode", "decode") or rate is None:
            continue
        if run.images[timing.dataset, timing.image].megapixels / timing.median <= FASTEST:  # else it did nothing
            yield {
                "method": timing.method,
                "rate_point": timing.rate_point,
                "what": timing.what,
                "image": timing.image,
                "bpp": _round(rate),
                "per_megapixel": _round(timing.median / run.images[timing.dataset, timing.image].megapixels),
                "seconds": _round(timing.median),
                "quartiles": f"{timing.lower:.3g} to {timing.upper:.3g} s",
                "repeats": timing.repeats,
            }


def _stages(run: Run, typical: Mapping[tuple[str, str], str]) -> Iterable[dict[str, Any]]:
    """Seconds of each stage on the first timed image; what no stage covers is ``other``."""
    done = set()
    for whole in run.timings:
        key = whole.method, whole.what
        wanted = typical.get((whole.dataset, whole.method)) == whole.rate_point
        if whole.what not in ("encode", "decode") or key in done or not wanted:
            continue
        done.add(key)
        place = (whole.method, whole.rate_point, whole.dataset, whole.image)
        parts = {
            t.what.partition("/")[2]: t.median
            for t in run.timings
            if (t.method, t.rate_point, t.dataset, t.image) == place and t.what.startswith(f"{whole.what}/")
            and t.unit == "s"
        }  # fmt: skip
        parts["other"] = max(0.0, whole.median - sum(parts.values()))
        size = run.images[whole.dataset, whole.image].megapixels
        for stage, seconds in parts.items():
            order = STAGES.index(stage) if stage in STAGES else len(STAGES)
            yield {"method": whole.method, "rate_point": whole.rate_point, "what": whole.what, "stage": stage,
                   "place": order, "per_megapixel": _round(seconds / size), "seconds": _round(seconds)}  # fmt: skip


def _renditions(run: Run, metric: str, typical: Mapping[tuple[str, str], str]) -> Iterable[dict[str, Any]]:
    groups = run.full_means
    renditions = {group.rendition for group in groups}
    if len(renditions) < 2:
        return
    order = {name: place for place, name in enumerate(sorted(renditions, key=_rendition_order))}
    # One rate point of a method for all renditions, or the carriers could not be compared.
    chosen: dict[str, str] = {}
    for (_, method), point in typical.items():
        chosen.setdefault(method, point)
    for group in groups:
        if group.rate_point == chosen.get(group.method) and metric in group.means:
            yield {"method": group.method, "rate_point": group.rate_point, "rendition": group.rendition,
                   "order": order[group.rendition], "bpp": _round(group.means["bpp"].value),
                   "value": _round(group.means[metric].value)}  # fmt: skip


def _rendition_order(name: str) -> tuple[float, str]:
    """The untouched rendition first, then JPEG from the best quality to the worst."""
    found = re.fullmatch(r"jpeg(\d+)(.*)", name)
    return (-float(found[1]), found[2]) if found else (-math.inf, name)


def make_charts(run: Run, data: Mapping[str, list], metrics: Sequence[str]) -> list[Chart]:
    """Every chart that this run has data for."""
    scales = _scales(list(run.methods))
    datasets = _names(data["means"], "dataset")
    charts = [rd_chart(metric, scales, data, dataset) for dataset in datasets for metric in metrics]
    panels = [camera_chart(place, metrics[0], scales, data) for place in _cameras(data)]
    charts += [chart for chart in panels if chart]
    charts += [image_chart(metrics[0], scales, data, dataset) for dataset in _names(data["images"], "dataset")]
    if data["times"]:
        charts += [time_chart(what, scales) for what in ("encode", "decode")]
    for what in ("encode", "decode"):
        if sum(record["what"] == what for record in data["stages"]) > 1:
            charts.append(stage_chart(what, data))
    if data["renditions"]:
        charts.append(rendition_chart(metrics[0], scales, data))
    return charts


def _names(records: Iterable[Mapping[str, Any]], field: str) -> list[str]:
    return list(dict.fromkeys(record[field] for record in records))


def _cameras(data: Mapping[str, list]) -> list[tuple[str, str]]:
    """(dataset, camera), where there are several cameras."""
    found = sorted({(record["dataset"], record["camera"]) for record in data["cameras"]})
    return found if len({camera for _, camera in found}) > 1 else []


def _scales(methods: Sequence[str]) -> dict[str, Any]:
    """The same colour and shape for a method in every chart, whatever is switched off."""
    import altair as alt

    colours = [COLOURS[i % len(COLOURS)] for i in range(len(methods))]
    shapes = [SHAPES[i % len(SHAPES)] for i in range(len(methods))]
    return {
        "colour": alt.Color("method:N", scale=alt.Scale(domain=list(methods), range=colours), legend=None),
        "shape": alt.Shape("method:N", scale=alt.Scale(domain=list(methods), range=shapes), legend=None),
    }


def method_colours(methods: Sequence[str]) -> dict[str, str]:
    """Colour by method, for the page's legend."""
    return {method: COLOURS[i % len(COLOURS)] for i, method in enumerate(methods)}


def rd_chart(metric: str, scales: Mapping[str, Any], data: Mapping[str, list], dataset: str) -> Chart:
    """Mean curves over all images, and every image as a faint point."""
    import altair as alt

    several = len(_names(data["means"], "dataset")) > 1
    inside = alt.datum.dataset == dataset
    x, y = _rate_axis(data["cells"]), _quality_axis(metric)
    base = alt.Chart(alt.NamedData("means")).transform_filter(inside)
    line = base.mark_line(strokeWidth=2, interpolate="linear").encode(x=x, y=y, color=scales["colour"], order="order:Q")
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=x, y=y, color=scales["colour"], shape=scales["shape"], tooltip=_tooltip(metric, ("images:Q", "images"))
    )
    tooltip = _tooltip(metric, ("image:N", "image"), ("camera:N", "camera"))
    images = (
        alt.Chart(alt.NamedData("cells"))
        .transform_filter(inside)
        .mark_point(filled=True, size=16, opacity=0.28)
        .encode(x=x, y=y, color=scales["colour"], tooltip=tooltip)
    )
    layers = images + line + points
    caption = "Lines join the means over images; the faint points are the images. Rate on a log axis."
    inside = (alt.datum.level == "all") & (alt.datum.dataset == dataset)
    if any(r["level"] == "all" and r["dataset"] == dataset and r["metric"] == metric for r in data["ceilings"]):
        layers += _ceiling_rule(metric, inside)
        caption += " Dashed: the ceiling, the best that a mapping of the sRGB alone can give."
    name = f"rd-{metric}" + (f"-{_slug(dataset)}" if several else "")
    title = {"psnr": "PSNR", "ssim": "SSIM"}.get(metric, metric) + " against rate" + (f", {dataset}" if several else "")
    return Chart(name, title, caption, _finish(layers, 400), ("means", "cells", "ceilings"), "curves")


def _ceiling_rule(metric: str, inside: Any) -> alt.LayerChart:
    """A dashed line at the mean ceiling, and its name above the left end."""
    import altair as alt

    base = alt.Chart(alt.NamedData("ceilings")).transform_filter(inside & (alt.datum.metric == metric))
    tooltip = [alt.Tooltip("value:Q", title="ceiling, dB", format=".2f"), alt.Tooltip("images:Q", title="images")]
    rule = base.mark_rule(strokeDash=[6, 4], color=CEILING_COLOUR, size=1.5).encode(y="value:Q", tooltip=tooltip)
    name = base.mark_text(align="left", dx=4, dy=-6, color=CEILING_COLOUR, text="ceiling").encode(
        x=alt.value(0), y="value:Q"
    )
    return rule + name


def camera_chart(
    place: tuple[str, str], metric: str, scales: Mapping[str, Any], data: Mapping[str, list]
) -> Chart | None:
    """Mean curves over the images of one camera (dataset, camera), on the axes that all cameras of a dataset share."""
    import altair as alt

    dataset, camera = place
    several = len(_names(data["cameras"], "dataset")) > 1
    field = drawn(metric)
    records = [r for r in data["cameras"] if r.get(field) is not None and r["dataset"] == dataset]
    if not any(r["camera"] == camera for r in records):
        return None
    rules = [r for r in data["ceilings"]
             if r["level"] == "camera" and r["metric"] == metric and r["dataset"] == dataset]  # fmt: skip
    values = [r[field] for r in records] + [r["value"] for r in rules]
    y = _quality_axis(metric, (min(values), max(values)))
    inside = (alt.datum.camera == camera) & (alt.datum.dataset == dataset)
    base = alt.Chart(alt.NamedData("cameras")).transform_filter(inside)
    x = _rate_axis(data["cells"], small=True)
    line = base.mark_line(strokeWidth=1.6).encode(x=x, y=y, color=scales["colour"], order="order:Q")
    points = base.mark_point(filled=True, size=40, opacity=1).encode(
        x=x, y=y, color=scales["colour"], shape=scales["shape"], tooltip=_tooltip(metric, ("images:Q", "images"))
    )
    layers = line + points
    if any(r["camera"] == camera for r in rules):
        layers += _ceiling_rule(metric, (alt.datum.level == "camera") & inside)
    count = max(r["images"] for r in records if r["camera"] == camera)
    caption = f"{count} image{'s' * (count != 1)}" + (f", {dataset}" if several else "")
    name = f"camera-{_slug(camera)}" + (f"-{_slug(dataset)}" if several else "")
    return Chart(name, camera, caption, _finish(layers, 230), ("cameras", "ceilings"), "cameras")


def image_chart(metric: str, scales: Mapping[str, Any], data: Mapping[str, list], dataset: str) -> Chart:
    """Every image of a dataset at one rate point of each method."""
    import altair as alt

    several = len(_names(data["images"], "dataset")) > 1
    inside = alt.datum.dataset == dataset
    points = (
        alt.Chart(alt.NamedData("images"))
        .transform_filter(inside)
        .mark_point(filled=True, size=60, opacity=0.9)
        .encode(
            x=alt.X(f"{drawn(metric)}:Q", title=TITLES.get(metric, metric), scale=_quality_scale(metric)),
            y=alt.Y("image:N", title=None, axis=alt.Axis(labelLimit=190, grid=True)),
            color=scales["colour"],
            shape=scales["shape"],
            tooltip=_tooltip(metric, ("image:N", "image"), ("camera:N", "camera")),
        )
    )
    caption = "One rate point of each method, the same as in the pictures."
    images = _names((record for record in data["images"] if record["dataset"] == dataset), "image")
    layers = alt.layer(points)
    own = [r for r in data["ceilings"] if r["level"] == "image" and r["dataset"] == dataset and r["image"] in images]
    if any(r["metric"] == metric for r in own):
        layers += (
            alt.Chart(alt.NamedData("ceilings"))
            .transform_filter(inside & (alt.datum.level == "image") & (alt.datum.metric == metric))
            .mark_tick(color=CEILING_COLOUR, thickness=2, size=18)
            .encode(x="value:Q", y="image:N", tooltip=[alt.Tooltip("value:Q", title="ceiling, dB", format=".2f")])
        )
        caption += " The grey ticks are the images' ceilings."
    name = "images" + (f"-{_slug(dataset)}" if several else "")
    spec = _finish(layers, max(120, 24 * len(images)))
    return Chart(name, f"The images of {dataset}", caption, spec, ("images", "ceilings"), "images")


def time_chart(what: str, scales: Mapping[str, Any]) -> Chart:
    """Seconds a megapixel against rate."""
    import altair as alt

    chart = (
        alt.Chart(alt.NamedData("times"))
        .transform_filter(alt.datum.what == what)
        .mark_point(filled=True, size=60, opacity=0.9)
        .encode(
            x=alt.X("bpp:Q", title="rate (bit/pixel)", scale=alt.Scale(type="log"), axis=_log_axis()),
            y=alt.Y("per_megapixel:Q", title=f"{what} (s/MP)", scale=alt.Scale(type="log"), axis=_log_axis()),
            color=scales["colour"],
            shape=scales["shape"],
            tooltip=_tooltip(None, ("image:N", "image"), ("seconds:Q", "median s"), ("quartiles:N", "quartiles"),
                             ("repeats:Q", "repeats")),
        )
    )  # fmt: skip
    caption = "Median of the repeats of the timing pass, on the first timed image of each size. Lower is faster."
    return Chart(f"time-{what}", f"Time to {what} against rate", caption, _finish(chart, 260), ("times",), "times")


def stage_chart(what: str, data: Mapping[str, list]) -> Chart:
    """Where the time goes; a stage has one colour in both directions."""
    import altair as alt

    methods = len(_names(data["stages"], "method"))
    stages = [*STAGES, *sorted(set(_names(data["stages"], "stage")) - set(STAGES))]
    chart = (
        alt.Chart(alt.NamedData("stages"))
        .transform_filter(alt.datum.what == what)
        .mark_bar()
        .encode(
            x=alt.X("sum(per_megapixel):Q", title=f"{what} (s/MP)"),
            y=alt.Y("method:N", title=None, axis=alt.Axis(labelLimit=150)),
            color=alt.Color("stage:N", sort=list(STAGES), legend=alt.Legend(orient="top", title=None),
                            scale=alt.Scale(domain=stages, scheme="tableau10")),
            order=alt.Order("place:Q"),
            tooltip=[alt.Tooltip("method:N"), alt.Tooltip("rate_point:N", title="rate point"), alt.Tooltip("stage:N"),
                     alt.Tooltip("seconds:Q", format=".3~g"),
                     alt.Tooltip("per_megapixel:Q", title="s/MP", format=".3~g")],
        )
    )  # fmt: skip
    caption = "Medians of the stages that the methods mark; 'other' is the rest of the whole. One rate point a method."
    height = max(90, 34 * methods + 30)
    return Chart(f"stages-{what}", f"Stages of {what}", caption, _finish(chart, height), ("stages",), "times")


def rendition_chart(metric: str, scales: Mapping[str, Any], data: Mapping[str, list]) -> Chart:
    """What becomes of a method when the sRGB went through a JPEG."""
    import altair as alt

    order = sorted(_names(data["renditions"], "rendition"), key=_rendition_order)
    base = alt.Chart(alt.NamedData("renditions")).encode(
        x=alt.X("rendition:N", sort=order, title="rendition of the sRGB", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("value:Q", title=TITLES.get(metric, metric), scale=alt.Scale(zero=False)),
        color=scales["colour"],
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        shape=scales["shape"],
        tooltip=[alt.Tooltip("method:N"), alt.Tooltip("rate_point:N", title="rate point"),
                 alt.Tooltip("rendition:N"), alt.Tooltip("bpp:Q", format=".4~g"),
                 alt.Tooltip("value:Q", title=metric, format=".4~f")],
    )  # fmt: skip
    caption = "Mean over images at one rate point of each method, as the sRGB is carried by a JPEG of lower quality."
    spec = _finish(base.mark_line(strokeWidth=2) + points, 280)
    return Chart("renditions", "Robustness to JPEG", caption, spec, ("renditions",), "renditions")


def _rate_axis(records: Sequence[Mapping[str, Any]], small: bool = False) -> alt.X:
    """Log rate from a whole decade on, the same for all charts of a run; below 1e-4 only as far as there are points.

    Args:
        records: all cells.
        small: room for the decades' labels alone.
    """
    import altair as alt

    rates = [r["bpp"] for r in records if r["bpp"]]
    least = min(rates, default=LEAST_BPP)
    low = min(least / 1.15, LEAST_BPP) if least < LEAST_BPP else 10 ** math.floor(math.log10(least))
    scale = alt.Scale(type="log", domain=[low, max(rates, default=1.0) * 1.15], nice=False)
    return alt.X("bpp:Q", title="rate (bit/pixel)", scale=scale, axis=_log_axis((1,) if small else (1, 2, 5)))


def _log_axis(labelled: tuple[int, ...] = (1, 2, 5)) -> alt.Axis:
    import altair as alt

    # Decades, and 2 and 5 between them: all nine would run into each other on a phone.
    decimal = "datum.value >= 1e-3 && datum.value < 1e4 ? format(datum.value, '~r') : format(datum.value, '.0e')"
    leading = "round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))"
    decades = {"condition": {"test": f"{leading} == 1", "value": 1}, "value": 0.3}
    label = f"indexof({list(labelled)}, {leading}) < 0 ? '' : {decimal}"
    return alt.Axis(labelExpr=label, labelOverlap=True, tickCount=6, gridOpacity=decades, tickOpacity=decades)


def _quality_axis(metric: str, domain: tuple[float, float] | None = None) -> alt.Y:
    import altair as alt

    scale = _quality_scale(metric)
    if domain is not None:
        scale.domain = list(domain)
    axis = _log_axis() if metric in SIMILARITIES else alt.Axis()
    return alt.Y(f"{drawn(metric)}:Q", title=TITLES.get(metric, metric), scale=scale, axis=axis)


def _quality_scale(metric: str) -> alt.Scale:
    import altair as alt

    if metric in SIMILARITIES:
        return alt.Scale(type="log", reverse=True, nice=False)
    return alt.Scale(zero=False, nice=True)


def _tooltip(metric: str | None, *more: tuple[str, str]) -> list[alt.Tooltip]:
    import altair as alt

    found = [alt.Tooltip("method:N", title="method"), alt.Tooltip("rate_point:N", title="rate point")]
    found += [alt.Tooltip(field, title=title) for field, title in more]
    if metric is not None:
        found.append(alt.Tooltip("bytes:Q", title="bytes", format=",.0f"))
    found.append(alt.Tooltip("bpp:Q", title="bpp", format=".4~g"))
    if metric is None:
        return [*found, alt.Tooltip("per_megapixel:Q", title="s/MP", format=".3~g")]
    return [*found, alt.Tooltip(f"{metric}:Q", title=metric, format=".4~f" if metric == "ssim" else ".2f")]


def _finish(chart: Any, height: int) -> dict[str, Any]:
    """Size, look and the filter of the page's legend, as plain Vega-Lite."""
    spec = chart.properties(height=height).to_dict(validate=True)
    spec.pop("datasets", None)
    spec |= {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}, "background": None}
    spec["params"] = [*spec.get("params", []), {"name": "hidden", "value": []}]
    # In each layer: one with data of its own does not take over the transforms of the whole.
    for part in spec.get("layer", [spec]):
        part["transform"] = [{"filter": "indexof(hidden, datum.method) < 0"}, *part.get("transform", [])]
    spec["config"] = _CONFIG
    return spec


_CONFIG = {
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "titleColor": "#444",
        "labelColor": "#444", "gridColor": "#e6e6e6", "domainColor": "#999", "tickColor": "#999",
    },
    "legend": {"labelFontSize": 12},
}  # fmt: skip


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def typical_points(run: Run, bpp: float) -> dict[tuple[str, str], str]:
    """The rate point of each (dataset, method) whose mean rate is nearest to ``bpp``, by its logarithm."""
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for group in run.full_means:
        if "bpp" in group.means:
            distance = abs(math.log(group.means["bpp"].value / bpp))
            key = group.dataset, group.method
            best[key] = min(best.get(key, (math.inf, "")), (distance, group.rate_point))
    return {key: point for key, (_, point) in best.items()}


def write_charts(charts: Sequence[Chart], data: Mapping[str, list], methods: Sequence[str], folder: Path) -> list[Path]:
    """Write each chart as SVG and PNG.

    Args:
        charts: from ``make_charts``.
        data: from ``chart_data``.
        methods: for the legend, which the page has outside of its charts.
        folder: made where there is none.

    Raises:
        RawbenchError: a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RawbenchError(f"cannot write {folder}: {error.strerror}") from None
    vl_convert = require("vl_convert")
    written = []
    for chart in charts:
        spec = standalone(chart, data, methods)
        svg, png = folder / f"{chart.name}.svg", folder / f"{chart.name}.png"
        write_atomically(svg, vl_convert.vegalite_to_svg(spec).encode())
        write_atomically(png, vl_convert.vegalite_to_png(spec, scale=2))
        written += [svg, png]
    return written


def standalone(chart: Chart, data: Mapping[str, list], methods: Sequence[str]) -> dict[str, Any]:
    """A chart with its data, title, white ground and legend, to stand alone."""
    spec = {**chart.spec, "datasets": {name: data[name] for name in chart.data}, "width": 640, "background": "white"}
    spec |= {"title": {"text": chart.title, "anchor": "start", "fontWeight": "normal"}, "padding": 12}
    spec["autosize"] = {"type": "pad"}
    return _with_legend(spec) if len(methods) > 1 and not chart.name.startswith("stages") else spec


def _with_legend(spec: Any) -> Any:
    """The same with the legend of methods that the page has as buttons."""
    if isinstance(spec, list):
        return [_with_legend(part) for part in spec]
    if not isinstance(spec, dict):
        return spec
    found = {key: value if key == "datasets" else _with_legend(value) for key, value in spec.items()}
    for channel in ("color", "shape"):
        encoding = found.get(channel)
        if isinstance(encoding, dict) and encoding.get("field") == "method":
            found[channel] = {**encoding, "legend": {"title": None, "orient": "top", "columns": 5}}
    return found


def require(module: str) -> Any:
    """Import what the extra ``report`` brings.

    Raises:
        UsageError: it is not installed; says how to install it.
    """
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise UsageError(f"reports need {module}: pip install 'rawbench[report]'") from None
