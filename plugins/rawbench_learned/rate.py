"""Quality: one byte that sets the quantisation steps, the multiplier of the loss and the networks' condition."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rawbench_learned.exact import round_through

LEVELS = 256
KNOTS = 9
SCALES = 64
"""Number of scale tables; `scale_table`."""
SMALLEST_SCALE, LARGEST_SCALE = 0.05, 256.0
_LOG_STEP = float(np.log(LARGEST_SCALE / SMALLEST_SCALE) / (SCALES - 1))
STEP_UNIT = 1 / 256
"""Quantisation steps are integer multiples of this, so that the table of steps is a table of integers."""


def quality_byte(quality: float) -> int:
    """Return the byte that carries a quality in [0, 1]."""
    return int(round(quality * (LEVELS - 1)))


def scale_table() -> np.ndarray:
    """Return the standard deviations of the 64 tables in units of the quantisation step, float64, log-spaced."""
    return SMALLEST_SCALE * np.exp(_LOG_STEP * np.arange(SCALES))


def hats(quality: Tensor) -> Tensor:
    """Return the condition of the networks: triangles around `KNOTS` knots, times 4, exact multiples of 1/8.

    Args:
        quality: bytes, integer (B,).

    Returns:
        float32 (B, KNOTS), at most two of them not zero.
    """
    spacing = LEVELS // (KNOTS - 1)
    knots = torch.arange(KNOTS, device=quality.device, dtype=torch.float32) * spacing
    distance = (quality.float().unsqueeze(1) - knots).abs()
    return (4 - distance * (4 / spacing)).clamp_min(0)


class QuantisationSteps(nn.Module):
    """Steps per quality and channel, falling with quality by construction (log-linear between knots).

    Args:
        channels: how many.
        coarsest: initial step at quality byte 0.
        finest: initial step at the highest quality.
    """

    def __init__(self, channels: int, coarsest: float, finest: float) -> None:
        super().__init__()
        fall = float(np.log(coarsest / finest)) / (KNOTS - 1)
        self.top = nn.Parameter(torch.full((channels, 1), float(np.log(coarsest))))
        self.falls = nn.Parameter(torch.full((channels, KNOTS - 1), float(np.log(np.expm1(fall)))))

    def logarithms(self) -> Tensor:
        """Return log steps (KNOTS, channels), before rounding, falling along the knots."""
        drop = torch.cumsum(F.softplus(self.falls), 1)
        return torch.cat([self.top, self.top - drop], 1).T

    def forward(self, quality: Tensor) -> Tensor:
        """Return steps (B, channels, 1, 1): multiples of `STEP_UNIT`, at least one of them.

        Args:
            quality: bytes, integer (B,).
        """
        steps = torch.exp(hats(quality) / 4 @ self.logarithms())
        return (round_through(steps / STEP_UNIT).clamp_min(1) * STEP_UNIT)[..., None, None]


def scale_offsets(steps: Tensor) -> Tensor:
    """Return what a step adds to the table index: index of scale/step = index of scale + offset, to an integer.

    Args:
        steps: any shape.
    """
    return torch.floor(-torch.log(steps.detach()) / _LOG_STEP + 0.5)


def scale_of_index(index: Tensor) -> Tensor:
    """Return the standard deviation of table ``index``, differentiable."""
    return SMALLEST_SCALE * torch.exp(_LOG_STEP * index)


def index_of_scale(scale: float) -> float:
    """Return the (fractional) table index of a standard deviation."""
    return float(np.log(scale / SMALLEST_SCALE) / _LOG_STEP)


def loss_multiplier(quality: Tensor, lowest: float, highest: float) -> Tensor:
    """Return lambda (B,) for quality bytes: log-spaced."""
    return lowest * (highest / lowest) ** (quality.float() / (LEVELS - 1))
