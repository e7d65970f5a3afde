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
