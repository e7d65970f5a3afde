"""``rawbench table``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rawbench.cli.arguments import PublishedCommand, published_option, run_argument, split_commas
from rawbench.errors import UsageError

if TYPE_CHECKING:
    from rawbench.results.run import Run


@click.command(
    cls=PublishedCommand,
    epilog="""\b
Examples:
  rawbench table rawbench-runs/sample-1a2b3c4d
  rawbench table RUN --metrics psnr,psnr_pooled,ssim --markdown
  rawbench table RUN --camera "Sony SLT-A57" --csv > sony.csv
  rawbench table RUN --published mine.csv
  rawbench table RUN --summary --latex --anchor poly --label poly=Polynomial
""",
)
@run_argument
@click.option("--metrics", multiple=True, callback=split_commas, metavar="NAME,...", help="[default: psnr,ssim]")
@click.option("--camera", metavar="NAME", help="Only images of this camera.")
@click.option("--by-camera", is_flag=True, help="A row for each camera, and their macro-average.")
@click.option("--markdown", "form", flag_value="markdown", help="As a Markdown table.")
@click.option("--csv", "form", flag_value="csv", help="As comma-separated values.")
@click.option("--latex", "form", flag_value="latex", help="As a LaTeX booktabs tabular.")
@published_option
@click.option("--summary", is_flag=True,
              help="A row a method, as papers print it: PSNR at budgets, BD-rate, speed, parameters.")  # fmt: skip
@click.option("--anchor", metavar="METHOD", help="With --summary: what BD-rates are against.  [default: chosen]")
@click.option("--label", "labels", multiple=True, metavar="METHOD=TEXT",
              help="With --summary: what a method is called. Repeatable.")  # fmt: skip
def table(
    run: Path,
    metrics: tuple[str, ...],
    camera: str | None,
    by_camera: bool,
    form: str | None,
    published: tuple[str, ...],
    summary: bool,
    anchor: str | None,
    labels: tuple[str, ...],
) -> None:
    """Print a run's rate-distortion table: one row a method and rate point, averaged over images.

    RUN is a run folder, its database, or the JSON of a committed run or reference; the last run made here, unless
    named.

    Under the methods stands the ceiling of the images: what the best mapping of the sRGB alone would give. CSV holds
    the methods' rows alone.
    """
    from rawbench.results.comparable import check_word, on_shared_images
    from rawbench.results.costs import costs_of_points
    from rawbench.results.run import read_run
    from rawbench.tables import run_table as tables
    from rawbench.tables import text
    from rawbench.tables.published import published_cells, published_notes

    _check_options(form, bool(published), summary, bool(anchor or labels))
    found = read_run(run, facts=())
    reported: Any = (*published_cells(published), [], published_notes(published)) if published else None
    if summary:
        _print_summary(_of_camera(found, camera), form, anchor, labels)
        return
    chosen = tables.shown_metrics(found, metrics)
    shown, lines = on_shared_images(_of_camera(found, camera))
    head, body = tables.table_cells(tables.summarise(shown, by_camera), chosen, costs_of_points(found))
    if form == "csv":
        words = [check_word(found, row[head.index("method")]) for row in body]
        click.echo(text.as_csv([*head, "check"], [[*row, word] for row, word in zip(body, words, strict=True)]))
        click.echo("\n".join(lines), err=True, nl=bool(lines))
        return
    under = tables.ceiling_cells(head, tables.summarise_ceilings(shown, by_camera), chosen)
    _print(form, head, body, under, [*tables.notes(shown), *lines])
    if reported:
        click.echo()
        _print(form, *reported)


def _check_options(form: str | None, published: bool, summary: bool, of_summary: bool) -> None:
    from rawbench.tables.published import published_file

    if published and form == "csv":
        raise UsageError(f"published rows are no part of a CSV of measured ones; they are in {published_file()}")
    if of_summary and not summary:
        raise UsageError("--anchor and --label belong to --summary")
    if published and summary:
        raise UsageError("--published has rows of rate points; --summary has a row a method")


def _print_summary(run: Run, form: str | None, anchor: str | None, labels: tuple[str, ...]) -> None:
    from rawbench.judge.leaderboard import best_cells, board_notes, board_table, check_anchor, make_boards
    from rawbench.tables import text

    boards = make_boards([run])
    check_anchor(boards, anchor)
    called = dict(_label(given, run) for given in labels)
    for board in boards:
        head, body, reasons = board_table(board, anchor)
        best = best_cells(head, body)
        named = [[called.get(row[0], row[0]), *row[1:]] for row in body]
        below = [f"{board.dataset}: {run.name}", *reasons, *board_notes(board)]
        if form == "csv":
            click.echo(text.as_csv(head, named))
        elif form == "latex":
            click.echo(text.latex(head, named, bold=best))
            click.echo("\n".join(map(text.latex_comment, below)))
        else:
            _print(form, head, named, [], below)


def _label(given: str, run: Run) -> tuple[str, str]:
    from rawbench.errors import suggest

    for method in run.methods:
        if given.startswith(f"{method}="):
            return method, given.removeprefix(f"{method}=")
    raise UsageError(f"--label {given}: the form is METHOD=TEXT{suggest(given.split('=')[0], run.methods)}")


def _print(form: str | None, head: list[str], body: list[list[str]], under: list[list[str]], below: list[str]) -> None:
    from rawbench.tables import terminal, text

    if form is None:
        terminal.print_cells(head, body, under, below)
    elif form == "latex":
        click.echo(text.latex(head, body, under))
        click.echo("\n".join(map(text.latex_comment, below)))
    else:
        click.echo(text.markdown(head, [*body, *under]))
        click.echo("\n" + "  \n".join(map(text.markdown_text, below)))


def _of_camera(run: Run, camera: str | None) -> Run:
    from rawbench.errors import suggest

    cameras = {image.camera for image in run.images.values()}
    if camera is not None and camera not in cameras:
        raise UsageError(f"the run has no camera {camera!r}{suggest(camera, cameras)}")
    return run if camera is None else run.of_camera(camera)
