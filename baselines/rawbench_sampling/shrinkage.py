"""How much of an interpolated rest is added to the global polynomial: what the encoder measures, in 25 codes.

Samples see single pixels: their noise, and what is rare, is spread with what they know, so that interpolation often
does harm where the polynomial is good, and gains where sRGB is clipped, or the other way round. The encoder has the
raw, so it measures; at the weight 0 the polynomial alone is left, so that samples never do worse than none.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rawbench.blocks.polynomial import clip_class

_STEPS = 4
CODES = (_STEPS + 1) ** 2
"""Code = 5 x the weight where a channel is clipped + the weight elsewhere, in quarters."""
WHOLE = CODES - 1
"""The code of both weights at 1."""


def choose_weights(rest: Tensor, target: Tensor, srgb: Tensor) -> int:
    """The code of the weights that bring a rest nearest to a target.

    Args:
        rest: float64 (3, H, W), interpolated.
        target: float64 (3, H, W), what the polynomial leaves of raw.
        srgb: uint8 or uint16 (3, H, W).
    """
    quarters = []
    for rows in _classes(srgb):
        spread, truth = rest.reshape(3, -1)[:, rows], target.reshape(3, -1)[:, rows]
        energy, common = float((spread * spread).sum()), float((spread * truth).sum())
        quarters.append(min(max(round(_STEPS * common / energy), 0), _STEPS) if energy > 0 else 0)
    return quarters[0] + (_STEPS + 1) * quarters[1]


def weighted(rest: Tensor, srgb: Tensor, code: int) -> Tensor:
    """A rest, float64 (3, H, W), times the weights of a code."""
    out = torch.empty_like(rest).reshape(3, -1)
    for rows, quarters in zip(_classes(srgb), (code % (_STEPS + 1), code // (_STEPS + 1)), strict=True):
        out[:, rows] = rest.reshape(3, -1)[:, rows] * (quarters / _STEPS)
    return out.reshape(rest.shape)


def _classes(srgb: Tensor) -> tuple[Tensor, Tensor]:
    """Which pixels have no clipped channel, and which have one: bool (H * W,) each."""
    clipped = clip_class(srgb.reshape(3, -1).T) != 0
    return ~clipped, clipped
