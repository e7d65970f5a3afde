"""Radial basis functions over colour and position, solved locally, all neighbourhoods of an image in batches."""

from __future__ import annotations

import torch
from torch import Tensor

from rawbench.blocks.polynomial import chunks
from rawbench.srgb import full_scale
from rawbench_sampling.grid import Grid

NEIGHBOURS = 7  # a window of so many samples a side: the 49 nearest in position
LEAST_CELL = 16  # pixels a side that one system serves
_BATCH = 2048
_SMOOTHING = 1e-4


def interpolate_at(
    values: Tensor, codes: Tensor, pixels: Tensor, places: Tensor, grid: Grid, position: float
) -> Tensor:
    """Interpolate values of the samples over sRGB colour and position with the linear kernel and a constant.

    Pixels belong to cells of the grid, at least 16 x 16 large. For each cell, the system of its neighbourhood (a
    window of 7 x 7 samples, moved inside the image) is solved once and serves all its pixels.

    Args:
        values: float64 (3, rows, columns) and codes: uint8 or uint16 (3, rows, columns), sRGB, at the samples.
        pixels (3, N), sRGB of the pixels, of the same depth, and places: int64 (N,), their row-major positions.
        grid: where the samples are.
        position: weight of the position, relative to the longer side, against colours in [0, 1].

    Returns:
        float64 (3, N).
    """
    group = -(-LEAST_CELL // grid.step)  # samples a side of a cell
    row, column = grid.nearest(pixels.device)
    owner = ((row // group)[:, None] * -(-grid.columns // group) + (column // group)[None]).reshape(-1)[places]
    used, owner = torch.unique(owner, return_inverse=True)
    members = neighbourhoods(grid, group, pixels.device)[used]
    centres = features(codes.reshape(3, -1), *grid.places(pixels.device), grid, position)
    right = values.reshape(3, -1).T.double()
    weights = [_solve(centres, right, members[part]) for part in chunks(len(members), _BATCH)]
    solved = torch.cat(weights) if weights else torch.zeros(0, 1, 3, dtype=torch.float64, device=pixels.device)
    out = torch.empty(pixels.shape, dtype=torch.float64, device=pixels.device)
    for part in chunks(pixels.shape[1], 1 << 14):
        here, own = places[part], owner[part]
        points = features(pixels[:, part], here // grid.width, here % grid.width, grid, position)
        kernel = -_distances(points[:, None], centres[members[own]]).squeeze(1)
        tail = torch.ones(len(here), 1, dtype=torch.float64, device=pixels.device)
        out[:, part] = torch.einsum("nk,nkc->cn", torch.cat([kernel, tail], 1), solved[own])
    return out


def neighbourhoods(grid: Grid, group: int, device: torch.device) -> Tensor:
    """For each cell of ``group`` x ``group`` samples, the indices of the samples of its window: int64 (cells, K)."""
    axes = []
    for count in (grid.rows, grid.columns):
        size = min(NEIGHBOURS, count)
        middle = torch.arange(0, count, group, device=device) + group // 2
        first = (middle - size // 2).clamp(0, count - size)
        axes.append(first[:, None] + torch.arange(size, device=device))
    index = axes[0][:, None, :, None] * grid.columns + axes[1][None, :, None, :]
    return index.reshape(len(axes[0]) * len(axes[1]), -1)


def features(codes: Tensor, y: Tensor, x: Tensor, grid: Grid, position: float) -> Tensor:
    """Colour in [0, 1] and weighted position: float64 (N, 5)."""
    scale = position / max(grid.height, grid.width)
    return torch.cat([codes.T.double() / full_scale(codes), torch.stack([y, x], 1).double() * scale], 1)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Distances between the rows of a, (..., M, D), and of b, (..., K, D): (..., M, K)."""
    total = torch.zeros(*a.shape[:-1], b.shape[-2], dtype=a.dtype, device=a.device)
    for axis in range(a.shape[-1]):
        difference = a[..., :, None, axis] - b[..., None, :, axis]
        total += difference * difference
    return total.sqrt()


def _solve(centres: Tensor, values: Tensor, members: Tensor) -> Tensor:
    """Kernel weights and the constant of each neighbourhood: float64 (B, K + 1, 3)."""
    points = centres[members]
    count, size = members.shape
    system = torch.zeros(count, size + 1, size + 1, dtype=torch.float64, device=centres.device)
    system[:, :size, :size] = -_distances(points, points)
    # The negative distance is positive definite on differences: smoothing is added, and no centre is lost.
    system[:, range(size), range(size)] += _SMOOTHING
    system[:, :size, size] = system[:, size, :size] = 1.0
    right = torch.zeros(count, size + 1, 3, dtype=torch.float64, device=centres.device)
    right[:, :size] = values[members]
    return torch.linalg.solve(system, right)
