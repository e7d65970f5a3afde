"""``rawbench check``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from rawbench.cli.arguments import Device, split_commas
from rawbench.cli.catalogue import catalogue_of
from rawbench.errors import RawbenchError

CHECK_FAILED = 4
MARKS = {"pass": "pass", "fail": "FAIL", "opted out": "opted out", "not judged": "not judged"}
COLOURS = {"pass": "green", "fail": "red", "opted out": "yellow", "not judged": "yellow"}


@click.command(
    epilog="""\b
Examples:
  rawbench check uniform
  rawbench check mine:step=4 --plugin my_method.py
  rawbench check learned --device cuda --only fresh_process,same_everywhere
  rawbench check uniform --write-golden
"""
)
@click.argument("method", metavar="METHOD[:OPTION=VALUE]...")
@click.option("--device", type=Device(auto=False), default="cpu", show_default=True,
              help="Where to compute.")  # fmt: skip
@click.option("--only", multiple=True, callback=split_commas, metavar="CHECK,...", help="Only these checks.")
@click.option("--golden", type=click.Path(path_type=Path), metavar="DIR",
              help="Golden streams, in a folder for each method. [default: results/golden here, or rawbench's own]"
              )  # fmt: skip
@click.option("--write-golden", is_flag=True,
              help="Write the golden streams of the method's format version, if it passes what they need.")  # fmt: skip
@click.option("--replace", is_flag=True, help="With --write-golden: overwrite those of an unreleased version.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="FILE",
              help="Where to keep what came of it, for tables and reports; not with --only. "
              "[default: $RAWBENCH_CHECKED, or rawbench/checked.json in the user's state folder]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def check(
    method: str,
    device: str,
    only: tuple[str, ...],
    golden: Path | None,
    write_golden: bool,
    replace: bool,
    keep: Path | None,
    as_json: bool,
) -> None:
    """Hold a method to the contract: a line for each check, and exit code 4 when one fails.

    The method runs in processes of its own, under limits of time and memory. A check that the method opts out of
    is told with its reason. What came of all checks is kept by the digest of the method's code, options and weights:
    tables say by it whether a method passed.
    """
    from rawbench.run.device import resolve_device
    from rawbench.testing.checks import examine
    from rawbench.testing.golden import write_golden as write
    from rawbench.testing.golden_files import golden_folder

    catalogue, device = catalogue_of(), resolve_device(device)
    if write_golden:
        for path in write(method, golden or Path("results/golden"), catalogue, device, replace):
            click.echo(path)
        return
    golden = golden or golden_folder(method, Path())
    results, evidence = examine(method, catalogue, device, only, golden, progress=None if as_json else _tell)
    if not only:
        _keep(method, results, evidence, keep)
    tell_results(method, results, as_json)


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"... {what}", err=True)


def _keep(method: str, results: list[Any], evidence: Any, path: Path | None) -> None:
    from rawbench.results.checked import keep_checked, user_file
    from rawbench.testing.outcome import outcome_of

    kept = outcome_of(method, catalogue_of(), results, evidence)
    if kept is None:
        return
    try:
        keep_checked(path or user_file(), dict([kept]))
    except RawbenchError as error:
        if path is not None:
            raise
        click.echo(f"rawbench: warning: what came of the checks is not kept: {error}", err=True)


def tell_results(title: str, results: list[Any], as_json: bool) -> None:
    """Print what came of the checks, and end with the exit code for one that failed."""
    if as_json:
        click.echo(json.dumps([asdict(result) for result in results], indent=2))
    else:
        _print(title, results)
    if any(result.status == "fail" for result in results):
        raise click.exceptions.Exit(CHECK_FAILED)


def _print(title: str, results: list[Any]) -> None:
    """A line for each check, and a line that counts them."""
    width = max(len(result.name) for result in results)
    for result in results:
        mark = click.style(f"{MARKS[result.status]:<10}", fg=COLOURS[result.status])
        click.echo(f"{mark}  {result.name:<{width}}  {result.sentence}")
    counts = {status: sum(result.status == status for result in results) for status in MARKS}
    click.echo(f"{title}: " + ", ".join(f"{count} {status}" for status, count in counts.items() if count))
