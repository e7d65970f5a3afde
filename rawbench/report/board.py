"""The leaderboard as a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rawbench.judge.leaderboard import METRIC, Board, best_cells, board_notes, board_table, titles_of
from rawbench.report.axes import method_colours, method_scales
from rawbench.report.chart_data import chart_data
from rawbench.report.charts import Chart, board_chart, zoomable
from rawbench.report.page import FullTable, chart_library, environment, full_tables, script_json
from rawbench.results.run import Run


@dataclass(frozen=True)
class _Shown:
    """A board as the page shows it: its table, chart, notes, and what the page filters by."""

    label: str
    dataset: str
    renditions: tuple[str, ...]
    dates: tuple[str, ...]
    head: list[str]
    body: list[list[str]]
    best: set[tuple[int, int]]
    lines: list[str]
    chart: Chart
    full: list[tuple[str, FullTable]]


def board_page(boards: Sequence[Board], anchor: str | None = None) -> str:
    """One HTML page with a table and a chart for each board, and every rate point below it.

    Raises:
        UsageError: what the report needs is not installed.
    """
    titles = list(dict.fromkeys(title for board in boards for title in titles_of(board)))
    sets = [_chart_data(board) for board in boards]
    shown = [_shown(board, place, titles, sets[place], anchor) for place, board in enumerate(boards)]
    data = {
        "charts": {one.chart.name: {"spec": zoomable(one.chart), "uses": [one.chart.name]} for one in shown},
        "sets": {one.chart.name: found for one, found in zip(shown, sets, strict=True)},
    }
    return environment().get_template("board.html.j2").render(
        boards=shown,
        colours=method_colours(titles),
        titles=[titles_of(board) for board in boards],
        datasets=sorted({one.dataset for one in shown}),
        renditions=sorted({rendition for one in shown for rendition in one.renditions}),
        library=chart_library() if shown else "",
        page_data=script_json(data),
    )  # fmt: skip


def _shown(board: Board, place: int, titles: Sequence[str], data: list[Any], anchor: str | None) -> _Shown:
    head, body, reasons = board_table(board, anchor)
    runs = {entry.run.name: entry.run for entry in board.entries}
    named = next(iter(runs.values())).datasets[board.dataset].name
    renditions = tuple(sorted({facts.rendition for facts in board.images.values()}))
    dates = tuple(f"{name}: measured {_date(run)}" for name, run in sorted(runs.items()) if _date(run))
    full = [
        (name, one)
        for name, run in sorted(runs.items())
        for one in full_tables(run, [METRIC])
        if one.title in ("", board.dataset)
    ]
    chart = board_chart(f"board-{place}", METRIC, method_scales(titles), data)
    lines = [*reasons, *board_notes(board)]
    return _Shown(board.dataset, named, renditions, dates, head, body, best_cells(head, body), lines, chart, full)


def _date(run: Run) -> str:
    return run.meta.last_run[:10]


def _chart_data(board: Board) -> list[dict[str, Any]]:
    """The mean points of all entries, by the titles that the table gives them."""
    found = []
    for title, entry in zip(titles_of(board), board.entries, strict=True):
        means = chart_data(entry.run, [METRIC], {})["means"]
        found += [{**r, "method": title} for r in means if (r["dataset"], r["method"]) == entry.place]
    return found
