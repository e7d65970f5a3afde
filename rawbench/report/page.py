"""The page: everything in one HTML file that asks no network for anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawbench.errors import RawbenchError
from rawbench.judge.by_image import image_differences
from rawbench.judge.leaderboard import board_notes, board_table, check_anchor, make_boards
from rawbench.plugins import Catalogue
from rawbench.report.axes import method_colours
from rawbench.report.chart_data import chart_data, few_points_note, typical_points
from rawbench.report.chart_files import require, write_charts
from rawbench.report.charts import Chart, make_charts
from rawbench.results.comparable import check_word, on_shared_images
from rawbench.results.costs import costs_of_points
from rawbench.results.run import Run, read_run
from rawbench.tables.run_table import STANDARD, ceiling_cells, table_cells
from rawbench.tables.terminal import Part, sections

if TYPE_CHECKING:
    from rawbench.report.pictures import DecodedImage, ImagePictures

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
        images: to show; by default the hardest and the one in the middle.
        bpp: where only one rate point of a method can be shown, that nearest to this rate.
        metrics: to draw; by default PSNR and SSIM, as far as the run has them.
        anchor: method that BD-rates and differences are against; by default a chosen one.
    """

    images: Sequence[str] = ()
    bpp: float = 0.1
    metrics: Sequence[str] = ()
    anchor: str | None = None


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
    from rawbench.report.pictures import draw_to_fit

    for module in ("altair", "jinja2", "vl_convert"):
        require(module)
    results = read_run(run)
    shown = _metrics(results, choice.metrics)
    typical = typical_points(results, choice.bpp)
    data = chart_data(results, shown, typical)
    charts = make_charts(results, data, shown)
    added, problems = plugin_sections(results, catalogue)
    decoded, missing = _decoded(run, results, catalogue, _images(results, choice.images, shown[0]), typical)
    told = [*problems, *few_points_note(results), *missing]
    page = render_page(results, charts, data, shown, [], added, told, choice.bpp, choice.anchor)
    if decoded:
        pictures = draw_to_fit(decoded, LIMIT_BYTES - len(page.encode()))
        page = render_page(results, charts, data, shown, pictures, added, told, choice.bpp, choice.anchor)
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
    from rawbench.report.pictures import choose_images

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
    from rawbench.report.pictures import decode_images

    folder = run if run.is_dir() else run.parent
    if not (folder / "streams").is_dir():
        return [], ["no pictures: the run's streams are not here"]
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


def render_page(
    results: Run,
    charts: Sequence[Chart],
    data: Mapping[str, list],
    metrics: Sequence[str],
    pictures: Sequence[ImagePictures],
    added: Sequence[tuple[str, str]],
    problems: Sequence[str],
    bpp: float,
    anchor: str | None = None,
) -> str:
    """The whole page."""
    from rawbench.report.pictures import error_gradient

    vl_convert, altair = require("vl_convert"), require("altair")
    library = vl_convert.javascript_bundle(vl_version=".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2]))
    drawn = {name for chart in charts for name in chart.data}
    boards = make_boards([results])
    check_anchor(boards, anchor)
    differences = [image_differences(board, bpp, anchor) for board in boards]
    return environment().get_template("page.html.j2").render(
        results=results,
        library=library.replace("</script", "<\\/script"),
        specs=script_json({chart.name: chart.spec for chart in charts}),
        uses=script_json({chart.name: chart.data for chart in charts}),
        data=script_json({name: records for name, records in data.items() if name in drawn}),
        colours=method_colours(list(results.methods)),
        groups=[(key, title, [c for c in charts if c.group == key]) for key, title in GROUPS.items()],
        boards=[(board.dataset, *board_table(board, anchor), board_notes(board)) for board in boards],
        differences=[found for found in differences if found.rows],
        full=full_tables(results, metrics),
        full_notes=on_shared_images(results)[1],
        checks={method: check_word(results, method) for method in results.methods},
        pictures=pictures,
        gradient=error_gradient(),
        sections=added,
        problems=problems,
        failures=[(str(place), message)
                  for place, message in results.messages.items()],
        bpp=bpp,
        simulated=sum(image.simulated for image in results.images.values()),
        by_name=json.dumps,
    )  # fmt: skip


def environment() -> Any:
    """Jinja2 with the templates of this folder; everything is escaped that is not marked as HTML."""
    jinja2 = require("jinja2")
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


def script_json(value: Any) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def full_tables(results: Run, metrics: Sequence[str]) -> list[tuple[str, Sequence[str], list[Sequence[str]]]]:
    """Every rate point, with what it costs where the run was timed; under them the ceiling.

    Returns:
        Title, headings and rows for each dataset; no title where there is one.
    """
    shown, _ = on_shared_images(results)
    head, body = table_cells(shown.means, list(metrics), costs_of_points(results))
    parts = sections(Part(head, body, ceiling_cells(head, shown.ceilings, metrics)))
    return [(title, part.head, [*part.body, *part.under]) for title, part in parts]
