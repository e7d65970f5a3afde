"""``rawbench leaderboard``."""

from __future__ import annotations

from pathlib import Path

import click

STALE = 1


@click.command(
    epilog="""\b
Examples:
  rawbench leaderboard
  rawbench leaderboard --add rawbench-runs/sample-1a2b3c4d --name sample
  rawbench leaderboard --readme README.md
  rawbench leaderboard --readme README.md --check
  rawbench leaderboard --html leaderboard.html
"""
)
@click.argument("folder", type=click.Path(path_type=Path), default=Path("results/measured"))
@click.option("--add", type=click.Path(path_type=Path), metavar="RUN",
              help="First write this run into FOLDER, as the small JSON that is committed.")  # fmt: skip
@click.option("--name", metavar="NAME", help="With --add: the file's name.  [default: the run folder's]")
@click.option("--readme", type=click.Path(path_type=Path), metavar="FILE.md",
              help="Put the table between the file's results markers.")  # fmt: skip
@click.option("--check", is_flag=True, help="With --readme: change nothing; exit code 1 where its table is stale.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE.html", help="Write a page.")
def leaderboard(
    folder: Path, add: Path | None, name: str | None, readme: Path | None, check: bool, html: Path | None
) -> None:
    """Print the table of all runs that are committed in FOLDER, a row for each method, as Markdown."""
    from rawbench.files import write_atomically
    from rawbench.judge import leaderboard as boards

    if add is not None:
        click.echo(_add(folder, add, name))
    if readme is not None:
        _update(readme, folder, check)
    if html is not None:
        from rawbench.report.board import board_page

        write_atomically(html, board_page(boards.make_boards(boards.read_runs(folder))).encode())
        click.echo(html)
    if not (add or readme or html):
        found = boards.make_boards(boards.read_runs(folder))
        click.echo(boards.markdown_boards(found) or f"{folder} holds no run; add one with --add RUN")


def _add(folder: Path, run: Path, name: str | None) -> Path:
    from rawbench.errors import RawbenchError
    from rawbench.results.committed import write_run
    from rawbench.results.run import read_run

    found = read_run(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RawbenchError(f"cannot write {folder}: {error.strerror}") from None
    path = folder / f"{name or found.name}.json"
    write_run(found, path)
    return path


def _update(readme: Path, folder: Path, check: bool) -> None:
    from rawbench.files import write_atomically
    from rawbench.judge.leaderboard import readme_with_results

    text = readme_with_results(readme, folder)
    stale = text != readme.read_text()
    if check:
        state = f"stale; renew it with: rawbench leaderboard --readme {readme}" if stale else "up to date"
        click.echo(f"{readme}: its table is {state}")
        raise click.exceptions.Exit(STALE if stale else 0)
    if stale:
        write_atomically(readme, text.encode())
    click.echo(f"{readme}: {'renewed' if stale else 'was up to date'}")
