"""``rawbench export``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    epilog="""\b
Examples:
  rawbench export rawbench-runs/sample-1a2b3c4d rows.csv
  rawbench export RUN rows.parquet
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
def export(run: Path, file: Path) -> None:
    """Write a run's rows to FILE: .csv, .parquet or .json by its suffix.

    Columns: run, method, rate_point, dataset, image, metric, value, unit. The JSON holds everything else
    too: cells with their status, methods, datasets, images, environments, schema version.
    """
    from rawbench.results.export import export_run

    click.echo(f"{file}: {export_run(run, file)} rows")
