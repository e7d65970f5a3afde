"""What the page needs to take another anchor: every column of BD-rates, and the qualities image by image."""

from __future__ import annotations

import math
from typing import Any

from rawbench.judge.by_image import MOST_ROWS, image_qualities
from rawbench.judge.leaderboard import Board, against_anchor, best_cells, find_anchor, titles_of


def anchors_of(board: Board, bpp: float, wanted: str | None = None) -> dict[str, Any]:
    """A board against each of its methods, as plain values.

    Args:
        board: from ``make_boards``.
        bpp: at which images are compared.
        wanted: the anchor that the page begins with, where the board has it.

    Returns:
        ``anchor``: place of the first one; ``methods``; ``rates``: for each of them heading, cells, places of the best
        cells, and lines; ``images`` and ``qualities``: a row for each image, in dB, None where a curve does not reach
        there, and "Infinity" where it is exact; no rows where a page could not hold them.
    """
    rates = []
    for entry in board.entries:
        found = against_anchor(board, entry)
        best = sorted(row for row, _ in best_cells([found.heading], [[cell] for cell in found.cells]))
        rates.append({"heading": found.heading, "cells": found.cells, "best": best, "lines": found.lines})
    few = len(board.images) <= MOST_ROWS
    qualities = image_qualities(board, bpp) if few else {}
    return {
        "anchor": board.entries.index(find_anchor(board.entries, wanted)),
        "methods": titles_of(board),
        "rates": rates,
        "images": list(qualities),
        "qualities": [[_plain(value) for value in found] for found in qualities.values()],
    }


def _plain(value: float) -> float | str | None:
    return None if math.isnan(value) else "Infinity" if math.isinf(value) else value
