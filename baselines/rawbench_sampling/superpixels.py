"""Content-aware choice of pixels: the one that belongs most to each superpixel (Nam et al., CVPR 2022, section 3).

An image is divided into square cells. A network says of each pixel how much it belongs to the superpixels of the nine
cells around it, in the order of ``OFFSETS``; each superpixel keeps the pixel of its 3 x 3 cells that belongs to it
most. Several superpixels may keep the same pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

OFFSETS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
"""Channel k of an association is with the cell at OFFSETS[k] from the pixel's own."""


def gathered(association: Tensor, cell: int, fill: float = 0.0) -> Tensor:
    """Associations of the pixels of 3 x 3 cells with the superpixel in their middle.

    Args:
        association: float (9, H, W), H and W multiples of ``cell``.
        cell: side of a cell in pixels.
        fill: for cells outside the image.

    Returns:
        float (rows, columns, 9, cell * cell): for each superpixel, by neighbouring cell and pixel in it.
    """
    height, width = association.shape[1:]
    rows, columns = height // cell, width // cell
    cells = association.reshape(9, rows, cell, columns, cell).permute(0, 1, 3, 2, 4).reshape(9, rows, columns, -1)
    padded = functional.pad(cells, (0, 0, 1, 1, 1, 1), value=fill)
    # Seen from the cell in the middle, the pixels at (dy, dx) have it at (-dy, -dx).
    parts = [padded[8 - k, 1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns] for k, (dy, dx) in enumerate(OFFSETS)]
    return torch.stack(parts, 2)


def chosen_positions(association: Tensor, cell: int) -> Tensor:
    """The pixel that each superpixel keeps: int64 (rows * columns,), row-major positions; first among equals.

    Args:
        association: float (9, H, W), negative where a pixel must not be chosen; H and W multiples of ``cell``.
        cell: side of a cell in pixels.
    """
    width = association.shape[2]
    windows = gathered(association, cell, fill=-1.0)
    rows, columns = windows.shape[:2]
    flat = windows.reshape(rows * columns, -1)
    # argmax leaves open which of equals it takes; the first is the one that has the least index.
    index = torch.arange(flat.shape[1], device=flat.device).expand_as(flat)
    best = torch.where(flat == flat.amax(1, keepdim=True), index, flat.shape[1]).amin(1)
    neighbour, inside = best // (cell * cell), best % (cell * cell)
    own = torch.arange(rows * columns, device=flat.device)
    y = (own // columns + neighbour // 3 - 1) * cell + inside // cell
    x = (own % columns + neighbour % 3 - 1) * cell + inside % cell
    return y * width + x


def soft_mask(association: Tensor, cell: int) -> Tensor:
    """The mask of chosen pixels, float (1, H, W) of 0 and 1, whose gradient reaches the winners' associations."""
    positions = chosen_positions(association.detach(), cell)
    windows = gathered(association, cell)
    strengths = windows.reshape(len(positions), -1).amax(1)
    height, width = association.shape[1:]
    total = torch.zeros(height * width, dtype=association.dtype, device=association.device)
    total = total.index_add(0, positions, strengths)
    hard = torch.zeros_like(total).index_fill(0, positions, 1.0)
    passed = functional.hardtanh(total)
    return (hard + passed - passed.detach()).reshape(1, height, width)


def slic_error(association: Tensor, features: Tensor, cell: int) -> Tensor:
    """Mean squared error of each feature rebuilt from superpixels: float (F,).

    Args:
        association: float (9, H, W), sums to 1 over the channels.
        features: float (F, H, W).
        cell: side of a cell in pixels.
    """
    count, height, width = features.shape
    weighted = torch.cat([features, torch.ones_like(features[:1])])
    sums: Tensor | float = 0.0
    for k, (dy, dx) in enumerate(OFFSETS):
        pooled = functional.avg_pool2d((weighted * association[k])[None], cell)[0]
        sums = sums + _moved(pooled, dy, dx)
    assert isinstance(sums, Tensor)
    means = sums[:count] / sums[count:].clamp_min(1e-6)
    rebuilt = torch.zeros_like(features)
    for k, (dy, dx) in enumerate(OFFSETS):
        near = _moved(means, -dy, -dx)
        rebuilt = rebuilt + association[k] * near.repeat_interleave(cell, 1).repeat_interleave(cell, 2)
    return (rebuilt - features).square().mean((1, 2))


def _moved(cells: Tensor, dy: int, dx: int) -> Tensor:
    """Values of cells (C, rows, columns) handed on by (dy, dx); what comes from outside is zero."""
    rows, columns = cells.shape[1:]
    padded = functional.pad(cells, (1, 1, 1, 1))
    return padded[:, 1 - dy : 1 - dy + rows, 1 - dx : 1 - dx + columns]
