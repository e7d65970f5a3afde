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
  rawbench leaderboard --picture results/rd.svg
  rawbench leaderboard --html leaderboard.html --anchor poly
"""
)
@click.argument("folder", type=click.Path(path_type=Path), default=Path("results/measured"))
@click.option("--add", type=click.Path(path_type=Path), metavar="RUN",
              help="First write this run into FOLDER, as the small JSON that is committed.")  # fmt: skip
@click.option("--name", metavar="NAME", help="With --add: the file's name.  [default: the run folder's]")
@click.option("--keep-others", is_flag=True,
              help="With --add: the file keeps its rows of methods that RUN does not have.")  # fmt: skip
@click.option("--readme", type=click.Path(path_type=Path), metavar="FILE.md",
              help="Put the table between the file's results markers.")  # fmt: skip
@click.option("--picture", type=click.Path(path_type=Path), metavar="FILE.svg",
              help="Draw the rate-distortion curves of the run with the most methods.")  # fmt: skip
@click.option("--check", is_flag=True,
              help="With --readme and --picture: change nothing; exit code 1 where one is stale.")  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE.html", help="Write a page.")
@click.option("--anchor", metavar="METHOD", help="What BD-rates are against.  [default: chosen]")
def leaderboard(
    folder: Path,
    add: Path | None,
    name: str | None,
    keep_others: bool,
    readme: Path | None,
    picture: Path | None,
    check: bool,
    html: Path | None,
    anchor: str | None,
) -> None:
    """Print the table of all runs that are committed in FOLDER, a row for each method, as Markdown."""
    from rawbench.files import write_atomically
    from rawbench.judge import leaderboard as boards

    if add is not None:
        click.echo(_add(folder, add, name, keep_others))
    found = boards.make_boards(boards.read_runs(folder))
    boards.check_anchor(found, anchor)
    stale = [_draw(picture, folder, check)] if picture is not None else []
    stale += [_update(readme, folder, check, anchor)] if readme is not None else []
    if html is not None:
        from rawbench.report.board import board_page

        write_atomically(html, board_page(found, anchor).encode())
        click.echo(f"{html}: {html.stat().st_size / 1e6:.2f} MB")
    if not (add or readme or html or picture):
        click.echo(boards.markdown_boards(found, anchor=anchor) or f"{folder} holds no run; add one with --add RUN")
    raise click.exceptions.Exit(STALE if check and any(stale) else 0)


def _add(folder: Path, run: Path, name: str | None, keep_others: bool) -> Path:
    from rawbench.errors import RawbenchError
    from rawbench.results.committed import write_run
    from rawbench.results.replacing import with_methods_of
    from rawbench.results.run import read_run

    results = read_run(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RawbenchError(f"cannot write {folder}: {error.strerror}") from None
    path = folder / f"{name or results.name}.json"
    if keep_others and path.exists():
        results = with_methods_of(read_run(path), results)
    write_run(results, path)
    return path


def _update(readme: Path, folder: Path, check: bool, anchor: str | None) -> bool:
    """Renew the table of a README, or only look; returns whether it was stale."""
    from rawbench.files import write_atomically
    from rawbench.judge.leaderboard import readme_with_results

    text = readme_with_results(readme, folder, anchor)
    stale = text != readme.read_text()
    if stale and not check:
        write_atomically(readme, text.encode())
    click.echo(_state(readme, "its table", stale, check, f"--readme {readme}"))
    return stale


def _draw(picture: Path, folder: Path, check: bool) -> bool:
    """Renew the picture, or only look; returns whether it was stale."""
    from rawbench.files import write_atomically
    from rawbench.judge.leaderboard import read_runs
    from rawbench.report.chart_files import picture_digest, rd_picture

    run = max(read_runs(folder), key=lambda run: len(run.methods), default=None)
    if run is None:
        raise click.UsageError(f"{folder} holds no run to draw")
    stale = not picture.is_file() or f"<!-- rawbench {picture_digest(run)} -->" not in picture.read_text("utf-8")
    if stale and not check:
        write_atomically(picture, rd_picture(run).encode())
    click.echo(_state(picture, "the picture", stale, check, f"--picture {picture}"))
    return stale


def _state(file: Path, what: str, stale: bool, check: bool, option: str) -> str:
    if not check:
        return f"{file}: {'renewed' if stale else 'was up to date'}"
    return f"{file}: {what} is " + (f"stale; renew it with: rawbench leaderboard {option}" if stale else "up to date")
