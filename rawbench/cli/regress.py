"""``rawbench regress``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rawbench.cli.arguments import run_folder, write_step_summary
from rawbench.cli.catalogue import catalogue_of


@click.command(
    epilog="""\b
Examples:
  rawbench regress results/reference/sample.json
  rawbench regress results/reference/sample.json --subset method=poly,residual --subset image=sony*
  rawbench regress REFERENCE --junit regress.xml --github
  rawbench regress REFERENCE --run rawbench-runs/sample-1a2b3c4d
"""
)
@click.argument("reference", type=click.Path(path_type=Path))
@click.option("--subset", "subsets", multiple=True, metavar="KIND=NAME,...",
              help="Only these: method, rate_point, dataset or image; * in a name matches anything.")  # fmt: skip
@click.option("--run", "run", type=click.Path(path_type=Path), metavar="RUN", help="Judge a run that was made before.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Keep the run there.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")
@click.option("--junit", "junit_file", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML.")
@click.option("--github", is_flag=True, help="Print annotations for GitHub Actions.")
@click.option("--markdown", is_flag=True, help="As Markdown for a pull request.")
def regress(
    reference: Path,
    subsets: tuple[str, ...],
    run: Path | None,
    out: Path | None,
    jobs: int,
    junit_file: Path | None,
    github: bool,
    markdown: bool,
) -> None:
    """Run what REFERENCE names and hold it to its numbers, within its tolerances.

    The worst comes first. In GitHub Actions the Markdown is added to the job's summary too.

    \b
    Exit codes: 0 as good or better, 1 worse (regression), 2 usage, 3 not comparable (a missing cell, other
    images, another metric version or schema, nothing measured), 4 a method failed. The worst one wins.
    """
    from rawbench.files import write_atomically
    from rawbench.judge import annotations, gate
    from rawbench.judge.reference import read_reference

    wanted = read_reference(reference)
    subset = gate.Subset.parse(subsets)
    verdicts = _judge(wanted, subset, run, out, jobs)
    if junit_file:
        write_atomically(junit_file, annotations.junit(verdicts))
    for line in annotations.github_annotations(verdicts, str(reference)) if github else ():
        click.echo(line)
    summary = gate.markdown_summary(verdicts, reference.name)
    write_step_summary(summary)
    click.echo(summary if markdown else "\n".join(gate.report_lines(verdicts)))
    if advice := gate.update_advice(verdicts, reference):
        click.echo(advice)
    raise click.exceptions.Exit(gate.exit_code(verdicts))


def _judge(wanted: Any, subset: Any, run: Path | None, out: Path | None, jobs: int) -> list[Any]:
    from rawbench.cli.progress import make_progress
    from rawbench.judge import gate
    from rawbench.results.run import read_run
    from rawbench.run.device import resolve_device

    if run is not None:
        return gate.judge_run(wanted, read_run(run), subset)
    catalogue = catalogue_of()
    plan = gate.plan_reference(wanted, catalogue, resolve_device(wanted.config.device))
    with run_folder(out) as folder, make_progress() as progress:
        return gate.run_reference(wanted, plan, catalogue, folder, progress, subset, jobs)
