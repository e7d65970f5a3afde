"""The charts of a report, as Vega-Lite by Altair; each is a pure function of a run's data.

A chart holds no data of its own: it names a data set (``cells``, ``means``, ...) that the page holds once. Every chart
has a parameter ``hidden``, the methods that are switched off in the page's legend.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawbench.report.axes import (
    CEILING_COLOUR,
    TITLES,
    finish,
    log_axis,
    method_scales,
    quality_axis,
    quality_scale,
    rate_axis,
    slug,
    tooltip_of,
)
from rawbench.report.chart_data import STAGES, drawn, names_of, rendition_order
from rawbench.results.run import Run

if TYPE_CHECKING:
    import altair as alt


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
        field: what its y axis draws, in the names of Vega's signals; "" where the page has no limits of its axes.
        quality: what that is called.
    """

    name: str
    title: str
    caption: str
    spec: Mapping[str, Any]
    data: tuple[str, ...]
    group: str
    field: str = ""
    quality: str = ""


def make_charts(run: Run, data: Mapping[str, list], metrics: Sequence[str]) -> list[Chart]:
    """Every chart that this run has data for."""
    scales = method_scales(list(run.methods))
    datasets = names_of(data["means"], "dataset")
    charts = [rd_chart(metric, scales, data, dataset) for dataset in datasets for metric in metrics]
    panels = [camera_chart(place, metrics[0], scales, data) for place in _cameras(data)]
    charts += [chart for chart in panels if chart]
    charts += [image_chart(metrics[0], scales, data, dataset) for dataset in names_of(data["images"], "dataset")]
    if data["times"]:
        charts += [time_chart(what, scales) for what in ("encode", "decode")]
    for what in ("encode", "decode"):
        if sum(record["what"] == what for record in data["stages"]) > 1:
            charts.append(stage_chart(what, data))
    if data["renditions"]:
        charts.append(rendition_chart(metrics[0], scales, data))
    return charts


def _cameras(data: Mapping[str, list]) -> list[tuple[str, str]]:
    """(dataset, camera), where there are several cameras."""
    found = sorted({(record["dataset"], record["camera"]) for record in data["cameras"]})
    return found if len({camera for _, camera in found}) > 1 else []


def rd_chart(metric: str, scales: Mapping[str, Any], data: Mapping[str, list], dataset: str) -> Chart:
    """Mean curves over all images, and every image as a faint point."""
    import altair as alt

    several = len(names_of(data["means"], "dataset")) > 1
    inside = alt.datum.dataset == dataset
    x, y = rate_axis(data["cells"]), quality_axis(metric)
    means = alt.Chart(alt.NamedData("means")).transform_filter(inside)
    tooltip = tooltip_of(metric, ("image:N", "image"), ("camera:N", "camera"))
    images = (
        alt.Chart(alt.NamedData("cells"))
        .transform_filter(inside)
        .mark_point(filled=True, size=16, opacity=0.28)
        .encode(x=x, y=y, color=scales["colour"], tooltip=tooltip)
    )
    line, points = _mean_curves(metric, scales, means, x)
    layers = images + line + points
    caption = "Lines join the means over images; the faint points are the images. Rate on a log axis."
    inside = (alt.datum.level == "all") & (alt.datum.dataset == dataset)
    if any(r["level"] == "all" and r["dataset"] == dataset and r["metric"] == metric for r in data["ceilings"]):
        layers += _ceiling_rule(metric, inside)
        caption += " Dashed: the ceiling, the best that a mapping of the sRGB alone can give."
    name = f"rd-{metric}" + (f"-{slug(dataset)}" if several else "")
    title = {"psnr": "PSNR", "ssim": "SSIM"}.get(metric, metric) + " against rate" + (f", {dataset}" if several else "")
    spec, sets = finish(layers, 400), ("means", "cells", "ceilings")
    what = f"1 − {metric}" if drawn(metric) != metric else metric
    return Chart(name, title, caption, spec, sets, "curves", re.sub(r"\W", "_", drawn(metric)), what)


def _mean_curves(metric: str, scales: Mapping[str, Any], means: alt.Chart, x: alt.X) -> tuple[alt.Chart, alt.Chart]:
    """Lines that join the means over images, and a mark at each."""
    y = quality_axis(metric)
    line = means.mark_line(strokeWidth=2, interpolate="linear").encode(
        x=x, y=y, color=scales["colour"], order="order:Q"
    )
    points = means.mark_point(filled=True, size=70, opacity=1).encode(
        x=x, y=y, color=scales["colour"], shape=scales["shape"], tooltip=tooltip_of(metric, ("images:Q", "images"))
    )
    return line, points


def board_chart(name: str, metric: str, scales: Mapping[str, Any], means: Sequence[Mapping[str, Any]]) -> Chart:
    """Mean curves alone, of a data set that is called as the chart; ``means`` are its records."""
    import altair as alt

    line, points = _mean_curves(metric, scales, alt.Chart(alt.NamedData(name)), rate_axis(means))
    caption = "Lines join the means over images. Rate on a log axis."
    return Chart(name, "PSNR against rate", caption, finish(line + points, 340), (name,), "curves",
                 drawn(metric), metric)  # fmt: skip


def zoomable(chart: Chart) -> Mapping[str, Any]:
    """The chart's specification, with axes that are moved by dragging and zoomed by ctrl and the wheel."""
    if not chart.field:
        return chart.spec
    zoom = {"type": "interval", "encodings": ["x", "y"], "zoom": "wheel![event.ctrlKey || event.metaKey]"}
    first, *others = chart.spec["layer"]
    first = {**first, "params": [{"name": "zoom", "select": zoom, "bind": "scales"}]}
    return {**chart.spec, "layer": [first, *others]}


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
    several = len(names_of(data["cameras"], "dataset")) > 1
    field = drawn(metric)
    records = [r for r in data["cameras"] if r.get(field) is not None and r["dataset"] == dataset]
    if not any(r["camera"] == camera for r in records):
        return None
    rules = [r for r in data["ceilings"]
             if r["level"] == "camera" and r["metric"] == metric and r["dataset"] == dataset]  # fmt: skip
    values = [r[field] for r in records] + [r["value"] for r in rules]
    y = quality_axis(metric, (min(values), max(values)))
    inside = (alt.datum.camera == camera) & (alt.datum.dataset == dataset)
    base = alt.Chart(alt.NamedData("cameras")).transform_filter(inside)
    x = rate_axis(data["cells"], small=True)
    line = base.mark_line(strokeWidth=1.6).encode(x=x, y=y, color=scales["colour"], order="order:Q")
    points = base.mark_point(filled=True, size=40, opacity=1).encode(
        x=x, y=y, color=scales["colour"], shape=scales["shape"], tooltip=tooltip_of(metric, ("images:Q", "images"))
    )
    layers = line + points
    if any(r["camera"] == camera for r in rules):
        layers += _ceiling_rule(metric, (alt.datum.level == "camera") & inside)
    count = max(r["images"] for r in records if r["camera"] == camera)
    caption = f"{count} image{'s' * (count != 1)}" + (f", {dataset}" if several else "")
    name = f"camera-{slug(camera)}" + (f"-{slug(dataset)}" if several else "")
    return Chart(name, camera, caption, finish(layers, 230), ("cameras", "ceilings"), "cameras")


def image_chart(metric: str, scales: Mapping[str, Any], data: Mapping[str, list], dataset: str) -> Chart:
    """Every image of a dataset at one rate point of each method."""
    import altair as alt

    several = len(names_of(data["images"], "dataset")) > 1
    inside = alt.datum.dataset == dataset
    points = (
        alt.Chart(alt.NamedData("images"))
        .transform_filter(inside)
        .mark_point(filled=True, size=60, opacity=0.9)
        .encode(
            x=alt.X(f"{drawn(metric)}:Q", title=TITLES.get(metric, metric), scale=quality_scale(metric)),
            y=alt.Y("image:N", title=None, axis=alt.Axis(labelLimit=190, grid=True)),
            color=scales["colour"],
            shape=scales["shape"],
            tooltip=tooltip_of(metric, ("image:N", "image"), ("camera:N", "camera")),
        )
    )
    caption = "One rate point of each method, the same as in the pictures."
    images = names_of((record for record in data["images"] if record["dataset"] == dataset), "image")
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
    name = "images" + (f"-{slug(dataset)}" if several else "")
    spec = finish(layers, max(120, 24 * len(images)))
    return Chart(name, f"The images of {dataset}", caption, spec, ("images", "ceilings"), "images")


def time_chart(what: str, scales: Mapping[str, Any]) -> Chart:
    """Seconds a megapixel against rate."""
    import altair as alt

    chart = (
        alt.Chart(alt.NamedData("times"))
        .transform_filter(alt.datum.what == what)
        .mark_point(filled=True, size=60, opacity=0.9)
        .encode(
            x=alt.X("bpp:Q", title="rate (bit/pixel)", scale=alt.Scale(type="log"), axis=log_axis()),
            y=alt.Y("per_megapixel:Q", title=f"{what} (s/MP)", scale=alt.Scale(type="log"), axis=log_axis()),
            color=scales["colour"],
            shape=scales["shape"],
            tooltip=tooltip_of(None, ("image:N", "image"), ("seconds:Q", "median s"), ("quartiles:N", "quartiles"),
                             ("repeats:Q", "repeats")),
        )
    )  # fmt: skip
    caption = "Median of the repeats of the timing pass, on the first timed image of each size. Lower is faster."
    return Chart(f"time-{what}", f"Time to {what} against rate", caption, finish(chart, 260), ("times",), "times")


def stage_chart(what: str, data: Mapping[str, list]) -> Chart:
    """Where the time goes; a stage has one colour in both directions."""
    import altair as alt

    methods = len(names_of(data["stages"], "method"))
    stages = [*STAGES, *sorted(set(names_of(data["stages"], "stage")) - set(STAGES))]
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
    return Chart(f"stages-{what}", f"Stages of {what}", caption, finish(chart, height), ("stages",), "times")


def rendition_chart(metric: str, scales: Mapping[str, Any], data: Mapping[str, list]) -> Chart:
    """What becomes of a method when the sRGB went through a JPEG."""
    import altair as alt

    order = sorted(names_of(data["renditions"], "rendition"), key=rendition_order)
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
    spec = finish(base.mark_line(strokeWidth=2) + points, 280)
    return Chart("renditions", "Robustness to JPEG", caption, spec, ("renditions",), "renditions")
