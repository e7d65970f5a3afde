"""Tables in a terminal: in blocks no wider than it, and plain text as wide as it gets elsewhere.

No number is ever cut or broken: what does not fit beside the names stands in a block below. Where even one column does
not fit, the block is wider than the terminal.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rawbench.results.costs import COSTS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

TEXT_COLUMNS = ("dataset", "camera", "method", "rate point", "sRGB", "note", "check", "verdict", "where", "finding")
NAMES = ("dataset", "camera", "method", "rate point")
SECTIONS = ("dataset", "camera")
GAP = 2
PLAIN_WIDTH = 10_000  # where there is no terminal
Rows = Sequence[Sequence[str]]


class Part(NamedTuple):
    """What is printed as one table: headings, rows, and rows that stand apart below them."""

    head: Sequence[str]
    body: Rows
    under: Rows = ()


def print_cells(head: Sequence[str], body: Rows, under: Rows, below: Sequence[str]) -> None:
    """Print rows, then the rows that are of no method, then lines of notes.

    An empty line parts methods, where any has several rows. Datasets and cameras have tables of their own. Where a
    terminal is narrower than a table, its costs stand in a second one.
    """
    console, columns = make_console()
    for title, part in sections(Part(head, body, under)):
        print_part(part, console, title)
    for line in below:
        console.print(printable(line), style="dim", soft_wrap=not columns, markup=False)


def make_console() -> tuple[Console, int]:
    """A console, and how wide its terminal is: 0 where there is none."""
    from rich.console import Console

    columns = shutil.get_terminal_size((0, 0)).columns
    return Console(highlight=False, width=columns or PLAIN_WIDTH), columns


def print_part(part: Part, console: Console, title: str = "") -> None:
    """Print one table under its title, in as many blocks as it needs."""
    if title:
        console.print(f"\n{printable(title)}\n", style="bold", markup=False, soft_wrap=True)
    width = console.width
    for block in blocks(part, width):
        console.width = max(width, sum(_widths(block)))
        console.print(_rich_table(block), soft_wrap=True)
        console.print()
    console.width = width


def printable(text: str) -> str:
    """Text without what a terminal would obey.

    >>> printable("a\\x1b[2Jb")
    'a?[2Jb'
    """
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def sections(table: Part) -> Iterator[tuple[str, Part]]:
    """Title and table of each dataset and camera, where there are several."""
    count = next(number for number, title in enumerate(table.head) if title not in SECTIONS)
    for place in dict.fromkeys(tuple(row[:count]) for row in (*table.body, *table.under)):
        body, under = ([r[count:] for r in rows if tuple(r[:count]) == place] for rows in (table.body, table.under))
        yield ", ".join(place), Part(table.head[count:], body, under)


def blocks(table: Part, width: int) -> list[Part]:
    """The table, or where it is wider than this: several with the same names, figures first and costs last."""
    widths = dict(zip(table.head, _widths(table), strict=True))
    if sum(widths.values()) - GAP <= width:
        return [table]
    names = [title for title in table.head if title in NAMES]
    groups: list[list[str]] = []
    for costs in (False, True):
        taken = width + 1  # a block of their own for costs
        for title in (t for t in table.head if t not in NAMES and (t in COSTS) == costs):
            if taken + widths[title] - GAP > width:
                groups.append([])
                taken = sum(widths[name] for name in names)
            groups[-1].append(title)
            taken += widths[title]
    return [_columns(table, names, titles) for titles in groups] or [table]


def _widths(table: Part) -> list[int]:
    from rich.cells import cell_len

    columns = zip(table.head, *table.body, *table.under, strict=True)
    return [max(cell_len(printable(cell)) for cell in column) + GAP for column in columns]


def _columns(table: Part, names: Sequence[str], titles: Sequence[str]) -> Part:
    """Some columns; rows under the body that have nothing in them are left out."""
    chosen = [title for title in table.head if title in names or title in titles]
    places = [table.head.index(title) for title in chosen]
    shown = [table.head.index(title) for title in titles]
    under = [row for row in table.under if any(row[place] for place in shown)]
    body, below = ([[row[place] for place in places] for row in rows] for rows in (table.body, under))
    return Part(chosen, body, below)


def _rich_table(part: Part) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for title in part.head:
        table.add_column(Text(title), justify="left" if title in TEXT_COLUMNS else "right", no_wrap=True)
    previous = None
    method_column = part.head.index("method") if "method" in part.head else 0
    methods = [row[method_column] for row in part.body]
    apart = len(set(methods)) < len(methods)  # where each has a row alone, no line between them says anything
    for row in part.body:
        if apart and previous not in (None, row[method_column]):
            table.add_row()
        previous = row[method_column]
        table.add_row(*(Text(printable(cell)) for cell in row))
    for place, row in enumerate(part.under):
        if place == 0:
            table.add_row()
        table.add_row(*(Text(printable(cell)) for cell in row), style="dim")
    return table
