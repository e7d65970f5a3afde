"""``rawbench train``."""

from __future__ import annotations

from pathlib import Path

import click

from rawbench.cli.catalogue import catalogue_of


@click.command(epilog="Example: rawbench train learned --config learned.toml --out trained/ --resume")
@click.argument("method")
@click.option("--config", type=click.Path(path_type=Path), required=True, metavar="FILE.toml")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="[default: trained/METHOD]")
@click.option("--resume", is_flag=True, help="Go on with the run in DIR.")
def train(method: str, config: Path, out: Path | None, resume: bool) -> None:
    """Train a learned method on frames; see 'rawbench datasets frames' and 'rawbench datasets extract'.

    Writes checkpoints, a log and the finished weights into DIR. Ctrl-C writes a checkpoint and ends.
    """
    task = catalogue_of().trainers.load(method)
    from rawbench.training import train as train_task

    train_task(task, config, out or Path("trained") / method, resume, click.echo)
