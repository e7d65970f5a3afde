"""``rawbench report``."""

from __future__ import annotations

from pathlib import Path

import click

from rawbench.cli.arguments import PublishedCommand, published_option, run_argument, split_commas
from rawbench.cli.catalogue import catalogue_of


@click.command(
    cls=PublishedCommand,
    epilog="""\b
Examples:
  rawbench report rawbench-runs/sample-1a2b3c4d -o report.html
  rawbench report RUN -o report.html --images city_2,sunset_1 --bpp 0.05
  rawbench report results/measured/sample.json -o report.html --charts charts/
  rawbench report RUN --published mine.csv
""",
)
@run_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True,
              metavar="FILE.html")  # fmt: skip
@click.option("--images", multiple=True, callback=split_commas, metavar="ID,...",
              help="Images to show, or all.  [default: the hardest and the one in the middle]")  # fmt: skip
@click.option("--bpp", type=click.FloatRange(min=1e-6), default=0.1, show_default=True,
              help="Where one rate point of a method must do, that nearest to this rate.")  # fmt: skip
@click.option("--metrics", multiple=True, callback=split_commas, metavar="NAME,...", help="[default: psnr,ssim]")
@click.option("--anchor", metavar="METHOD",
              help="What BD-rates and differences are against at first.  [default: chosen]")  # fmt: skip
@published_option
@click.option("--charts", type=click.Path(path_type=Path), metavar="DIR", help="Write every chart as SVG and PNG too.")
def report(
    run: Path,
    output: Path,
    images: tuple[str, ...],
    bpp: float,
    metrics: tuple[str, ...],
    anchor: str | None,
    published: tuple[str, ...],
    charts: Path | None,
) -> None:
    """Write a run's report: one HTML file that works without a network.

    RUN is a run folder, its database, or the JSON of a committed run; only a folder with its streams gives pictures.
    It is the last run made here, unless named.
    """
    from rawbench.report.page import Choice, write_report

    for line in write_report(run, output, catalogue_of(), Choice(images, bpp, metrics, anchor, published), charts):
        click.echo(line, err=True)
    click.echo(f"{output}: {output.stat().st_size / 1e6:.2f} MB")
    if charts is not None:
        click.echo(f"{charts}: {len(list(charts.glob('*.svg')))} charts as SVG and PNG")
