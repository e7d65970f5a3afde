"""Thin-plate radial basis functions over colour and position, a local system for each cell of the image.

The 49 samples around a cell know the place; 32 samples that are spread over the colours of the image know colours that
no neighbour has. Both are centres of each system, so that a rare colour is not extrapolated from its surroundings.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rawbench.blocks.polynomial import chunks
from rawbench.srgb import pick
from rawbench_sampling.grid import Grid
from rawbench_sampling.rbf import LEAST_CELL, features, neighbourhoods

SPREAD = 32
_SMOOTHING = 3e-4  # on the kernel's diagonal: raw is noisy
_RIDGE = 1e-9  # on that of the affine part: colours or positions of a window may all be alike
_LEAST_SQUARE = 1e-30
_BATCH_BYTES = 1 << 25


def interpolate(
    values: Tensor, srgb: Tensor, grid: Grid, position: float, advance: Callable[[int, int], None]
) -> Tensor:
    """Interpolate values of the samples with the kernel r^2 log r and an affine function of colour and position.

    Args:
        values: float64 (3, rows, columns), at the samples.
        srgb: uint8 or uint16 (3, H, W).
        grid: where the samples are.
        position: weight of the position, relative to the longer side, against colours in [0, 1].
        advance: is told how many of the cells are done.

    Returns:
        float64 (3, H, W), not clipped.
    """
    codes, device = grid.take(srgb).reshape(3, -1), srgb.device
    group = -(-LEAST_CELL // grid.step)
    members = neighbourhoods(grid, group, device)
    members = torch.cat([members, spread_over_colours(codes).expand(len(members), -1)], 1)
    centres = features(codes, *grid.places(device), grid, position)
    right, pixels = values.reshape(3, -1).T.double(), srgb.reshape(3, -1)
    out = torch.empty(pixels.shape, dtype=torch.float64, device=device)
    places = _pixels_of_cells(grid, group, device)
    for part in chunks(len(members), max(1, _BATCH_BYTES // (8 * places.shape[1] * members.shape[1]))):
        advance(part.start, len(members))
        here, points = places[part], centres[members[part]]
        weights = _solve(points, right[members[part]])
        own = here.reshape(-1)
        wanted = features(pick(pixels, slice(None), own), own // grid.width, own % grid.width, grid, position)
        wanted = wanted.reshape(*here.shape, -1)
        found = torch.cat([_kernel(wanted, points), _affine(wanted)], 2) @ weights
        out[:, own] = found.reshape(-1, 3).T
    return out.reshape(srgb.shape)


def spread_over_colours(codes: Tensor) -> Tensor:
    """Indices of samples whose colours lie far from each other: the first, then always the one farthest from those.

    Args:
        codes: uint8 or uint16 (3, N), sRGB of the samples.

    Returns:
        int64 (min(32, N),).
    """
    colours = codes.T.long()
    picks = [0]
    nearest = ((colours - colours[0]) ** 2).sum(1)
    for _ in range(min(SPREAD, len(colours)) - 1):
        picks.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, ((colours - colours[picks[-1]]) ** 2).sum(1))
    return torch.tensor(picks, device=codes.device)


def _pixels_of_cells(grid: Grid, group: int, device: torch.device) -> Tensor:
    """Row-major positions of each cell's pixels: int64 (cells, P); smaller cells name their last pixel again."""
    axes = []
    for nearest, count in zip(grid.nearest(device), (grid.rows, grid.columns), strict=True):
        sizes = torch.bincount(nearest // group, minlength=-(-count // group))
        first = sizes.cumsum(0) - sizes
        offset = torch.arange(int(sizes.max()), device=device).expand(len(sizes), -1)
        axes.append(first[:, None] + torch.minimum(offset, sizes[:, None] - 1))
    index = axes[0][:, None, :, None] * grid.width + axes[1][None, :, None, :]
    return index.reshape(len(axes[0]) * len(axes[1]), -1)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """r^2 log r between the rows of a, (B, M, D), and of b, (B, K, D): float64 (B, M, K)."""
    lengths = (a * a).sum(2)[:, :, None] + (b * b).sum(2)[:, None, :]
    square = torch.baddbmm(lengths, a, b.transpose(1, 2), alpha=-2.0).clamp_(min=_LEAST_SQUARE)
    return square.log().mul_(square).mul_(0.5)


def _affine(points: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(points[..., :1]), points - 0.5], -1)


def _solve(points: Tensor, values: Tensor) -> Tensor:
    """Weights of the kernels and of the affine part of each system: float64 (B, K + 6, 3)."""
    count, size, _ = points.shape
    tail = _affine(points)
    extent = size + tail.shape[2]
    system = torch.zeros(count, extent, extent, dtype=torch.float64, device=points.device)
    system[:, :size, :size] = _kernel(points, points)
    system[:, :size, size:] = tail
    system[:, size:, :size] = tail.transpose(1, 2)
    diagonal = torch.full((extent,), _SMOOTHING, dtype=torch.float64, device=points.device)
    diagonal[size:] = -_RIDGE
    system += torch.diag(diagonal)
    right = torch.zeros(count, extent, 3, dtype=torch.float64, device=points.device)
    right[:, :size] = values
    return torch.linalg.solve(system, right)
