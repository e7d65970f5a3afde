"""The serial context model: each latent pixel with its decoded neighbours above and left, in raster order's sense."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from rawbench_learned.coding import Coder
from rawbench_learned.context import KERNEL

SLOPE = KERNEL // 2 + 1
"""Columns by which a row may lag behind the one above it, so that it sees all that raster order has before it."""


class SerialCoder(Coder):
    """`Coder` whose context steps are diagonals: pixels that raster order's windows do not let see each other.

    So there are W/4 + 3 H/4 steps in the place of H/4 * W/4, with the same contexts.
    """

    def groups(self, order: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Yield the positions of each diagonal, from the upper left on."""
        height, width = order.shape
        rows, columns = (torch.arange(size, device=order.device) for size in (height, width))
        diagonal = (SLOPE * rows[:, None] + columns).flatten()
        lengths = torch.bincount(diagonal.cpu()).tolist()
        yield from ((0, positions) for positions in diagonal.argsort(stable=True).split(lengths) if len(positions))
