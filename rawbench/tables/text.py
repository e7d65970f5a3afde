"""Tables as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from rawbench.tables.terminal import TEXT_COLUMNS


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A GitHub table."""
    rule = ["---" if title in TEXT_COLUMNS else "---:" for title in head]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *body])


def latex(head: Sequence[str], body: Sequence[Sequence[str]], under: Sequence[Sequence[str]] = ()) -> str:
    """A booktabs tabular; rows under its body are set apart by a rule."""
    columns = "".join("l" if title in TEXT_COLUMNS else "r" for title in head)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _latex_row(head)]
    for part in (body, under):
        lines += [r"\midrule", *map(_latex_row, part)] if part else []
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _latex_row(row: Sequence[str]) -> str:
    special = str.maketrans({character: rf"\{character}" for character in "_%&#"})
    return " & ".join(cell.translate(special) for cell in row) + r" \\"


def as_csv(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Comma-separated values with a heading line."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([head, *body])
    return buffer.getvalue().rstrip("\n")
