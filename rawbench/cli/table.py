"""``rawbench table``."""

from __future__ import annotations

from pathlib import Path

import click

from rawbench.cli.catalogue import split_commas
from rawbench.store import Store


@click.command(
    epilog="""\b
Examples:
  rawbench table rawbench-runs/sample-1a2b3c4d
  rawbench table RUN --metrics psnr,psnr_pooled,ssim --markdown
  rawbench table RUN --camera "SONY SLT-A57" --csv > sony.csv
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--metrics", multiple=True, callback=split_commas, metavar="NAME,...", help="[default: psnr,ssim]")
@click.option("--camera", metavar="NAME", help="Only images of this camera.")
@click.option("--by-camera", is_flag=True, help="A row for each camera, and their macro-average.")
@click.option("--markdown", "form", flag_value="markdown", help="As a Markdown table.")
@click.option("--csv", "form", flag_value="csv", help="As comma-separated values.")
@click.option("--latex", "form", flag_value="latex", help="As a LaTeX booktabs tabular.")
def table(run: Path, metrics: tuple[str, ...], camera: str | None, by_camera: bool, form: str | None) -> None:
    """Print a run's rate-distortion table: one row a method and rate point, averaged over images."""
    from rawbench import table as tables

    with Store.open(run) as store:
        chosen = _checked(store, tables.shown_metrics(store, metrics), camera)
        groups = tables.summarise(store, camera, by_camera)
        if form is None:
            tables.print_table(store, groups, chosen)
            return
        head, body = tables.table_cells(groups, chosen, tables.costs_of_run(store))
        below = tables.notes(store)
    if form == "csv":
        click.echo(tables.as_csv(head, body))
    elif form == "latex":
        click.echo(tables.latex(head, body))
        click.echo("\n".join(f"% {line}" for line in below))
    else:
        click.echo(tables.markdown(head, body))
        click.echo("\n" + "  \n".join(below))


def _checked(store: Store, metrics: tuple[str, ...], camera: str | None) -> tuple[str, ...]:
    from rawbench.errors import UsageError
    from rawbench.names import suggest

    measured = {row["metric"] for row in store.rows()}
    for name in metrics:
        if measured and name not in measured:
            raise UsageError(f"the run has no metric {name!r}{suggest(name, measured)}")
    cameras = {row["camera"] for row in store.table("images")}
    if camera is not None and camera not in cameras:
        raise UsageError(f"the run has no camera {camera!r}{suggest(camera, cameras)}")
    return metrics
