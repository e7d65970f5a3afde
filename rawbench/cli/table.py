"""``rawbench table``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rawbench.cli.arguments import split_commas
from rawbench.errors import UsageError

if TYPE_CHECKING:
    from rawbench.results.run import Run


@click.command(
    epilog="""\b
Examples:
  rawbench table rawbench-runs/sample-1a2b3c4d
  rawbench table RUN --metrics psnr,psnr_pooled,ssim --markdown
  rawbench table RUN --camera "SONY SLT-A57" --csv > sony.csv
  rawbench table RUN --published
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--metrics", multiple=True, callback=split_commas, metavar="NAME,...", help="[default: psnr,ssim]")
@click.option("--camera", metavar="NAME", help="Only images of this camera.")
@click.option("--by-camera", is_flag=True, help="A row for each camera, and their macro-average.")
@click.option("--markdown", "form", flag_value="markdown", help="As a Markdown table.")
@click.option("--csv", "form", flag_value="csv", help="As comma-separated values.")
@click.option("--latex", "form", flag_value="latex", help="As a LaTeX booktabs tabular.")
@click.option("--published", "with_published", is_flag=True,
              help="And under it what papers report, by their own protocols; not with --csv.")  # fmt: skip
def table(
    run: Path, metrics: tuple[str, ...], camera: str | None, by_camera: bool, form: str | None, with_published: bool
) -> None:
    """Print a run's rate-distortion table: one row a method and rate point, averaged over images.

    RUN is a run folder, its database, or the JSON of a committed run or reference.

    Under the methods stands the ceiling of the images: what the best mapping of the sRGB alone would give. CSV holds
    the methods' rows alone.
    """
    from rawbench.results.costs import costs_of_points
    from rawbench.results.run import read_run
    from rawbench.tables import run_table as tables
    from rawbench.tables import text
    from rawbench.tables.published import published_cells, published_file, published_notes

    if with_published and form == "csv":
        raise UsageError(f"published rows are no part of a CSV of measured ones; they are in {published_file()}")
    found = read_run(run)
    chosen = tables.shown_metrics(found, metrics)
    found = _of_camera(found, camera)
    head, body = tables.table_cells(tables.summarise(found, by_camera), chosen, costs_of_points(found))
    if form == "csv":
        click.echo(text.as_csv(head, body))
        return
    under = tables.ceiling_cells(head, tables.summarise_ceilings(found, by_camera), chosen)
    _print(form, head, body, under, tables.notes(found))
    if with_published:
        click.echo()
        _print(form, *published_cells(), [], published_notes())


def _print(form: str | None, head: list[str], body: list[list[str]], under: list[list[str]], below: list[str]) -> None:
    from rawbench.tables import terminal, text

    if form is None:
        terminal.print_cells(head, body, under, below)
    elif form == "latex":
        click.echo(text.latex(head, body, under))
        click.echo("\n".join(f"% {line}" for line in below))
    else:
        click.echo(text.markdown(head, [*body, *under]))
        click.echo("\n" + "  \n".join(below))


def _of_camera(run: Run, camera: str | None) -> Run:
    from rawbench.errors import suggest

    cameras = {image.camera for image in run.images.values()}
    if camera is not None and camera not in cameras:
        raise UsageError(f"the run has no camera {camera!r}{suggest(camera, cameras)}")
    return run if camera is None else run.of_camera(camera)
