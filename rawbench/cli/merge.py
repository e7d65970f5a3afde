"""``rawbench merge``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    epilog="""\b
Examples:
  rawbench run --methods poly --dataset sample --shard 1/2 --out part1
  rawbench run --methods poly --dataset sample --shard 2/2 --out part2
  rawbench merge part1 part2 -o whole
"""
)
@click.argument("parts", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR", help="New, or empty.")
def merge(parts: tuple[Path, ...], output: Path) -> None:
    """Put the parts of a run that were measured apart ('rawbench run --shard') into one run folder.

    A cell that two parts have is refused by name, and so are parts that disagree on a method, an image or the protocol.
    """
    from rawbench.results.merge import merge_runs

    click.echo(f"{output}: {merge_runs(parts, output)} cells of {len(parts)} runs")
