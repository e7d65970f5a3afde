"""Tiles of an image: what the decoder knows of each, and the residual's bands of each.

Large images are cut into tiles of about `SIDE` pixels a side, so that memory is bounded; the model goes on learning
from one to the next. Photographs that are shared are mostly one tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from rawbench.blocks.colour_table import by_colour
from rawbench.blocks.polynomial import Polynomial
from rawbench.srgb import full_scale
from rawbench_hybrid.features import Features, make_features
from rawbench_hybrid.wavelet import Bands, forward, inverse, level_count

SIDE = 2048
PEAK = 65535
Window = tuple[slice, slice]
T = TypeVar("T")
# Reversible changes of three colours: none, differences to green, and JPEG 2000's.
PLAIN, GREEN, LUMINANCE = range(3)


@dataclass(frozen=True)
class Tile:
    """A tile as the decoder knows it.

    Attributes:
        window: rows and columns of the image.
        prediction: int32 (h, w, 3), of 16 bits.
        features: of the sRGB there.
    """

    window: Window
    prediction: np.ndarray
    features: Features


def windows(height: int, width: int) -> list[Window]:
    """Windows of about equal size that partition an image, row by row."""
    rows, columns = (_cuts(size) for size in (height, width))
    return [(row, column) for row in rows for column in columns]


def _cuts(size: int) -> list[slice]:
    count = -(-size // SIDE)
    edges = [size * i // count for i in range(count + 1)]
    return [slice(first, last) for first, last in zip(edges[:-1], edges[1:], strict=True)]


def see_tiles(polynomial: Polynomial, srgb: Tensor, axes: np.ndarray) -> Iterator[Tile]:
    """Yield the tiles of an image.

    Args:
        polynomial: sRGB to raw.
        srgb: uint8 or uint16 (3, H, W).
        axes: float64 (3, 3), whose columns are the residual's colour axes.
    """
    whole = np.rint(axes * 256).astype(np.int32)
    values = by_colour(lambda codes: _unit16(polynomial, codes), srgb)
    for window in windows(*srgb.shape[1:]):
        prediction = values(srgb[(slice(None), *window)]).permute(1, 2, 0).cpu().numpy()
        pixels = srgb[(slice(None), *window)].cpu().numpy()
        clipped = (pixels == full_scale(pixels)).any(0)
        levels = level_count(*clipped.shape)
        yield Tile(window, prediction, make_features(prediction, clipped, whole, levels))


def ahead(items: Iterator[T], count: int) -> Iterator[T]:
    """Yield ``count`` items, each made in a thread while the one before is used, if torch may use several threads."""
    if count == 1 or torch.get_num_threads() == 1:
        yield from items
        return
    with ThreadPoolExecutor(1, thread_name_prefix="tiles") as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def predict(polynomial: Polynomial, srgb: Tensor) -> np.ndarray:
    """The polynomial's raw on the 16-bit grid, int32 (H, W, 3), the same on every machine."""
    return _unit16(polynomial, srgb).permute(1, 2, 0).cpu().numpy()


def _unit16(polynomial: Polynomial, srgb: Tensor) -> Tensor:
    return torch.round(polynomial(srgb) * PEAK).int()


def raw16(raw: Tensor) -> np.ndarray:
    """Raw on the 16-bit grid, int32 (H, W, 3)."""
    return torch.round(raw.double() * PEAK).int().permute(1, 2, 0).cpu().numpy()


def analyse(error: np.ndarray, axes: np.ndarray) -> list[Bands]:
    """Bands of an error, int32 (H, W, 3), on its colour axes: float32, three."""
    planes = _turned(error.astype(np.float32), axes.T)
    levels = level_count(*error.shape[:2])
    return [forward(plane, levels) for plane in planes]


def synthesise(bands: list[Bands], axes: np.ndarray) -> np.ndarray:
    """Back from `analyse`: float32 (H, W, 3)."""
    planes = np.stack([inverse(b) for b in bands], -1)
    return np.stack(_turned(planes, axes), -1)


def _turned(image: np.ndarray, matrix: np.ndarray) -> list[np.ndarray]:
    # Written out, so that every machine adds in this order.
    rows = matrix.astype(np.float32)
    return [image[..., 0] * row[0] + image[..., 1] * row[1] + image[..., 2] * row[2] for row in rows]


def analyse_exactly(error: np.ndarray, change: int) -> list[Bands]:
    """Bands of an error, int32 (H, W, 3), after a reversible change of colours, modulo 2**16: int32, three."""
    red, green, blue = (_wrapped(error[..., c]) for c in range(3))
    if change == GREEN:
        planes = [green, _wrapped(red - green), _wrapped(blue - green)]
    elif change == LUMINANCE:
        planes = [(red + 2 * green + blue) >> 2, red - green, blue - green]
    else:
        planes = [green, red, blue]
    levels = level_count(*error.shape[:2])
    return [forward(plane, levels) for plane in planes]


def synthesise_exactly(bands: list[Bands], change: int) -> np.ndarray:
    """Back from `analyse_exactly`: int32 (H, W, 3), right modulo 2**16."""
    first, second, third = (inverse(b) for b in bands)
    if change == GREEN:
        return np.stack([second + first, first, third + first], -1)
    if change == LUMINANCE:
        green = first - ((second + third) >> 2)
        return np.stack([second + green, green, third + green], -1)
    return np.stack([second, first, third], -1)


def _wrapped(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int16).astype(np.int32)


def exact_axes(change: int) -> np.ndarray:
    """The colour axes that the sRGB's texture is looked at along, for a reversible change: float64 (3, 3)."""
    if change == GREEN:
        return np.array([[0, 1, 0], [1, -1, 0], [0, -1, 1]], np.float64).T
    if change == LUMINANCE:
        return np.array([[0.25, 0.5, 0.25], [1, -1, 0], [0, -1, 1]]).T
    return np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]], np.float64).T
