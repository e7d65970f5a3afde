"""``rawbench compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rawbench.cli.arguments import write_step_summary

if TYPE_CHECKING:
    from rawbench.judge.compare import Comparison


@click.command(
    epilog="""\b
Examples:
  rawbench compare rawbench-runs/before rawbench-runs/after
  rawbench compare results/measured/sample.json RUN --markdown > comment.md
  rawbench compare RUN RUN --pair poly=residual
"""
)
@click.argument("a", required=False, type=click.Path(path_type=Path))
@click.argument("b", required=False, type=click.Path(path_type=Path))
@click.option("--metric", default="psnr", show_default=True, help="The quality to compare, beside bytes.")
@click.option("--pair", "pairs", multiple=True, metavar="METHOD=METHOD",
              help="Compare the curve of a method of A with that of another method of B. Repeatable.")  # fmt: skip
@click.option("--markdown", is_flag=True, help="As Markdown for a pull request.")
def compare(a: Path | None, b: Path | None, metric: str, pairs: tuple[str, ...], markdown: bool) -> None:
    """Put two runs side by side, paired by image: what is better, worse and missing in B.

    A and B are run folders, their databases, or JSON files of committed runs or references. Without B, it is the last
    run made here; without both, A is the one before it.
    In GitHub Actions the Markdown is added to the job's summary too.
    """
    from rawbench.judge.compare import compare_results
    from rawbench.judge.compare_text import markdown_comment
    from rawbench.results.run import read_run

    a, b = _both(a, b)
    comparison = compare_results(
        read_run(a, facts=()), read_run(b, facts=()), metric, dict(_pair(text) for text in pairs)
    )
    write_step_summary(markdown_comment(comparison))
    if markdown:
        click.echo(markdown_comment(comparison))
    else:
        _print(comparison)


def _both(a: Path | None, b: Path | None) -> tuple[Path, Path]:
    """The runs that are named, and for those that are not the last ones made here."""
    if a is not None and b is not None:
        return a, b
    from rawbench.results.latest import last_runs

    before, after = (a, *last_runs(1)) if a is not None else last_runs(2)
    click.echo(f"runs: {before}, {after}", err=True)
    return before, after


def _pair(text: str) -> tuple[str, str]:
    """``poly=residual``; methods with options hold ``=`` themselves, so that the middle one separates."""
    from rawbench.errors import UsageError

    parts = text.split("=")
    if len(parts) % 2:
        raise UsageError(f"--pair {text}: the form is METHOD=METHOD")
    middle = len(parts) // 2
    return "=".join(parts[:middle]), "=".join(parts[middle:])


def _print(comparison: Comparison) -> None:
    from rawbench.judge.compare_text import reasons, sum_up, tables
    from rawbench.tables.terminal import Part, make_console, print_part, printable

    console, _ = make_console()
    console.print(sum_up(comparison), style="bold", markup=False, soft_wrap=True)
    for title, head, body in tables(comparison):
        print_part(Part(head, body), console, title)
    for line in comparison.missing:
        console.print(f"missing: {printable(line)}", style="red", markup=False, soft_wrap=True)
    for line in [*reasons(comparison), *comparison.notes]:
        console.print(printable(line), style="dim", markup=False, soft_wrap=True)
