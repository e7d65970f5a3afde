"""``rawbench train``."""

from __future__ import annotations

from pathlib import Path

import click

from rawbench.cli.catalogue import catalogue_of


@click.command(
    epilog="""\b
Example:
  rawbench train learned --config learned.toml --out trained/ --resume
"""
)
@click.argument("method")
@click.option("--config", type=click.Path(path_type=Path), required=True, metavar="FILE.toml")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="[default: trained/METHOD]")
@click.option("--resume", is_flag=True, help="Go on with the run in DIR.")
@click.option("--dry-run", is_flag=True, help="Say all that is missing, and stop: exit code 2 where something is.")
def train(method: str, config: Path, out: Path | None, resume: bool, dry_run: bool) -> None:
    """Train a learned method on frames; see 'rawbench datasets frames' and 'rawbench datasets extract'.

    Writes checkpoints, a log and the finished weights into DIR. Ctrl-C writes a checkpoint and ends.
    """
    task = catalogue_of().trainers.load(method)
    folder = out or Path("trained") / method
    if dry_run:
        from rawbench.training.rehearsal import lacking

        found = lacking(task, config, folder, resume)
        for line in found:
            click.echo(f"rawbench: {line}", err=True)
        if found:
            raise click.exceptions.Exit(2)
        click.echo(f"{config}: nothing is missing to train {method} in {folder}")
        return
    from rawbench.training import train as train_task

    train_task(task, config, folder, resume, click.echo)
