"""Does an sRGB image show what a raw shows, at the same size and the same way up?"""

from __future__ import annotations

import numpy as np

from rawbench.errors import SampleError

# Camera JPEGs may be smaller than what LibRaw makes of the sensor; the field crops borders of up to 40 pixels.
MOST_BORDER = 40
LEAST_CORRELATION = 0.5
_CELLS = 48


def fit_raw(raw16: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The middle of a raw (H, W, 3), at the size of its sRGB; an even border goes, so the filters' order stays.

    Args:
        raw16: the raw.
        size: height and width of the sRGB.

    Raises:
        SampleError: the sRGB is larger, much smaller, or turned.
    """
    height, width = raw16.shape[:2]
    rows, columns = height - size[0], width - size[1]
    if not (0 <= rows < MOST_BORDER and 0 <= columns < MOST_BORDER):
        raise SampleError(describe_sizes((height, width), size))
    top, left = rows // 4 * 2, columns // 4 * 2
    return raw16[top : top + size[0], left : left + size[1]]


def describe_sizes(raw: tuple[int, int], srgb: tuple[int, int]) -> str:
    """What is wrong with two sizes (height, width) that do not fit."""
    sizes = f"the sRGB has {srgb[1]}x{srgb[0]} pixels, the raw {raw[1]}x{raw[0]}"
    turned = abs(raw[0] - srgb[1]) < MOST_BORDER and abs(raw[1] - srgb[0]) < MOST_BORDER and raw[0] != raw[1]
    return f"{sizes}: turned by 90 degrees" if turned else sizes


def correlation(raw16: np.ndarray, srgb: np.ndarray) -> float:
    """Correlation of the brightness of raw and sRGB, in [-1, 1], over at most 48x48 cells of the image.

    The raw's is taken to the power 1/2.2 first. Two images without any structure correlate by 1.
    """
    a, b = _cells(_brightness(raw16) ** (1 / 2.2)), _cells(_brightness(srgb))
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    flat = float(np.abs(a).max()) < 1e-3 or float(np.abs(b).max()) < 1e-3
    return 1.0 if flat else float((a * b).sum()) / norm


def find_turn(raw16: np.ndarray, srgb: np.ndarray) -> int:
    """By how many degrees to the left (0, 90, 180 or 270) the sRGB must be turned to look like the raw."""
    found = {}
    for turns in range(4):
        turned = np.rot90(srgb, turns)
        if turned.shape == srgb.shape or turns == 0:
            found[90 * turns] = correlation(raw16, turned)
    return max(found, key=lambda degrees: found[degrees])


def _brightness(pixels: np.ndarray) -> np.ndarray:
    """(H, W) in [0, 1], of a thinned image: enough for 48x48 cells of a few pixels each."""
    step = max(1, min(pixels.shape[:2]) // (8 * _CELLS))
    thin = pixels[::step, ::step].astype(np.float32)
    return thin.mean(axis=2) / np.float32(np.iinfo(pixels.dtype).max)


def _cells(image: np.ndarray) -> np.ndarray:
    rows = np.linspace(0, image.shape[0], min(_CELLS, image.shape[0]), endpoint=False).astype(int)
    columns = np.linspace(0, image.shape[1], min(_CELLS, image.shape[1]), endpoint=False).astype(int)
    sums = np.add.reduceat(np.add.reduceat(image, rows, axis=0), columns, axis=1)
    counts = np.diff(np.append(rows, image.shape[0]))[:, None] * np.diff(np.append(columns, image.shape[1]))
    return sums / counts
