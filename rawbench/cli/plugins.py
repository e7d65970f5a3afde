"""``rawbench plugins``."""

from __future__ import annotations

import json

import click

from rawbench.cli.catalogue import catalogue_of
from rawbench.plugins import REGISTRIES


@click.command(epilog="Example: rawbench --plugin my_method.py plugins")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def plugins(as_json: bool) -> None:
    """Show what is plugged in, what each plugin brings, and what was left out and why."""
    catalogue = catalogue_of()
    brought = {
        name: {
            "source": source,
            **{kind: [entry.name for entry in getattr(catalogue, kind) if entry.plugin == name] for kind in REGISTRIES},
        }
        for name, source in catalogue.loaded.items()
    }
    if as_json:
        click.echo(json.dumps({"plugins": brought, "left_out": catalogue.warnings}, indent=2))
        return
    for name, found in brought.items():
        things = "; ".join(f"{kind}: {', '.join(found[kind])}" for kind in REGISTRIES if found[kind])
        click.echo(f"{name} ({found['source']})  {things or 'registers nothing'}")
