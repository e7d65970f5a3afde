"""Does an sRGB image show what a raw shows, at the same size and the same way up?"""

from __future__ import annotations

import numpy as np

from rawbench.errors import SampleError

# Camera JPEGs may be smaller than what LibRaw makes of the sensor; the field crops borders of up to 40 pixels.
MOST_BORDER = 40
LEAST_CORRELATION = 0.8
# By how much a turned image must correlate better than it does as it is, to be called turned.
CLEARLY_BETTER = 0.1
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
    """Correlation in [-1, 1] of an sRGB's brightness with what its raw predicts of it, over at most 48x48 cells.

    The prediction is the best linear one from the three channels of the raw to the power 1/2.2, so that saturated
    colours, of which a matrix makes something else, do no harm. An image without any structure correlates by 1.
    """
    channels = [_cells(_thin(raw16)[..., c] ** (1 / 2.2)).ravel() for c in range(3)]
    wanted = _cells(_thin(srgb).mean(axis=2)).ravel()
    given = np.stack([*channels, np.ones_like(wanted)], axis=1).astype(np.float64)
    if np.ptp(wanted) < 1e-3 or np.ptp(given, axis=0).max() < 1e-3:
        return 1.0
    predicted = given @ np.linalg.lstsq(given, wanted, rcond=None)[0]
    if predicted.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(predicted, wanted)[0, 1])


def find_turn(raw16: np.ndarray, srgb: np.ndarray) -> int:
    """By how many degrees to the left (0, 90, 180 or 270) the sRGB must be turned to look like the raw."""
    found = {}
    for turns in range(4):
        turned = np.rot90(srgb, turns)
        if turned.shape == srgb.shape or turns == 0:
            found[90 * turns] = correlation(raw16, turned)
    return max(found, key=lambda degrees: found[degrees])


def describe_misfit(raw16: np.ndarray, srgb: np.ndarray) -> str:
    """What is wrong with an sRGB image of its raw's size: turned, or of another picture; empty when nothing is."""
    found, turn = correlation(raw16, srgb), find_turn(raw16, srgb)
    if turn and correlation(raw16, np.rot90(srgb, turn // 90)) > found + CLEARLY_BETTER:
        return f"turned by {360 - turn} degrees to the left against its raw"
    if found < LEAST_CORRELATION:
        return f"misaligned: raw and sRGB do not show the same picture (correlation {found:.2f})"
    return ""


def _thin(pixels: np.ndarray) -> np.ndarray:
    """(h, w, 3) in [0, 1], of every n-th pixel: enough for 48x48 cells of a few pixels each."""
    step = max(1, min(pixels.shape[:2]) // (8 * _CELLS))
    return pixels[::step, ::step].astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def _cells(image: np.ndarray) -> np.ndarray:
    rows = np.linspace(0, image.shape[0], min(_CELLS, image.shape[0]), endpoint=False).astype(int)
    columns = np.linspace(0, image.shape[1], min(_CELLS, image.shape[1]), endpoint=False).astype(int)
    sums = np.add.reduceat(np.add.reduceat(image, rows, axis=0), columns, axis=1)
    counts = np.diff(np.append(rows, image.shape[0]))[:, None] * np.diff(np.append(columns, image.shape[1]))
    return sums / counts
