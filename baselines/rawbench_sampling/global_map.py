"""The encoder's rough global mapping sRGB -> raw, whose rest a sampler looks at; and the scale of a rest."""

from __future__ import annotations

import torch
from torch import Tensor

from rawbench.blocks.polynomial_fitting import fit_polynomial
from rawbench_sampling.grid import Grid

_STEP = 12
_LEAST = 1e-4  # mean rest, in raw, that is shown at full scale


def rough_rest(raw: Tensor, srgb: Tensor) -> Tensor:
    """What a polynomial of degree 1, fitted to a grid of pixels, leaves of raw: float32 (3, H, W).

    Args:
        raw: float32 (3, H, W).
        srgb: uint8 or uint16 (3, H, W).
    """
    grid = Grid(srgb.shape[1], srgb.shape[2], _STEP)
    codes = grid.take(srgb).reshape(3, -1)
    fitted = fit_polynomial(codes, grid.take(raw).reshape(3, -1).double(), 1, 2.0 / codes.shape[1], 2)
    return (raw.double() - fitted.polynomial()(srgb)).float()


def gain_of(values: Tensor) -> Tensor:
    """The factor that brings values to a mean magnitude of 1, and those of next to nothing less far."""
    return 1 / values.abs().double().mean().clamp_min(_LEAST).to(torch.float32)
