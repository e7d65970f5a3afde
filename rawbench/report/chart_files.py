"""Charts as files that stand alone: SVG and PNG, with title, ground and legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rawbench.errors import NotComparable, RawbenchError, UsageError
from rawbench.files import write_atomically
from rawbench.keys import digest_json
from rawbench.report.chart_data import chart_data
from rawbench.report.charts import Chart, make_charts
from rawbench.results.run import Run

METRIC = "psnr"


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


def rd_picture(run: Run) -> str:
    """The rate-distortion chart of a run's first dataset as SVG, with the digest of what it shows in a comment.

    Raises:
        UsageError: what the report needs is not installed.
        NotComparable: there is nothing to draw.
    """
    for module in ("altair", "vl_convert"):
        require(module)
    data = chart_data(run, [METRIC], {})
    chart = next((c for c in make_charts(run, data, [METRIC]) if c.group == "curves"), None)
    if chart is None or not data["means"]:
        raise NotComparable(f"{run.name}: nothing was measured that could be drawn")
    svg = require("vl_convert").vegalite_to_svg(standalone(chart, data, list(run.methods)))
    return f"{svg.rstrip()}\n<!-- rawbench {picture_digest(run)} -->\n"


def picture_digest(run: Run) -> str:
    """Of what ``rd_picture`` shows: it says whether a picture is that of a run, whatever version drew it."""
    data = chart_data(run, [METRIC], {})
    return digest_json({name: data[name] for name in ("cells", "means", "ceilings")})[:16]
