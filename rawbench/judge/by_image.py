"""Methods against an anchor at equal bytes, image by image: what a mean curve hides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rawbench.judge.leaderboard import METRIC, Board, Standing, find_anchor
from rawbench.results.means import image_curves
from rawbench.results.rd import Point, quality_at


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
        return found

    @property
    def table(self) -> tuple[list[str], list[list[str]]]:
        """Headings and cells, the images that are worst for any method first."""
        head = ["image", f"{self.anchor} dB", *self.methods]
        return head, [[image, _text(at, ""), *(_text(gain, "+") for gain in gains)] for image, at, gains in self.rows]


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
    mine = _qualities(anchor, bpp)
    theirs = [_qualities(entry, bpp) for entry in others]
    rows = []
    for image, at in mine.items():
        gains = tuple(found.get(image, math.nan) - at for found in theirs)
        if any(map(math.isfinite, gains)):
            rows.append((image, at, gains))
    shown = [place for place in range(len(others)) if any(math.isfinite(row[2][place]) for row in rows)]
    kept = [(image, at, tuple(gains[place] for place in shown)) for image, at, gains in rows]
    ordered = sorted(kept, key=lambda row: min(gain for gain in row[2] if math.isfinite(gain)))
    return ImageDifferences(board.dataset, anchor.method, bpp, tuple(others[p].method for p in shown), tuple(ordered))


def _qualities(entry: Standing, bpp: float) -> dict[str, float]:
    dataset, method = entry.place
    rows = [row for row in entry.run.rows if (row.dataset, row.method) == (dataset, method)]
    return {image: _at(curve, bpp) for (_, image, _), curve in image_curves(rows, METRIC).items()}


def _at(curve: Sequence[Point], bpp: float) -> float:
    return quality_at(curve, bpp) if curve else math.nan
