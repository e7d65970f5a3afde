"""``rawbench plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rawbench.cli.arguments import PublishedCommand, published_option, split_commas


def _pair(text: str, option: str) -> tuple[float, float]:
    from rawbench.errors import UsageError

    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} {text}: the form is FROM,TO") from None
    if not first < second:
        raise UsageError(f"{option} {text}: the first end is not below the second")
    return first, second


@click.command(
    cls=PublishedCommand,
    epilog="""\b
Examples:
  rawbench plot RUN -o figure.pdf --methods learned,residual,uniform --label learned=Ours
  rawbench plot RUN -o figure.svg --metrics psnr,ssim --xlim 0.001,1 --ylim psnr=45,65
  rawbench plot BEFORE AFTER -o figure.png --methods learned --difference-to residual
  rawbench plot results/measured/sample.json -o figure.pdf --published mine.csv
""",
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE.pdf|.svg|.png")
@click.option("--methods", multiple=True, callback=split_commas, metavar="NAME,...",
              help="Labels of methods, in the order of their colours.  [default: all]")  # fmt: skip
@click.option("--metrics", multiple=True, callback=split_commas, metavar="NAME,...",
              help="A panel for each.  [default: psnr]")  # fmt: skip
@click.option("--dataset", metavar="NAME", help="Which one, where the runs have several.")
@click.option("--rate", type=click.Choice(["bpp", "bytes"]), default="bpp", show_default=True)
@click.option("--label", "labels", multiple=True, metavar="METHOD=TEXT", help="What to call a method. Repeatable.")
@click.option("--xlim", metavar="FROM,TO", help="Ends of the axis of rates.")
@click.option("--ylim", "ylims", multiple=True, metavar="[METRIC=]FROM,TO", help="Ends of the other axis. Repeatable.")
@click.option("--linear", is_flag=True, help="A linear axis of rates.")
@click.option("--legend", is_flag=True, help="A legend, instead of a name at each curve.")
@click.option("--points", is_flag=True, help="Each image's points too.")
@click.option("--difference-to", metavar="METHOD", help="Draw how much better each method is at the same rate.")
@published_option
@click.option("--size", metavar="WIDTH,HEIGHT", help="Of a panel, in inches.  [default: 3.5,2.7]")
@click.option("--title", default="", help="Above all.")
@click.option("--dpi", type=click.IntRange(30, 2400), default=300, show_default=True, help="Of a PNG.")
def plot(runs: tuple[Path, ...], output: Path, published: tuple[str, ...], dpi: int, **given: Any) -> None:
    """Draw rate-distortion curves for a paper: means over all images, from one or several runs.

    RUN is a run folder, its database, or the JSON of a committed run or reference. An exact image has no finite PSNR:
    such points are on no axis. METHOD is the label that 'rawbench table' prints.
    """
    from rawbench.report.figure_file import write_figure
    from rawbench.report.plot import difference_to, make_panel, with_published
    from rawbench.results.run import read_run
    from rawbench.tables.published import read_all_published

    read = [read_run(path) for path in runs]
    labels = dict(_label(text) for text in given["labels"])
    panels = []
    for metric in given["metrics"] or ("psnr",):
        panel = make_panel(read, metric, given["rate"], given["methods"], given["dataset"], labels)
        if published:
            rows = read_all_published(published)
            panel = with_published(panel, rows, given["dataset"] or next(iter(read[0].datasets)))
        panels.append(difference_to(panel, given["difference_to"]) if given["difference_to"] else panel)
    if published and not any(curve.published for panel in panels for curve in panel.curves):
        click.echo("rawbench: warning: no published point is drawn: only rows of the same dataset are, by PSNR and bpp "
                   f"(rows are of {', '.join(sorted({row['dataset'] for row in rows}))})", err=True)  # fmt: skip
    write_figure(output, panels, _look(given), dpi)
    click.echo(f"{output}: {sum(len(panel.curves) for panel in panels)} curves, {output.stat().st_size / 1e3:.0f} kB")


def _label(text: str) -> tuple[str, str]:
    from rawbench.errors import UsageError

    method, separator, label = text.rpartition("=")
    if not separator or not label:
        raise UsageError(f"--label {text}: the form is METHOD=TEXT")
    return method, label


def _look(given: dict[str, Any]) -> Any:
    from rawbench.errors import UsageError
    from rawbench.report.plot import Look

    limits = {}
    for text in given["ylims"]:
        metric, _, ends = text.rpartition("=")
        limits[metric] = _pair(ends, "--ylim")
    rates = _pair(given["xlim"], "--xlim") if given["xlim"] else None
    if rates and rates[0] <= 0 and not given["linear"]:
        raise UsageError(f"--xlim {given['xlim']}: a logarithmic axis has no 0; give a greater end, or --linear")
    look = Look(rates, limits, given["linear"], given["legend"], given["points"], title=given["title"])
    if not given["size"]:
        return look
    from dataclasses import replace

    width, height = _size(given["size"])
    return replace(look, width=width, height=height)


def _size(text: str) -> tuple[float, float]:
    from rawbench.errors import UsageError

    try:
        width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--size {text}: the form is WIDTH,HEIGHT") from None
    if not (1 <= width <= 30 and 1 <= height <= 30):
        raise UsageError(f"--size {text}: sides from 1 to 30 inches")
    return width, height
