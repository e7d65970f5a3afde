"""Methods against an anchor at equal bytes, image by image: what a mean curve hides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rawbench.judge.leaderboard import METRIC, Board, Standing, find_anchor
from rawbench.results.means import image_curves
from rawbench.results.rd import Point, quality_at

MOST_ROWS = 250


@dataclass(frozen=True)
class ImageDifferences:
    """How much better methods are than the anchor at one rate, on each image.

    Attributes:
        dataset: label of the dataset.
        anchor: the method that the others are held against.
        bpp: the rate.
        methods: the others.
        rows: image, the anchor's quality in dB, and each method's minus that; NaN where a curve does not reach there.
    """

    dataset: str
    anchor: str
    bpp: float
    methods: tuple[str, ...]
    rows: tuple[tuple[str, float, tuple[float, ...]], ...]

    @property
    def lines(self) -> list[str]:
        """On how many images each method is better and worse, and by how much at most."""
        found = []
        for place, method in enumerate(self.methods):
            gains = [row[2][place] for row in self.rows if math.isfinite(row[2][place])]
            if gains:
                better, worse = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
                ends = f"{min(gains):+.2f} to {max(gains):+.2f} dB"
                found.append(f"{method}: better than {self.anchor} on {better} images, worse on {worse}; {ends}")
        if len(self.rows) > MOST_ROWS:
            found.append(f"listed are the {MOST_ROWS} worst of {len(self.rows)} images")
        return found

    @property
    def table(self) -> tuple[list[str], list[list[str]]]:
        """Headings and cells, the images that are worst for any method first."""
        head = ["image", f"{self.anchor} dB", *self.methods]
        rows = self.rows[:MOST_ROWS]
        return head, [[image, _text(at, ""), *(_text(gain, "+") for gain in gains)] for image, at, gains in rows]

    @property
    def best(self) -> set[tuple[int, int]]:
        """(row, column) of the best in each row of ``table``, where it is better than the anchor."""
        found = set()
        for place, (_, _, gains) in enumerate(self.rows[:MOST_ROWS]):
            top = max((gain for gain in gains if math.isfinite(gain)), default=0.0)
            found |= {(place, 2 + column) for column, gain in enumerate(gains) if gain == top >= 0}
        return found


def _text(value: float, sign: str) -> str:
    return "-" if math.isnan(value) else f"{value:{sign}.2f}"


def image_differences(board: Board, bpp: float, wanted: str | None = None) -> ImageDifferences:
    """Compare the methods of a board at one rate, each image by its own curves.

    Args:
        board: from ``make_boards``.
        bpp: bits per pixel.
        wanted: the anchor; None takes the one that the board's BD-rates have.
    """
    anchor = find_anchor(board.entries, wanted)
    others = [entry for entry in board.entries if entry is not anchor]
    mine, theirs = board.entries.index(anchor), [board.entries.index(entry) for entry in others]
    rows = []
    for image, found in image_qualities(board, bpp).items():
        gains = tuple(found[place] - found[mine] for place in theirs)
        if any(map(math.isfinite, gains)):
            rows.append((image, found[mine], gains))
    shown = [place for place in range(len(others)) if any(math.isfinite(row[2][place]) for row in rows)]
    kept = [(image, at, tuple(gains[place] for place in shown)) for image, at, gains in rows]
    ordered = sorted(kept, key=lambda row: min((gain for gain in row[2] if math.isfinite(gain)), default=math.inf))
    return ImageDifferences(board.dataset, anchor.method, bpp, tuple(others[p].method for p in shown), tuple(ordered))


def image_qualities(board: Board, bpp: float) -> dict[str, tuple[float, ...]]:
    """The quality in dB of every entry at one rate, by image; NaN where a curve does not reach there."""
    found = [_qualities(entry, bpp) for entry in board.entries]
    return {image: tuple(mine.get(image, math.nan) for mine in found) for image in board.images}


def _qualities(entry: Standing, bpp: float) -> dict[str, float]:
    dataset, method = entry.place
    rows = [row for row in entry.run.rows if row.method == method and row.dataset == dataset]
    return {image: _at(curve, bpp) for (_, image, _), curve in image_curves(rows, METRIC).items()}


def _at(curve: Sequence[Point], bpp: float) -> float:
    return quality_at(curve, bpp) if curve else math.nan
