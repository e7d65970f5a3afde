"""Colours of errors and of methods' own maps."""

from __future__ import annotations

import numpy as np

# Inferno at nine places: black for no error, by way of purple and orange to pale yellow for the greatest.
ERROR_COLOURS = np.array(
    [[0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85], [227, 89, 51], [249, 140, 10],
     [249, 201, 50], [252, 255, 164]], dtype=np.float32,
)  # fmt: skip
# What black to white means for maps of the method itself: cividis, so that no one takes them for errors.
MAP_COLOURS = np.array(
    [[0, 32, 77], [0, 52, 110], [57, 72, 107], [87, 92, 109], [112, 113, 115], [138, 134, 120], [166, 157, 117],
     [196, 182, 107], [255, 233, 69]], dtype=np.float32,
)  # fmt: skip


def colour(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Values (H, W), of which 0 to 1 are told apart, as uint8 (H, W, 3)."""
    position = np.clip(values, 0, 1) * (len(table) - 1)
    low = np.minimum(position.astype(int), len(table) - 2)
    share = (position - low)[..., None]
    return (table[low] * (1 - share) + table[low + 1] * share).round().astype(np.uint8)


def error_gradient() -> str:
    """The colours of the error maps, as a CSS gradient for the scale beside them."""
    stops = ", ".join("rgb({:.0f},{:.0f},{:.0f})".format(*row) for row in ERROR_COLOURS)
    return f"linear-gradient(to right, {stops})"
