"""Uniform sampling grids: which pixels are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

import rawbench

# Grid steps by rate point index; step 64 stores the fewest samples.
STEPS = (64, 48, 32, 24, 16, 12, 8, 6, 4)


def rate_points(steps: Sequence[int]) -> list[rawbench.RatePoint]:
    """A rate point for each grid step, by its place."""
    return [rawbench.RatePoint(index, f"step={step}") for index, step in enumerate(steps)]


@dataclass(frozen=True)
class Grid:
    """Rows and columns ``first + k * step`` of an image, centred; at least one of each."""

    height: int
    width: int
    step: int

    @property
    def first_row(self) -> int:
        """The first sampled row."""
        return (self.height - 1) % self.step // 2

    @property
    def first_column(self) -> int:
        """The first sampled column."""
        return (self.width - 1) % self.step // 2

    @property
    def rows(self) -> int:
        """How many rows are sampled."""
        return (self.height - 1) // self.step + 1

    @property
    def columns(self) -> int:
        """How many columns are sampled."""
        return (self.width - 1) // self.step + 1

    def places(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Row and column of each sampled pixel, row by row: int64 (rows * columns,) each."""
        y, x = torch.meshgrid(
            self.first_row + self.step * torch.arange(self.rows, device=device),
            self.first_column + self.step * torch.arange(self.columns, device=device),
            indexing="ij",
        )
        return y.reshape(-1), x.reshape(-1)

    def take(self, image: Tensor) -> Tensor:
        """The sampled pixels of an image (C, H, W): (C, rows, columns)."""
        return image[:, self.first_row :: self.step, self.first_column :: self.step]

    def put(self, image: Tensor, samples: Tensor) -> None:
        """Paste samples, (C, rows, columns), into an image (C, H, W)."""
        image[:, self.first_row :: self.step, self.first_column :: self.step] = samples

    def nearest(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """For each row and for each column of the image, the index of the nearest sampled one: int64 (H,), (W,)."""
        pairs = ((self.height, self.first_row, self.rows), (self.width, self.first_column, self.columns))
        row, column = (
            ((torch.arange(n, device=device) - first + self.step // 2) // self.step).clamp(0, count - 1)
            for n, first, count in pairs
        )
        return row, column
