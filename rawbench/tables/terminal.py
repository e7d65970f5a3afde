"""Tables in a terminal: as wide as it is, and plain text as wide as it gets elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rawbench.results.costs import COSTS

if TYPE_CHECKING:
    from rich.table import Table

TEXT_COLUMNS = ("dataset", "camera", "method", "rate point", "sRGB", "note")
SECTIONS = ("dataset", "camera")
GAP = 2
Rows = Sequence[Sequence[str]]


class Part(NamedTuple):
    """What is printed as one table: headings, rows, and rows that stand apart below them."""

    head: Sequence[str]
    body: Rows
    under: Rows


def print_cells(head: Sequence[str], body: Rows, under: Rows, below: Sequence[str]) -> None:
    """Print rows, an empty line between methods, then the rows that are of no method, then lines of notes.

    Datasets and cameras have tables of their own. Where a terminal is narrower than a table, its costs stand in a
    second one.
    """
    from rich.console import Console

    columns = shutil.get_terminal_size((0, 0)).columns
    console = Console(highlight=False, width=columns or 200)
    for title, part in sections(Part(head, body, under)):
        if title:
            console.print(f"\n{title}\n", style="bold", markup=False, soft_wrap=True)
        for piece in _pieces(part, console.width):
            console.print(_rich_table(piece), soft_wrap=True)
            console.print()
    for line in below:
        console.print(line, style="dim", soft_wrap=not columns, markup=False)


def sections(table: Part) -> Iterator[tuple[str, Part]]:
    """Title and table of each dataset and camera, where there are several."""
    count = next(number for number, title in enumerate(table.head) if title not in SECTIONS)
    for place in dict.fromkeys(tuple(row[:count]) for row in (*table.body, *table.under)):
        body, under = ([r[count:] for r in rows if tuple(r[:count]) == place] for rows in (table.body, table.under))
        yield ", ".join(place), Part(table.head[count:], body, under)


def _pieces(table: Part, width: int) -> list[Part]:
    """The table, or one without costs and one of them, where it is wider than the terminal."""
    widths = [max(map(len, column)) for column in zip(table.head, *table.body, *table.under, strict=True)]
    costs = [title for title in table.head if title in COSTS]
    if not costs or sum(widths) + GAP * (len(widths) - 1) <= width:
        return [table]
    rest = [title for title in table.head if title not in COSTS]
    names = [title for title in rest if title in TEXT_COLUMNS]
    return [_columns(table, rest), _columns(table, [*names, *costs])._replace(under=[])]


def _columns(table: Part, titles: Sequence[str]) -> Part:
    places = [table.head.index(title) for title in titles]
    body, under = ([[row[place] for place in places] for row in rows] for rows in (table.body, table.under))
    return Part(titles, body, under)


def _rich_table(part: Part) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for title in part.head:
        table.add_column(title, justify="left" if title in TEXT_COLUMNS else "right", no_wrap=True)
    previous = None
    method_column = part.head.index("method")
    for row in part.body:
        if previous not in (None, row[method_column]):
            table.add_row()
        previous = row[method_column]
        table.add_row(*row)
    for place, row in enumerate(part.under):
        if place == 0:
            table.add_row()
        table.add_row(*row, style="dim")
    return table
