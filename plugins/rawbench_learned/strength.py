"""Choosing an image's strength: how much of what the float networks add is good for it.

Networks that were trained on some renditions can do harm on others. So the encoder tries every one of
`networks.STRENGTHS` on a few windows of the image, without entropy coding, and takes the cheapest by the training's
exchange of bits for error.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rawbench_learned.features import BLOCK, cells
from rawbench_learned.networks import STRENGTHS, CodingNetworks

WINDOW = 64
"""Side of a window in pixels."""
SMALL = 1 << 20
"""Pixels up to which an image has 4 windows; above, 16."""

Guided = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]
"""sRGB uint8 (B, 3, h, w) -> base, features of the guide, its guess."""


def windows(height: int, width: int) -> list[tuple[slice, slice]]:
    """Return windows of one size in a regular grid; one of the whole image if it is as small as that."""
    count = 2 if height * width <= SMALL else 4
    sides = [min(WINDOW, size // BLOCK * BLOCK) for size in (height, width)]
    starts = [
        sorted({int((size - side) * (2 * n + 1) / (2 * count)) // BLOCK * BLOCK for n in range(count)})
        for size, side in zip((height, width), sides, strict=True)
    ]
    return [(slice(y, y + sides[0]), slice(x, x + sides[1])) for y in starts[0] for x in starts[1]]


def choose_strength(
    networks: CodingNetworks, guided: Guided, raw: Tensor, srgb: Tensor, gain: Tensor, hats: Tensor, steps: Tensor,
    worth: float,
) -> int:  # fmt: skip
    """Return the number of the best of `STRENGTHS`; of equals the strongest.

    Args:
        networks: with weights.
        guided: base and guide of the image.
        raw: float32 (1, 3, H, W), sides multiples of 16.
        srgb: uint8 (1, 3, H, W).
        gain: of the image.
        hats: quality (1, KNOTS).
        steps: quantisation steps (48,).
        worth: bits that a squared unit of error in a latent is worth.
    """
    places = windows(*raw.shape[-2:])
    raw, srgb = (torch.cat([image[..., y, x] for y, x in places]) for image in (raw, srgb))
    base, features, guess = guided(srgb)
    residual, hats, steps = cells(raw - base) * gain, hats.expand(len(raw), -1), steps[:, None, None]
    costs = []
    for value in STRENGTHS:
        strength = torch.tensor(value, device=raw.device)
        symbols = networks.analysis(residual, guess, features, hats, strength) / steps
        decoded = networks.synthesis(torch.round(symbols) * steps, guess, features, hats, strength)
        bits = 2 * torch.log2(1 + symbols.abs()).sum()
        costs.append(bits + worth * (decoded - residual).square().sum())
    return int(torch.stack(costs).argmin())
