"""``rawbench new``."""

from __future__ import annotations

from pathlib import Path

import click

NEXT = {
    "method": "rawbench run --methods {name},poly --dataset sample --limit 2",
    "dataset": "rawbench datasets check {name}:root=DIR",
    "metric": "rawbench metrics check {name}",
}


@click.command(
    epilog="""\b
Examples:
  rawbench new method my-method
  rawbench new dataset lab-camera -o ~/src/lab-camera
  rawbench new metric hue-error
"""
)
@click.argument("kind", type=click.Choice(list(NEXT)))
@click.argument("name")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="New, or empty.  [default: NAME]")
def new(kind: str, name: str, output: Path | None) -> None:
    """Start a plugin: a small installable project with tests that pass, to be changed file by file."""
    from rawbench.cli.catalogue import catalogue_of
    from rawbench.errors import UsageError
    from rawbench.scaffold.project import new_project

    taken = {entry.name: entry.plugin for entry in getattr(catalogue_of(), f"{kind}s")}
    if name in taken:
        raise UsageError(f"there is a {kind} {name!r} already, of plugin {taken[name]!r}; take another name")
    folder = output or Path(name)
    for path in new_project(kind, name, folder):
        click.echo(path)
    click.echo(f"\nnext: pip install -e '{folder}[test]' && {NEXT[kind].format(name=name)} && pytest {folder}")
