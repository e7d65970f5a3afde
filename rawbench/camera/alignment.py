"""Does an sRGB image show what a raw shows, at the same size and the same way up?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rawbench.errors import SampleError

Box = tuple[int, int, int, int]

# Camera JPEGs may be smaller than what LibRaw makes of the sensor; the field crops borders of up to 40 pixels.
MOST_BORDER = 40
LEAST_CORRELATION = 0.8
# By how much a turned image must correlate better than it does as it is, to be called turned.
CLEARLY_BETTER = 0.1
_CELLS = 48
# By how much another place must fit better than the camera's own margins, or the middle, to be taken for the right one.
_CLEARLY_SHARPER = 0.005
# Below, the details of raw and sRGB differ by more than a camera's sharpening and denoising make them.
POOR_FIT = 0.6
# Two pictures may be bright in the same places; but then their details have nothing in common.
_SURELY_ALIKE, _NO_DETAIL = 0.95, 0.1
_PATCH, _PATCHES = 128, 4  # side of a patch in pixels; patches a side


@dataclass(frozen=True)
class Fit:
    """Where in its raw an sRGB lies, and how well it fits there.

    Attributes:
        top: rows of the raw above it.
        left: columns of the raw to the left of it.
        detail: correlation in [-1, 1] of the details of both, pixel by pixel, over patches of the whole image; NaN
            where one shows none.
    """

    top: int
    left: int
    detail: float

    @property
    def is_poor(self) -> bool:
        """Whether the two hardly fit pixel by pixel: another lens correction, or another crop."""
        return self.detail < POOR_FIT

    def __str__(self) -> str:
        if math.isnan(self.detail):
            return "raw and JPEG show no detail by which to hold them together"
        where = f", {self.top} rows and {self.left} columns in" if self.top or self.left else ""
        return f"raw and JPEG fit by {self.detail:.3f} of 1{where}"


def fit_raw(raw16: np.ndarray, srgb: np.ndarray, shown: Box | None = None) -> tuple[np.ndarray, Fit]:
    """The part of a raw that its sRGB shows: the camera's own margins, unless another place fits clearly better.

    Args:
        raw16: uint16 (H, W, 3).
        srgb: uint8 or uint16 (h, w, 3).
        shown: top, left, height and width of the camera's own margins, where they are known.

    Returns:
        uint16 (h, w, 3), and where it lies.

    Raises:
        SampleError: the sRGB is larger, much smaller, turned, or of another picture.
    """
    size = (srgb.shape[0], srgb.shape[1])
    check_sizes((raw16.shape[0], raw16.shape[1]), size, shown)
    fit = _best_place(raw16, srgb, shown)
    part = _part(raw16, fit, size)
    found = correlation(part, srgb)
    if found <= _SURELY_ALIKE and (problem := _misfit(raw16, srgb, shown, found, fit.detail)):
        raise SampleError(problem)
    return part, fit


def _part(raw16: np.ndarray, fit: Fit, size: tuple[int, int]) -> np.ndarray:
    return raw16[fit.top : fit.top + size[0], fit.left : fit.left + size[1]]


def _misfit(raw16: np.ndarray, srgb: np.ndarray, shown: Box | None, found: float, detail: float) -> str:
    """What is wrong with an sRGB that correlates by so much: turned, or of another picture; empty when nothing is."""
    best, degrees = found, 0
    for turns in (1, 2, 3):
        turned = np.rot90(srgb, turns)
        if turned.shape != srgb.shape:
            continue
        there = _part(raw16, _best_place(raw16, turned, shown), (turned.shape[0], turned.shape[1]))
        if (alike := correlation(there, turned)) > best:
            best, degrees = alike, 90 * turns
    if best > max(found + CLEARLY_BETTER, LEAST_CORRELATION):
        return f"turned by {360 - degrees} degrees to the left against its raw"
    if found < LEAST_CORRELATION or detail < _NO_DETAIL:
        return f"misaligned: does not show the same picture as the raw (their correlation is {found:.2f})"
    return ""


def check_sizes(raw: tuple[int, int], srgb: tuple[int, int], shown: Box | None = None) -> None:
    """Refuse an sRGB, by height and width alone, that cannot be its raw's.

    Raises:
        SampleError: says both sizes.
    """
    rows, columns = raw[0] - srgb[0], raw[1] - srgb[1]
    known = shown is not None and srgb == shown[2:]
    if not known and not (0 <= rows < MOST_BORDER and 0 <= columns < MOST_BORDER):
        raise SampleError(describe_sizes(raw, srgb))


def _best_place(raw16: np.ndarray, srgb: np.ndarray, shown: Box | None) -> Fit:
    """Where the sRGB fits best: each place is tried at full resolution, over patches."""
    rows, columns = raw16.shape[0] - srgb.shape[0], raw16.shape[1] - srgb.shape[1]
    expected = shown[:2] if shown is not None and shown[2:] == srgb.shape[:2] else (rows // 4 * 2, columns // 4 * 2)
    detail = _detail_by_place(raw16, srgb)
    if detail is None:
        return Fit(*expected, float("nan"))
    best = np.unravel_index(int(detail.argmax()), detail.shape)
    place = best if detail[best] > detail[expected] + _CLEARLY_SHARPER else expected
    return Fit(int(place[0]), int(place[1]), float(detail[place]))


def _detail_by_place(raw16: np.ndarray, srgb: np.ndarray) -> np.ndarray | None:
    """Correlation of the details for each place (rows, columns) of the sRGB in the raw; None where there are none."""
    from scipy.signal import fftconvolve

    height, width = srgb.shape[:2]
    rows, columns = raw16.shape[0] - height, raw16.shape[1] - width
    side = min(_PATCH, height, width)
    together, seen, predicted = np.zeros((rows + 1, columns + 1)), 0.0, np.zeros((rows + 1, columns + 1))
    ones = np.ones((side, side))
    for top in np.unique(np.linspace(0, height - side, _PATCHES).astype(int)):
        for left in np.unique(np.linspace(0, width - side, _PATCHES).astype(int)):
            wanted = _detail(_unit(srgb[top : top + side, left : left + side]))
            wanted -= wanted.mean()
            given = _detail(_unit(raw16[top : top + side + rows, left : left + side + columns]) ** (1 / 2.2))
            together += fftconvolve(given, wanted[::-1, ::-1], "valid")
            sums, squares = fftconvolve(given, ones, "valid"), fftconvolve(given**2, ones, "valid")
            predicted += np.maximum(squares - sums**2 / side**2, 0)
            seen += float((wanted**2).sum())
    if seen < 1e-6 * side**2 or predicted.max() < 1e-6 * side**2:
        return None
    return together / np.sqrt(np.maximum(predicted * seen, 1e-12))


def _unit(pixels: np.ndarray) -> np.ndarray:
    return pixels.mean(axis=2) / np.iinfo(pixels.dtype).max


def _detail(image: np.ndarray) -> np.ndarray:
    """What is finer than some eight pixels, and coarser than noise: that is what tells places apart."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, 0.7) - gaussian_filter(image, 4.0)


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
