"""How every chart looks: colours, shapes, axes, tooltips, and what all specifications share."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rawbench.report.chart_data import SIMILARITIES, drawn

if TYPE_CHECKING:
    import altair as alt

# Okabe and Ito's colours, told apart by most colour-blind readers, darkest first; then some of Tol's.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7A5C00", "#56B4E9", "#E69F00", "#332288", "#882255", "#44AA99",
    "#999933", "#661100", "#117733", "#AA4499", "#6699CC", "#BB5566",
)  # fmt: skip
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
LEAST_BPP = 1e-4
CEILING_COLOUR = "#777777"
TITLES = {"psnr": "PSNR (dB)", "ssim": "1 − SSIM (log axis, better is up)"}


def method_scales(methods: Sequence[str]) -> dict[str, Any]:
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


def rate_axis(records: Sequence[Mapping[str, Any]], small: bool = False) -> alt.X:
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
    return alt.X("bpp:Q", title="rate (bit/pixel)", scale=scale, axis=log_axis((1,) if small else (1, 2, 5)))


def log_axis(labelled: tuple[int, ...] = (1, 2, 5)) -> alt.Axis:
    """A logarithmic axis with labels at these multiples of the decades."""
    import altair as alt

    # Decades, and 2 and 5 between them: all nine would run into each other on a phone.
    decimal = "datum.value >= 1e-3 && datum.value < 1e4 ? format(datum.value, '~r') : format(datum.value, '.0e')"
    leading = "round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))"
    decades = {"condition": {"test": f"{leading} == 1", "value": 1}, "value": 0.3}
    label = f"indexof({list(labelled)}, {leading}) < 0 ? '' : {decimal}"
    return alt.Axis(labelExpr=label, labelOverlap=True, tickCount=6, gridOpacity=decades, tickOpacity=decades)


def quality_axis(metric: str, domain: tuple[float, float] | None = None) -> alt.Y:
    """The axis of a quality; ``domain`` fixes its ends."""
    import altair as alt

    scale = quality_scale(metric)
    if domain is not None:
        scale.domain = list(domain)
    axis = log_axis() if metric in SIMILARITIES else alt.Axis()
    return alt.Y(f"{drawn(metric)}:Q", title=TITLES.get(metric, metric), scale=scale, axis=axis)


def quality_scale(metric: str) -> alt.Scale:
    """Linear, or for similarities logarithmic over what they lack."""
    import altair as alt

    if metric in SIMILARITIES:
        return alt.Scale(type="log", reverse=True, nice=False)
    return alt.Scale(zero=False, nice=True)


def tooltip_of(metric: str | None, *more: tuple[str, str]) -> list[alt.Tooltip]:
    """What a point says: method, rate point, ``more`` (field, title), rate, and the metric or the time."""
    import altair as alt

    found = [alt.Tooltip("method:N", title="method"), alt.Tooltip("rate_point:N", title="rate point")]
    found += [alt.Tooltip(field, title=title) for field, title in more]
    if metric is not None:
        found.append(alt.Tooltip("bytes:Q", title="bytes", format=",.0f"))
    found.append(alt.Tooltip("bpp:Q", title="bpp", format=".4~g"))
    if metric is None:
        return [*found, alt.Tooltip("per_megapixel:Q", title="s/MP", format=".3~g")]
    return [*found, alt.Tooltip(f"{metric}:Q", title=metric, format=".4~f" if metric == "ssim" else ".2f")]


def finish(chart: Any, height: int) -> dict[str, Any]:
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


def slug(text: str) -> str:
    """A name as part of a file's name and of an address in the page."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
