"""``rawbench run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from rawbench.cli.arguments import Device, split_commas
from rawbench.cli.catalogue import catalogue_of

CELL_FAILED = 4


@click.command(
    epilog="""\b
Examples:
  rawbench run --methods uniform,poly,residual --dataset sample
  rawbench run --methods residual --dataset sample:rendition=jpeg90 --limit 3
  rawbench run --methods all --rate-points 0,3 --metrics psnr,ssim -j 2
  rawbench run --config bench.toml --dry-run
"""
)
@click.option("--methods", multiple=True, callback=split_commas, metavar="NAME[:OPTION=VALUE]...,...",
              help="Methods, separated by commas; 'all' for every one.")  # fmt: skip
@click.option("--dataset", multiple=True, callback=split_commas, metavar="NAME[:OPTION=VALUE]...",
              help="Datasets, separated by commas.  [default: sample]")  # fmt: skip
@click.option("--split", help="Split of the dataset.  [default: test]")
@click.option("--rate-points", multiple=True, callback=split_commas, metavar="N|NAME,...",
              help="Only these rate points: numbers from 0 (fewest bytes), or names.")  # fmt: skip
@click.option("--metrics", multiple=True, callback=split_commas, metavar="NAME,...",
              help="Metrics, separated by commas; 'all' for every one.  [default: the standard ones]")  # fmt: skip
@click.option("--limit", type=int, metavar="N", help="Only the first N images.")
@click.option("--images", multiple=True, callback=split_commas, metavar="ID,...", help="Only these images.")
@click.option("--device", type=Device(), help="Where to compute.  [default: auto]")
@click.option("--seed", type=int, help="Seed for methods that draw random numbers.  [default: 0]")
@click.option("-j", "--jobs", type=int, metavar="N", help="Worker processes.  [default: 1]")
@click.option("--executor", metavar="NAME", help="Where cells run; see 'rawbench executors list'.")
@click.option("--address", help="Of a Ray cluster, with --executor ray.  [default: one of this machine]")
@click.option("--timeout", "timeout_seconds", type=float, metavar="SECONDS", help="End a cell that takes longer.")
@click.option("--timing/--no-timing", default=None,
              help="A timing pass after the measurements, on the first image of each size.")  # fmt: skip
@click.option("--name", help="Of the run: its folder in rawbench-runs.  [default: by the plan]")
@click.option(
    "--shard", metavar="I/N", help="Measure every N-th image, from the I-th; 'rawbench merge' joins the parts."
)
@click.option("--out", metavar="DIR", help="Run folder; an existing one is resumed.  [default: by the plan]")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE.toml", help="Settings from a file.")
@click.option("--rerun", type=click.Choice(["failed", "all"]), help="Repeat cells that are finished.")
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
def run(config: Path | None, rerun: str | None, dry_run: bool, **given: Any) -> None:
    """Measure methods on a dataset: every cell is encoded to a file and decoded by a fresh decoder.

    Prints the rate-distortion table and keeps every row in the run folder. Stopped with Ctrl-C (or killed),
    the same command goes on where it was.
    """
    settings, catalogue = _settings(config, given)
    from rawbench.run.plan import make_plan

    plan = make_plan(settings, catalogue, settings.device)
    from rawbench.run.device import resolve_device
    from rawbench.run.driver import default_folder, run_plan

    device = resolve_device(plan.device)
    folder = Path(settings.out) if settings.out else default_folder(plan, settings)
    if dry_run:
        _print_plan(plan, folder, device)
        return
    from rawbench.cli.progress import make_progress
    from rawbench.results.run import read_run
    from rawbench.tables.run_table import print_table, shown_metrics

    command, untimed = " ".join(["rawbench", *sys.argv[1:]]), []
    try:
        with make_progress() as progress:
            summary = run_plan(plan, settings, catalogue, folder, device, progress, rerun, command)
        if settings.timing:
            from rawbench.run.timing import time_run

            untimed = time_run(plan, catalogue, folder, device, click.echo, again=rerun == "all")
    except KeyboardInterrupt:
        click.echo(f"\nstopped; the same command goes on from here ({folder})", err=True)
        raise click.exceptions.Exit(130) from None
    click.echo()
    print_table(measured := read_run(folder, facts=()), shown_metrics(measured, settings.metrics))
    _finish(plan, summary, untimed)


def _settings(config: Path | None, given: dict[str, Any]) -> tuple[Any, Any]:
    """What is asked for, by the file and the command line, and the plugins; nothing that computes is loaded yet."""
    from rawbench.cli import use_threads
    from rawbench.plugins import load_plugins
    from rawbench.run.config import make_config, read_config

    context = click.get_current_context()
    values = {key: value for key, value in given.items() if value not in (None, ())}
    if threads := context.find_root().ensure_object(dict).get("threads"):
        values["threads"] = threads
    settings = read_config(config, values) if config else make_config({"methods": (), **values}, "rawbench run")
    use_threads(context, settings.threads)
    if settings.timing:
        _tell_if_busy()
    catalogue = catalogue_of()
    if settings.plugins:
        catalogue = load_plugins((*catalogue.extra, *settings.plugins))
    return settings, catalogue


def _tell_if_busy() -> None:
    """Times of a machine that has other work are no times of a method."""
    import os

    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores:
        click.echo(f"rawbench: warning: this machine is busy (load {load:.1f} on {cores} cores): what is "
                   "timed now takes longer than it would alone", err=True)  # fmt: skip


def _print_plan(plan: Any, folder: Path, device: str) -> None:
    click.echo(f"{len(plan.cells)} cells on {device}, into {folder}")
    click.echo(f"metrics: {', '.join(plan.metrics)}")
    for cell in plan.cells:
        click.echo(f"{cell.key[:12]}  {cell.title}")
    for problem in plan.problems:
        click.echo(f"left out: {problem}")


def _finish(plan: Any, summary: Any, untimed: list[str]) -> None:
    click.echo(f"{summary.cells} cells ({summary.reused} from before) in {summary.folder}")
    for problem in plan.problems:
        click.echo(f"left out: {problem}", err=True)
    for message in summary.failed_before[:20]:
        click.echo(f"failed before: {message}", err=True)
    failed = len(summary.failed) + len(summary.failed_before)
    if failed:
        click.echo(f"{failed} cells failed; repeat them with --rerun failed", err=True)
    if summary.failed_metrics:
        click.echo(f"{len(summary.failed_metrics)} measurements failed; repeat them with --rerun failed", err=True)
    if summary.skipped:
        click.echo(f"{summary.skipped} cells skipped: their method does not do that", err=True)
    for message in untimed:
        click.echo(message, err=True)
    if failed or summary.failed_metrics or summary.skipped or plan.problems or untimed:
        raise click.exceptions.Exit(CELL_FAILED)
