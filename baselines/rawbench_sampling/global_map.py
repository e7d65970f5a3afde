"""The global mapping sRGB -> raw that samples are a rest of, a rough one for a sampler, and the scale of a rest."""

from __future__ import annotations

import torch
from torch import Tensor

from rawbench.blocks.polynomial_coding import Quantised
from rawbench.blocks.polynomial_fitting import fit_polynomial
from rawbench_sampling.grid import Grid

_DEGREE = 3
_DECIBELS = 0.05  # that a bit a sample has to buy: a sample takes some 20 bits, and twice as many buy about a decibel
_STEP = 12
_LEAST = 1e-4  # mean rest, in raw, that is shown at full scale


def fit_global_map(raw: Tensor, srgb: Tensor, samples: int) -> Quantised:
    """Fit the polynomial that goes with some samples: to all pixels, for as many bits as are worth it beside them.

    It is in the payload anyway; fitted to the samples alone it would depend on which rare pixels, clipped ones above
    all, are among them.

    Args:
        raw: float32 (3, H, W).
        srgb: uint8 or uint16 (3, H, W).
        samples: how many are sent.
    """
    return fit_polynomial(srgb, raw, _DEGREE, _DECIBELS / max(samples, 1))


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
