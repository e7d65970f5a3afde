"""The page: everything in one HTML file that asks no network for anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawbench.errors import RawbenchError
from rawbench.judge.by_image import ImageDifferences, image_differences
from rawbench.judge.leaderboard import (
    Board,
    against_anchor,
    best_cells,
    board_notes,
    board_table,
    check_anchor,
    find_anchor,
    make_boards,
)
from rawbench.plugins import Catalogue
from rawbench.report.anchors import anchors_of
from rawbench.report.axes import method_colours
from rawbench.report.chart_data import chart_data, few_points_note, typical_points
from rawbench.report.chart_files import require, write_charts
from rawbench.report.charts import Chart, make_charts, zoomable
from rawbench.report.chosen import choose_images, have_streams, with_stream_facts
from rawbench.report.colours import error_gradient
from rawbench.report.origins import Origin, origins_of
from rawbench.results.comparable import check_word, on_shared_images
from rawbench.results.costs import costs_of_points
from rawbench.results.run import Run, read_run
from rawbench.tables.published import published_cells, published_notes
from rawbench.tables.run_table import STANDARD, ceiling_cells, table_cells
from rawbench.tables.terminal import Part, sections

if TYPE_CHECKING:
    from rawbench.report.pictures import DecodedImage, ImagePictures
    from rawbench.report.viewer import Viewer

LIMIT_BYTES = 3_000_000
GROUPS = {
    "curves": "Rate and distortion",
    "cameras": "Camera by camera",
    "images": "Image by image",
    "times": "Time",
    "renditions": "Robustness to JPEG",
}


@dataclass(frozen=True)
class Choice:
    """What a report shows.

    Attributes:
        images: to show, or ``all``; by default the hardest and the one in the middle.
        bpp: where only one rate point of a method can be shown, that nearest to this rate.
        metrics: to draw; by default PSNR and SSIM, as far as the run has them.
        anchor: method that BD-rates and differences are against first; by default a chosen one.
        published: files of published rows to show beside the shipped ones ("" for those alone); none shows none.
    """

    images: Sequence[str] = ()
    bpp: float = 0.1
    metrics: Sequence[str] = ()
    anchor: str | None = None
    published: Sequence[str] = ()


@dataclass(frozen=True)
class Content:
    """What a page is made of.

    Attributes:
        results: the run.
        charts: from ``make_charts``.
        data: that they draw.
        metrics: to show, the first where there is room for one.
        choice: what else was asked for.
        problems: lines on what is missing.
        sections: (title, HTML) of the plugins.
        origins: of the methods, by label.
        pictures: of the chosen images.
        viewers: of the first of them.
    """

    results: Run
    charts: Sequence[Chart]
    data: Mapping[str, list]
    metrics: Sequence[str]
    choice: Choice = Choice()
    problems: Sequence[str] = ()
    sections: Sequence[tuple[str, str]] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)
    pictures: Sequence[ImagePictures] = ()
    viewers: Sequence[Viewer] = ()


@dataclass(frozen=True)
class _Standing:
    """A board as the page shows it."""

    board: Board
    head: list[str]
    body: list[list[str]]
    lines: list[str]
    rate_lines: tuple[str, ...]
    best: set[tuple[int, int]]
    notes: list[str]
    differences: ImageDifferences
    anchors: Mapping[str, Any]


def write_report(
    run: Path, file: Path, catalogue: Catalogue, choice: Choice, charts_folder: Path | None = None
) -> list[str]:
    """Write a run's report.

    Args:
        run: in any form that ``read_run`` takes; only a folder has streams, and so pictures.
        file: the page.
        catalogue: the plugins: datasets and codecs for the pictures, and further sections.
        choice: what to show.
        charts_folder: for SVG and PNG of every chart.

    Returns:
        What is missing from the page, and why, in lines.

    Raises:
        UsageError: Altair, Jinja2 or vl-convert are not installed, or there is no such run, image or metric.
    """
    from rawbench.files import write_atomically

    for module in ("altair", "jinja2", "vl_convert"):
        require(module)
    results = read_run(run, facts=())
    shown = _metrics(results, choice.metrics)
    typical = typical_points(results, choice.bpp)
    data = chart_data(results, shown, typical)
    charts = make_charts(results, data, shown)
    sections_added, problems = plugin_sections(results, catalogue)
    decoded, missing = _decoded(run, results, catalogue, _images(results, choice.images, shown[0]), typical)
    told = [*problems, *few_points_note(results), *missing]
    content = Content(results, charts, data, shown, choice, told, sections_added, origins_of(results, catalogue))
    page = render_page(content)
    if decoded:
        from rawbench.report.viewer import draw_to_fit

        pictures, viewers = draw_to_fit(decoded, LIMIT_BYTES - len(page.encode()))
        page = render_page(replace(content, pictures=pictures, viewers=viewers))
    write_atomically(file, page.encode())
    if charts_folder is not None:
        write_charts(charts, data, list(results.methods), charts_folder)
    return told


def _metrics(results: Run, wanted: Sequence[str]) -> list[str]:
    from rawbench.errors import NotComparable, UsageError, suggest

    if not any(row.status == "ok" for row in results.rows):
        raise NotComparable(f"{results.name}: nothing was measured, so there is nothing to report")
    for name in wanted:
        if name not in results.metrics:
            raise UsageError(f"the run has no metric {name!r}{suggest(name, results.metrics)}")
    return list(wanted) or [name for name in STANDARD if name in results.metrics] or list(results.metrics)[:1]


def _images(results: Run, wanted: Sequence[str], metric: str) -> list[tuple[str, str]]:
    from rawbench.errors import UsageError, suggest

    if tuple(wanted) == ("all",):
        return list(results.images)
    for name in wanted:
        if not any(image == name for _, image in results.images):
            raise UsageError(f"the run has no image {name!r}{suggest(name, [image for _, image in results.images])}")
    if not wanted:
        return choose_images(results, metric)
    return [next(key for key in results.images if key[1] == name) for name in wanted]


def _decoded(
    run: Path,
    results: Run,
    catalogue: Catalogue,
    images: Sequence[tuple[str, str]],
    typical: Mapping[tuple[str, str], str],
) -> tuple[list[DecodedImage], list[str]]:
    folder = run if run.is_dir() else run.parent
    results = with_stream_facts(results, run, images)
    if not have_streams(folder, results, images, typical):
        return [], ["no pictures: the run's streams are not here"]
    from rawbench.report.pictures import decode_images

    try:
        return decode_images(folder, results, catalogue, images, typical), []
    except RawbenchError as error:
        return [], [str(error)]


def plugin_sections(results: Run, catalogue: Catalogue) -> tuple[list[tuple[str, str]], list[str]]:
    """(title, HTML) of the plugins' sections, and a line for each that failed."""
    sections, problems = [], []
    for entry in catalogue.report_sections:
        try:
            section: Callable[[Run], str] = entry.load("report section", None)
            sections.append((entry.summary or entry.name, str(section(results))))
        except Exception as error:
            problems.append(f"section {entry.name!r} of plugin {entry.plugin!r}: {type(error).__name__}: {error}")
    return sections, problems


def render_page(content: Content) -> str:
    """The whole page.

    Raises:
        UsageError: no method is called as the anchor that is asked for.
    """
    results, choice = content.results, content.choice
    standings = _standings(results, choice)
    return environment().get_template("page.html.j2").render(
        content=content,
        results=results,
        library=chart_library(),
        page_data=script_json(_page_data(content, standings)),
        colours=method_colours(list(results.methods)),
        groups=[(key, title, [c for c in content.charts if c.group == key]) for key, title in GROUPS.items()],
        standings=standings,
        full=full_tables(results, content.metrics),
        full_notes=on_shared_images(results)[1],
        checks={method: check_word(results, method) for method in results.methods},
        gradient=error_gradient(),
        published=(*published_cells(choice.published), published_notes(choice.published)) if choice.published else None,
        failures=[(str(place), message) for place, message in results.messages.items()],
        bpp=choice.bpp,
        simulated=sum(image.simulated for image in results.images.values()),
        by_name=json.dumps,
    )  # fmt: skip


def _standings(results: Run, choice: Choice) -> list[_Standing]:
    boards = make_boards([results])
    check_anchor(boards, choice.anchor)
    found = []
    for board in boards:
        head, body, lines = board_table(board, choice.anchor)
        rate_lines = against_anchor(board, find_anchor(board.entries, choice.anchor)).lines
        lines = [line for line in lines if line not in rate_lines]
        differences = image_differences(board, choice.bpp, choice.anchor)
        anchors = anchors_of(board, choice.bpp, choice.anchor)
        best = best_cells(head, body)
        found.append(_Standing(board, head, body, lines, rate_lines, best, board_notes(board), differences, anchors))
    return found


def _page_data(content: Content, standings: Sequence[_Standing]) -> dict[str, Any]:
    """What the page's scripts work on."""
    drawn = {name for chart in content.charts for name in chart.data}
    return {
        "charts": {chart.name: {"spec": zoomable(chart), "uses": chart.data} for chart in content.charts},
        "sets": {name: records for name, records in content.data.items() if name in drawn},
        "boards": [standing.anchors for standing in standings],
        "viewers": [[asdict(layer) for layer in viewer.layers] for viewer in content.viewers],
    }


def chart_library() -> str:
    """Vega, Vega-Lite and Vega-Embed, to stand in a script element.

    Raises:
        UsageError: they are not installed.
    """
    vl_convert, altair = require("vl_convert"), require("altair")
    library = vl_convert.javascript_bundle(vl_version=".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2]))
    return library.replace("</script", "<\\/script")


def environment() -> Any:
    """Jinja2 with the templates of this folder; everything is escaped that is not marked as HTML."""
    jinja2 = require("jinja2")
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


def script_json(value: Any) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


@dataclass(frozen=True)
class FullTable:
    """Every rate point of one dataset: headings, rows, and the rows of the ceiling; no title where there is one."""

    title: str
    head: Sequence[str]
    body: Sequence[Sequence[str]]
    under: Sequence[Sequence[str]]


def full_tables(results: Run, metrics: Sequence[str]) -> list[FullTable]:
    """Every rate point, with what it costs where the run was timed; under them the ceiling."""
    shown, _ = on_shared_images(results)
    head, body = table_cells(shown.means, list(metrics), costs_of_points(results))
    parts = sections(Part(head, body, ceiling_cells(head, shown.ceilings, metrics)))
    return [FullTable(title, part.head, part.body, part.under) for title, part in parts]
