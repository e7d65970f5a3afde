"""The leaderboard as a page of its own."""

from __future__ import annotations

from collections.abc import Sequence

from rawbench.judge.leaderboard import Board, board_notes, board_table
from rawbench.report.page import environment, full_tables


def board_page(boards: Sequence[Board], anchor: str | None = None) -> str:
    """One HTML page with a table for each board, and every rate point below it.

    Raises:
        UsageError: Jinja2 is not installed.
    """
    shown = []
    for board in boards:
        runs = {entry.run.name: entry.run for entry in board.entries}
        full = [
            (name, head, body)
            for name, run in sorted(runs.items())
            for title, head, body in full_tables(run, ["psnr"])
            if title in ("", board.dataset)
        ]
        shown.append((board.dataset, *board_table(board, anchor), board_notes(board), full))
    return environment().get_template("board.html.j2").render(boards=shown)
