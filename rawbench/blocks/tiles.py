"""Tiles of an image for functions of limited reach: memory stays bounded, and the result is that of the whole image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import EllipsisType

import torch
from torch import Tensor

Index = tuple[EllipsisType, slice, slice]


@dataclass(frozen=True)
class Tile:
    """A window of an image, and the wider one that a function needs to see for it.

    Every index is for the last two dimensions of a map that is ``scale`` times smaller than the image.

    Attributes:
        inner: top, left, bottom, right in pixels; the inner windows partition the image.
        outer: the same, with the halo, cut at the image's edges.

    Example:
        >>> Tile(inner=(0, 0, 4, 4), outer=(0, 0, 5, 5)).window()
        (Ellipsis, slice(0, 5, None), slice(0, 5, None))
    """

    inner: tuple[int, int, int, int]
    outer: tuple[int, int, int, int]

    def window(self, scale: int = 1) -> Index:
        """The outer window in a map of the image: what the function is given."""
        return _index(self.outer, (0, 0), scale)

    def place(self, scale: int = 1) -> Index:
        """The inner window in a map of the image: where the result goes."""
        return _index(self.inner, (0, 0), scale)

    def inside(self, scale: int = 1) -> Index:
        """The inner window in a map of the outer window: what of the result counts."""
        return _index(self.inner, self.outer[:2], scale)


def _index(edges: tuple[int, int, int, int], origin: tuple[int, int], scale: int) -> Index:
    top, left, bottom, right = ((edge - origin[axis % 2]) // scale for axis, edge in enumerate(edges))
    return (..., slice(top, bottom), slice(left, right))


def tiles(height: int, width: int, side: int, halo: int) -> Iterator[Tile]:
    """Yield tiles that partition an image, row by row.

    Args:
        height: of the image, in pixels.
        width: of the image.
        side: of an inner window; the last ones of a row or column may be smaller.
        halo: pixels more on each side of the outer window: at least what an output looks around itself.

    All edges are multiples of what divides all four.

    Example:
        >>> [tile.inner for tile in tiles(4, 6, side=4, halo=1)]
        [(0, 0, 4, 4), (0, 4, 4, 6)]
        >>> [tile.outer for tile in tiles(4, 6, side=4, halo=1)]
        [(0, 0, 4, 5), (0, 3, 4, 6)]
    """
    for top in range(0, height, side):
        for left in range(0, width, side):
            bottom, right = min(top + side, height), min(left + side, width)
            outer = max(top - halo, 0), max(left - halo, 0), min(bottom + halo, height), min(right + halo, width)
            yield Tile((top, left, bottom, right), outer)


def in_tiles(
    function: Callable[[Tensor], Tensor],
    image: Tensor,
    side: int,
    halo: int,
    advance: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Apply a function of limited reach tile by tile.

    Args:
        function: (..., C, h, w) -> (..., D, h, w), zero-padded at the borders of what it is given.
        image: (..., C, H, W).
        side: of a tile, in pixels.
        halo: at least the pixels that an output looks around itself.
        advance: is told how many of the rows are done.

    Returns:
        (..., D, H, W): what ``function(image)`` returns, but for rounding.

    Example:
        >>> image = torch.arange(24.0).reshape(1, 4, 6)
        >>> torch.equal(in_tiles(lambda part: 2 * part, image, side=4, halo=0), 2 * image)
        True
    """
    height, width = image.shape[-2:]
    result: Tensor | None = None
    for tile in tiles(height, width, side, halo):
        if advance is not None:
            advance(tile.inner[0], height)
        part = function(image[tile.window()])
        if result is None:
            result = part.new_empty(*part.shape[:-2], height, width)
        result[tile.place()] = part[tile.inside()]
    return function(image) if result is None else result


def padded(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of an image (..., H, W) up to the next multiples; no copy where none is needed.

    Example:
        >>> padded(torch.tensor([[[1, 2, 3]]]), 2).tolist()
        [[[1, 2, 3, 3], [1, 2, 3, 3]]]
    """
    for axis in (-2, -1):
        size = image.shape[axis]
        if size % multiple:
            places = torch.arange(size + -size % multiple, device=image.device).clamp_max(size - 1)
            image = image.index_select(axis, places)
    return image
