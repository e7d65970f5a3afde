"""What both sides know: features of the sRGB, exact ones for the entropy path and float ones for the transforms."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from rawbench.blocks import tiles as rawbench_tiles

CELL = 4
"""Side in pixels of what one latent pixel covers."""
BLOCK = 16
"""Side in pixels of what one hyper-latent pixel covers; images are padded to multiples of it."""
HALO = 3 * BLOCK
"""Pixels around a tile: more than the reach of any network of the first generation."""
EXACT_CHANNELS = 9
EVERYWHERE_FEATURES, GLOBAL_FEATURES = 39, 67

padded = partial(rawbench_tiles.padded, multiple=BLOCK)
tiles = partial(rawbench_tiles.tiles, halo=HALO)


@cache
def linearisation() -> np.ndarray:
    """Return the table code -> linear light, float64 (256,) in [0, 1].

    The inverse of LibRaw's default gamma (2.222, 4.5), the curve of ITU-R BT.709; codes are cut off there, not
    rounded, so that a code stands for the middle of its interval. Any other curve in an sRGB is the business of the
    networks and of the base.
    """
    edges = np.arange(257) / 256
    light = np.where(edges < 0.081, edges / 4.5, ((edges + 0.099) / 1.099) ** (1 / 0.45))
    return (light[:-1] + light[1:]) / 2


def linearised(srgb: Tensor) -> Tensor:
    """Return uint8 (..., ) through `linearisation`, float32."""
    return _looked_up(linearisation(), srgb)


def exact_features(srgb: Tensor) -> Tensor:
    """Return what steers the entropy path, on the 8-bit grid: multiples of 1/16 in [-8, 8).

    All are integers computed without rounding but by one floor: means over a cell of the codes and of an 8-bit
    linearisation, counts of clipped pixels, and the range of the codes inside the cell.

    Args:
        srgb: uint8 (B, 3, H, W), sides multiples of `CELL`.

    Returns:
        float32 (B, 9, H/4, W/4).
    """
    light = _looked_up(np.round(linearisation() * 255), srgb)
    spread = _in_cells(torch.maximum, srgb).float() - _in_cells(torch.minimum, srgb).float()
    features = [
        _cell_sum(srgb.float()) / 16,
        _cell_sum(light) / 16,
        _cell_sum(clipped(srgb)) * 15,
        spread.sum(1, keepdim=True) / 4,
    ]
    return torch.floor(torch.cat(features, 1)).clamp_max(255) / 16 - 8


def coarser(features: Tensor) -> Tensor:
    """Return grid features at a quarter of the resolution, by means that are floored to the grid again."""
    return torch.floor(_cell_sum(features)) / 16


def _looked_up(table: np.ndarray, codes: Tensor) -> Tensor:
    values = torch.as_tensor(table, dtype=torch.float32, device=codes.device)
    return values.index_select(0, codes.flatten().int()).view(codes.shape)


def _cell_sum(x: Tensor) -> Tensor:
    # Integers (or multiples of 1/16) with few bits: exact in any order.
    return _in_cells(torch.add, x)


def _in_cells(combine: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
    # Strided views, two by two: a third of the time of a reduction over two dimensions of four.
    rows = combine(combine(x[..., 0::4, :], x[..., 1::4, :]), combine(x[..., 2::4, :], x[..., 3::4, :]))
    return combine(combine(rows[..., 0::4], rows[..., 1::4]), combine(rows[..., 2::4], rows[..., 3::4]))


def cells(x: Tensor) -> Tensor:
    """Return (B, C, H, W) as (B, 16 C, H/4, W/4): each cell's pixels as channels."""
    batch, channels, height, width = x.shape
    split = x.reshape(batch, channels, height // CELL, CELL, width // CELL, CELL)
    return split.permute(0, 1, 3, 5, 2, 4).reshape(batch, channels * CELL**2, height // CELL, width // CELL)


def pixels(x: Tensor) -> Tensor:
    """Undo `cells`."""
    batch, channels, height, width = x.shape
    split = x.reshape(batch, channels // CELL**2, CELL, CELL, height, width)
    return split.permute(0, 1, 4, 2, 5, 3).reshape(batch, channels // CELL**2, height * CELL, width * CELL)


def clipped(srgb: Tensor) -> Tensor:
    """Return (B, 2, H, W): where any channel is 255, and where any is 0."""
    return torch.cat([srgb.amax(1, keepdim=True) == 255, srgb.amin(1, keepdim=True) == 0], 1).float()


def global_features(srgb: Tensor) -> Tensor:
    """Return the features of which the global base is a linear map: polynomials up to degree 3 and clipping.

    A clipped channel says no more than "at least white"; what the others say of it is a mapping of its own for each
    channel, each pair and all three.

    Args:
        srgb: uint8 (B, 3, H, W).

    Returns:
        float32 (B, 67, H, W): 1, the 19 monomials of the linearised sRGB, the 19 of the sRGB; for each channel the 6
        monomials up to degree 2 of the others where it is 255; for each pair the 3 of the third; where all are 255.
    """
    return torch.cat([everywhere(srgb), where_clipped(srgb)], 1)


def everywhere(srgb: Tensor) -> Tensor:
    """Return those of `global_features` that do not ask for clipped channels: float32 (B, 39, H, W)."""
    light, code = linearised(srgb), srgb.float() / 255
    return torch.cat([torch.ones_like(light[:, :1]), *_monomials(light), *_monomials(code)], 1)


def where_clipped(srgb: Tensor) -> Tensor:
    """Return those of `global_features` that are zero where no channel is 255: float32 (B, 28, H, W)."""
    return torch.cat(_clipped_monomials((srgb == 255).float(), linearised(srgb)), 1)


def _clipped_monomials(full: Tensor, light: Tensor) -> list[Tensor]:
    one, (r, g, b) = torch.ones_like(light[:, :1]), light.split(1, 1)
    parts = []
    for channel, (x, y) in zip(full.split(1, 1), ((g, b), (r, b), (r, g)), strict=True):
        parts.append(channel * torch.cat([one, x, y, x * x, y * y, x * y], 1))
    for pair, x in (((1, 2), r), ((0, 2), g), ((0, 1), b)):
        parts.append(full[:, pair].prod(1, keepdim=True) * torch.cat([one, x, x * x], 1))
    return [*parts, full.prod(1, keepdim=True)]


def _monomials(x: Tensor) -> list[Tensor]:
    r, g, b = (x[:, i : i + 1] for i in range(3))
    squares = torch.cat([r * r, g * g, b * b, r * g, g * b, b * r], 1)
    rr, gg, bb, rg, gb, br = (squares[:, i : i + 1] for i in range(6))
    cubes = torch.cat([rr * r, gg * g, bb * b, rr * g, rr * b, gg * r, gg * b, bb * r, bb * g, rg * b], 1)
    return [x, squares, cubes]
