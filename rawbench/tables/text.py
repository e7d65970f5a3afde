"""Tables as Markdown, LaTeX and CSV: whatever a name holds, it stays a name."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence

from rawbench.results.plain import flat, safe_cell
from rawbench.tables.terminal import TEXT_COLUMNS

_MARKDOWN = {character: f"\\{character}" for character in "\\|`*~$[]"} | {"<": "&lt;", "&": "&amp;"}
_LATEX = {character: rf"\{character}" for character in "_%&#${}"} | {
    "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
}  # fmt: skip
_IN_MARKDOWN, _IN_LATEX = str.maketrans(_MARKDOWN), str.maketrans(_LATEX)


def markdown_text(text: str) -> str:
    """Text as Markdown shows it: no markup, HTML, table or line of its own.

    >>> markdown_text("a|b <!-- x -->")
    'a\\\\|b &lt;!-- x -->'
    """
    return flat(text).translate(_IN_MARKDOWN)


def latex_text(text: str) -> str:
    r"""Text as LaTeX sets it: no command, group or comment.

    >>> latex_text(r"50 % $\input{x}$")
    '50 \\% \\$\\textbackslash{}input\\{x\\}\\$'
    """
    return flat(text).translate(_IN_LATEX)


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A GitHub table."""
    rule = ["---" if title in TEXT_COLUMNS else "---:" for title in head]
    rows = [[markdown_text(cell) for cell in row] for row in (head, *body)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]])


def latex(
    head: Sequence[str],
    body: Sequence[Sequence[str]],
    under: Sequence[Sequence[str]] = (),
    bold: Collection[tuple[int, int]] = (),
) -> str:
    """A booktabs tabular; rows under its body are set apart by a rule, cells of (row, column) in ``bold`` stand out."""
    columns = "".join("l" if title in TEXT_COLUMNS else "r" for title in head)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _latex_row(head)]
    lines += [r"\midrule", *(_latex_row(row, [c for r, c in bold if r == n]) for n, row in enumerate(body))]
    lines += [r"\midrule", *map(_latex_row, under)] if under else []
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _latex_row(row: Sequence[str], bold: Collection[int] = ()) -> str:
    cells = [rf"\textbf{{{latex_text(cell)}}}" if n in bold else latex_text(cell) for n, cell in enumerate(row)]
    return " & ".join(cells) + r" \\"


def latex_comment(line: str) -> str:
    """A line that LaTeX leaves out, whatever it holds."""
    return f"% {flat(line)}"


def as_csv(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Comma-separated values with a heading line; no cell is a formula to a spreadsheet."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([[safe_cell(cell) for cell in row] for row in (head, *body)])
    return buffer.getvalue().rstrip("\n")
