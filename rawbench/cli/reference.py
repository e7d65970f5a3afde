"""``rawbench reference``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rawbench.cli.arguments import split_commas
from rawbench.cli.catalogue import catalogue_of


@click.group()
def reference() -> None:
    """Make and update the references that 'rawbench regress' compares with."""


_jobs = click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")
_run = click.option("--run", type=click.Path(path_type=Path), metavar="RUN",
                    help="Take the numbers of this run; nothing is measured.")  # fmt: skip


@reference.command(
    epilog="""\b
Examples:
  rawbench reference create results/reference/sample.json --methods uniform,poly,residual
  rawbench reference create REFERENCE --run RUN --methods poly,residual --tolerance 'psnr=-0.05 dB'
"""
)
@click.argument("file", type=click.Path(path_type=Path), metavar="REFERENCE")
@click.option("--methods", multiple=True, callback=split_commas, metavar="NAME[:OPTION=VALUE]...,...",
              help="Methods, separated by commas.  [with --run: all of the run]")  # fmt: skip
@click.option("--dataset", multiple=True, callback=split_commas, metavar="NAME[:OPTION=VALUE]...,...",
              help="[default: sample]")  # fmt: skip
@click.option("--rate-points", multiple=True, callback=split_commas, metavar="N|NAME,...", help="Only these.")
@click.option("--images", multiple=True, callback=split_commas, metavar="ID,...", help="Only these images.")
@click.option("--metrics", multiple=True, callback=split_commas, metavar="NAME,...", help="[default: psnr,ssim]")
@click.option("--tolerance", "tolerances", multiple=True, metavar="NAME=TOLERANCE",
              help="Of a rate, a metric or bd_rate, such as 'psnr=-0.02 dB'. Repeatable.")  # fmt: skip
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--force", is_flag=True, help="Replace a reference that is there.")
@_run
@_jobs
def create(file: Path, run: Path | None, jobs: int, tolerances: tuple[str, ...], force: bool, **given: Any) -> None:
    """Measure methods and write the numbers as a reference."""
    from rawbench.errors import UsageError
    from rawbench.judge.reference import METRICS
    from rawbench.run.config import make_config

    if file.exists() and not force:
        raise UsageError(f"{file} is there already; 'rawbench reference update' repeats it, --force replaces it")
    values = {key: value for key, value in given.items() if value not in (None, ())}
    wanted = _parse(tolerances)
    if run is None:
        config = make_config({"methods": (), "metrics": METRICS, **values}, "rawbench reference create")
        registry = catalogue_of().metrics
        names = registry.names() if "all" in config.metrics else config.metrics
        _tolerances(wanted, {name: registry.load(name) for name in names})  # a slip is told before anything is measured
        _write(file, _measure(config, jobs), config, wanted)
        return
    config, results = _of_run(run, values)
    _write(file, results, config, wanted)


@reference.command(epilog="Example: rawbench reference update results/reference/sample.json")
@click.argument("file", type=click.Path(path_type=Path), metavar="REFERENCE")
@_jobs
def update(file: Path, jobs: int) -> None:
    """Measure again what REFERENCE names and replace its numbers; its tolerances stay. Prints what changed."""
    from rawbench.judge.gate import NotComparable, Subset, judge_run, report_lines
    from rawbench.judge.reference import read_reference

    old = read_reference(file)
    results = _measure(old.run_config(), jobs)
    try:
        click.echo("\n".join(report_lines(judge_run(old, results, Subset()))))
    except NotComparable as error:
        click.echo(f"the old numbers cannot be compared: {error}")
    kept = {name: threshold.text for name, threshold in old.tolerances.items()}
    _write(file, results, old.run_config(), {}, kept)


def _measure(config: Any, jobs: int) -> Any:
    from rawbench.cli.arguments import run_folder
    from rawbench.cli.progress import make_progress
    from rawbench.errors import RawbenchError
    from rawbench.results.run import read_run
    from rawbench.run.device import resolve_device
    from rawbench.run.driver import run_plan
    from rawbench.run.plan import make_plan

    config = config.model_copy(update={"jobs": jobs})
    catalogue = catalogue_of()
    device = resolve_device(config.device)
    plan = make_plan(config, catalogue, device)
    if plan.problems:
        raise RawbenchError(f"no reference without every image: {plan.problems[0]}")
    with run_folder(None) as folder, make_progress() as progress:
        run_plan(plan, config, catalogue, folder, device, progress, command="rawbench reference")
        return read_run(folder)


def _of_run(run: Path, given: dict[str, Any]) -> tuple[Any, Any]:
    """The part of a run that becomes the reference, and the configuration that would measure it again."""
    from rawbench.errors import UsageError
    from rawbench.judge.reference import METRICS, part_of
    from rawbench.results.run import read_run
    from rawbench.run.config import make_config

    results = read_run(run)
    metrics = tuple(given.get("metrics", [name for name in METRICS if name in results.metrics]))
    part = part_of(results, given.get("methods", ()), given.get("dataset", ()), given.get("images", ()),
                   given.get("rate_points", ()), metrics)  # fmt: skip
    if not part.rows:
        raise UsageError(f"{run} has no cell of these methods, datasets, rate points and images")
    images = tuple(dict.fromkeys(row.image for row in part.rows))
    values = {"methods": ("set by the run",), "images": images, "rate_points": given.get("rate_points", ())}
    return make_config(values, "rawbench reference create"), part


def _parse(tolerances: tuple[str, ...]) -> dict[str, str]:
    from rawbench.errors import UsageError
    from rawbench.judge.threshold import Threshold

    found = {}
    for text in tolerances:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"--tolerance {text}: the form is NAME=TOLERANCE")
        found[name] = Threshold.parse(value).text
    return found


def _tolerances(given: dict[str, str], metrics: Any, kept: dict[str, str] | None = None) -> dict[str, Any]:
    """The tolerance of every rate and metric: what is given, else what is kept, else the default."""
    from rawbench.errors import UsageError, suggest
    from rawbench.judge.reference import default_tolerances, parse_tolerances

    known = default_tolerances(metrics) | (kept or {})
    for name in given:
        if name not in known:
            raise UsageError(f"--tolerance: no rate or metric {name!r}{suggest(name, known)}")
    return parse_tolerances(known | given, metrics)


def _write(file: Path, results: Any, config: Any, given: dict[str, str], kept: dict[str, str] | None = None) -> None:
    from rawbench.judge.reference import make_reference, write_reference

    made = make_reference(results, config, _tolerances(given, results.metrics, kept))
    write_reference(made, file)
    click.echo(f"{file}: {len(made.run.rows)} cells, {file.stat().st_size / 1024:.0f} KiB")
