"""``rawbench env``."""

from __future__ import annotations

import json

import click


@click.command(epilog="Example: rawbench env --json")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def env(as_json: bool) -> None:
    """Show versions and hardware: what a bug report or a table's footnote needs."""
    import torch

    from rawbench.run.environment import describe_environment

    found = describe_environment("cuda" if torch.cuda.is_available() else "cpu")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for key, value in found.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        click.echo(f"{key.replace('_', ' ')}: {text}")
