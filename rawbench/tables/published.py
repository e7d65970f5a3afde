"""What papers report: numbers not measured here, with their protocols, to stand under a table and never in it.

``results/published.csv`` holds them. Its columns: method, source, protocol, dataset, camera, rendition, bpp, psnr_db,
note (``verify before quoting`` where it was not read in the source itself).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from rawbench.errors import UsageError
from rawbench.files import shipped

COLUMNS = ("method", "source", "protocol", "dataset", "camera", "rendition", "bpp", "psnr_db", "note")
# Titles of a printed table, with the columns that they show; source and protocol are a footnote.
_SHOWN = {
    "method": "method", "dataset": "dataset", "camera": "camera", "sRGB": "rendition", "bpp": "bpp",
    "PSNR dB": "psnr_db",
}  # fmt: skip


def published_file() -> Path:
    """Where the rows are: in the installed package, or in the checkout."""
    return shipped("published.csv")


def read_published(path: Path | None = None) -> list[dict[str, str]]:
    """The rows, by column.

    Args:
        path: of another file; None reads the one that is shipped.

    Raises:
        UsageError: it is missing, is no CSV, or has other columns.
    """
    path = path or published_file()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = tuple(reader.fieldnames or ())  # read here: an empty file has none once it is closed
            rows = list(reader)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is no CSV in UTF-8: {error}") from None
    if columns != COLUMNS:
        raise UsageError(f"{path} has other columns than {', '.join(COLUMNS)}")
    return rows


def read_all_published(files: Iterable[str]) -> list[dict[str, str]]:
    """The shipped rows, and those of further files ("" names none), in the same columns."""
    return [
        row for path in (None, *(Path(file) for file in dict.fromkeys(files) if file)) for row in read_published(path)
    ]


def published_cells(files: Iterable[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of the published table; sources and protocols are numbered as in ``published_notes``.

    Args:
        files: further ones, as ``read_all_published`` takes them.
    """
    rows = read_all_published(files)
    numbers = {text: str(number) for number, text in enumerate(_remarks(rows), 1)}
    body = [[row[name] for name in _SHOWN.values()] + [numbers[_remark(row)]] for row in rows]
    return [*_SHOWN, "note"], body


def published_notes(files: Iterable[str] = ()) -> list[str]:
    """What stands under the published table: that nothing of it was measured here, then each source and protocol."""
    first = "published, not measured here: other images, rates and PSNRs than those above; never to be ranked with them"
    return [first, *(f"{number}: {text}" for number, text in enumerate(_remarks(read_all_published(files)), 1))]


def _remarks(rows: list[dict[str, str]]) -> list[str]:
    return list(dict.fromkeys(_remark(row) for row in rows))


def _remark(row: dict[str, str]) -> str:
    return f"{row['source']}; {row['protocol']}" + (f" ({row['note']})" if row["note"] else "")
