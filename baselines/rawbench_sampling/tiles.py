"""Tiles of an image for networks of limited reach: memory stays bounded, and results are those of the whole image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

SIDE = 512


@dataclass(frozen=True)
class Tile:
    """A window that a network sees, and the part of it whose outputs count.

    Attributes:
        window: rows and columns of the image.
        core: rows and columns of the image.
        inner: the core's rows and columns within the window.
    """

    window: tuple[slice, slice]
    core: tuple[slice, slice]
    inner: tuple[slice, slice]


def tiles(height: int, width: int, reach: int, side: int = SIDE) -> Iterator[Tile]:
    """Cover an image with cores of ``side`` pixels, and windows that go ``reach`` pixels further.

    All corners are multiples of what divides height, width, reach and side.
    """
    for y in range(0, height, side):
        for x in range(0, width, side):
            pairs = [_axis(start, length, reach, side) for start, length in ((y, height), (x, width))]
            yield Tile(*((pairs[0][k], pairs[1][k]) for k in range(3)))


def _axis(start: int, length: int, reach: int, side: int) -> tuple[slice, slice, slice]:
    stop = min(start + side, length)
    first, last = max(start - reach, 0), min(stop + reach, length)
    return slice(first, last), slice(start, stop), slice(start - first, stop - first)


def extended(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of an image (C, H, W) up to multiples."""
    rows, columns = (
        torch.arange(-(-size // multiple) * multiple, device=image.device).clamp_max(size - 1)
        for size in image.shape[1:]
    )
    return image[:, rows][:, :, columns]
