"""Colour filter arrays: their orders, and the mosaic that one sees."""

from __future__ import annotations

import numpy as np

SIMULATED_SOFTWARE = "rawbench simulated camera"


# Which camera channel (0 red, 1 green, 2 blue) each cell of the 2x2 pattern sees, row by row.
CFA_ORDERS: dict[str, tuple[int, int, int, int]] = {
    "RGGB": (0, 1, 1, 2),
    "BGGR": (2, 1, 1, 0),
    "GRBG": (1, 0, 2, 1),
    "GBRG": (1, 2, 0, 1),
}


def mosaic_of(image: np.ndarray, cfa: str) -> np.ndarray:
    """Keep of each pixel of (H, W, 3) the one channel that its colour filter passes: (H, W)."""
    mosaic = np.empty(image.shape[:2], dtype=image.dtype)
    for cell, channel in enumerate(CFA_ORDERS[cfa]):
        row, column = divmod(cell, 2)
        mosaic[row::2, column::2] = image[row::2, column::2, channel]
    return mosaic


def turned_cfa(pattern: np.ndarray, size: tuple[int, int], flip: int) -> str:
    """The order of the colour filters after LibRaw's turn.

    Args:
        pattern: (2, 2) of letters, at the top left of the sensor.
        size: height and width of the sensor's image; an odd one moves the order when it is turned.
        flip: LibRaw's ``sizes.flip``: 1, mirrored left to right, plus 2, upside down, plus 4, rows become columns.
    """
    tiled = np.tile(pattern, (2, 2))[: 2 + size[0] % 2, : 2 + size[1] % 2]
    if flip & 2:
        tiled = tiled[::-1]
    if flip & 1:
        tiled = tiled[:, ::-1]
    if flip & 4:
        tiled = tiled.T
    return "".join(tiled[:2, :2].ravel())


def shifted_cfa(cfa: str, top: int, left: int) -> str:
    """The order of the colour filters that is seen from another pixel.

    >>> shifted_cfa("RGGB", 3, 18)
    'GBRG'
    """
    return "".join(np.roll(np.array(list(cfa)).reshape(2, 2), (-top, -left), (0, 1)).ravel())
