"""Windows over an image, with enough around them that a convolution network sees what it would see in the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rawbench_learned.features import BLOCK

HALO = 3 * BLOCK
"""Pixels around a tile: more than the reach of any network of `learned`."""


@dataclass(frozen=True)
class Tile:
    """A window of the image and the wider window that the networks get, in pixels.

    Attributes:
        inner: top, left, bottom, right.
        outer: the same, with the halo, cut at the image's edges.
    """

    inner: tuple[int, int, int, int]
    outer: tuple[int, int, int, int]

    def window(self, scale: int = 1) -> tuple[object, ...]:
        """Return the index of the outer window in a map that is ``scale`` times smaller than the image."""
        top, left, bottom, right = (edge // scale for edge in self.outer)
        return (..., slice(top, bottom), slice(left, right))

    def place(self, scale: int = 1) -> tuple[object, ...]:
        """Return the index of the inner window in a map of the image."""
        top, left, bottom, right = (edge // scale for edge in self.inner)
        return (..., slice(top, bottom), slice(left, right))

    def inside(self, scale: int = 1) -> tuple[object, ...]:
        """Return the index of the inner window in a map of the outer window."""
        top, left, bottom, right = ((edge - self.outer[axis % 2]) // scale for axis, edge in enumerate(self.inner))
        return (..., slice(top, bottom), slice(left, right))


def tiles(height: int, width: int, side: int, halo: int = HALO) -> Iterator[Tile]:
    """Yield tiles that partition an image; all edges are multiples of `BLOCK`."""
    for top in range(0, height, side):
        for left in range(0, width, side):
            bottom, right = min(top + side, height), min(left + side, width)
            outer = max(top - halo, 0), max(left - halo, 0), min(bottom + halo, height), min(right + halo, width)
            yield Tile((top, left, bottom, right), outer)
