"""How much of what the networks add is used: chosen for each image by the encoder, two bits in the stream.

Networks that were trained on some cameras and renditions can harm the pictures of others. At a strength of 0 the
transform is linear and carries over to all. The choice is made on a few windows, by about what the latents would cost
there and by the error that their quantisation leaves; a decoder is told it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from rawbench_learned.networks import CodingNetworks

STRENGTHS = (1.0, 0.5, 0.25, 0.0)
"""Of the guess and of what the networks add in analysis and synthesis."""
WINDOW = 64
"""Side in pixels of what is judged of a window."""
MARGIN = 16
"""What the networks see around it."""
WINDOWS = 6
ZEROED = 0.7
"""Below so many steps the encoder mostly finds a zero worth its error."""
NONZERO_BITS, DOUBLING_BITS = 3.5, 1.5
"""About what a symbol costs that is not zero, and each doubling of it."""
NOTICEABLE = 0.99
"""Less than this part of the full strength's cost is what another must promise."""


def windows(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of up to `WINDOWS` windows with their margins, apart from each other.

    Args:
        height: of the padded image, in pixels.
        width: of it.
    """
    side = WINDOW + 2 * MARGIN
    columns = min(3, max(1, width // side))
    rows = min(WINDOWS // 3, max(1, height // side))
    for row in range(rows):
        for column in range(columns):
            top = _place(height, side, row, rows)
            left = _place(width, side, column, columns)
            yield slice(top, top + side), slice(left, left + side)


def _place(size: int, side: int, number: int, count: int) -> int:
    # In the middle of its share, on the grid of padded images.
    middle = (2 * number + 1) * size // (2 * count)
    return max(min(middle - side // 2, size - side), 0) // 16 * 16


def costs(
    networks: CodingNetworks, residual: Tensor, guide: tuple[Tensor, Tensor], hats: Tensor, steps: Tensor, worth: float
) -> Tensor:
    """Return about how many bits each of `STRENGTHS` costs in one window, its error counted in bits: float32 (4,).

    Args:
        networks: of the codec.
        residual: raw - base in cells, gained (1, 48, H/4, W/4).
        guide: features and guess of the sRGB.
        hats: quality.
        steps: of quantisation, (48,).
        worth: bits that a squared unit of error is worth.
    """
    features, guess = guide
    cut = MARGIN // 4
    inside = (..., slice(cut, -cut), slice(cut, -cut)) if min(residual.shape[-2:]) > 2 * cut else ...
    found = []
    for strength in STRENGTHS:
        share = residual.new_full((1, 1, 1, 1), strength)
        z = networks.analysis(residual, share * guess, features, hats, share) / steps.view(1, -1, 1, 1)
        symbols = torch.where(z.abs() < ZEROED, 0, torch.round(z))
        decoded = networks.synthesis(symbols * steps.view(1, -1, 1, 1), share * guess, features, hats, share)
        error = (decoded - residual)[inside].square().sum()
        found.append(_bits(symbols[inside]) + worth * error)
    return torch.stack(found)


def _bits(symbols: Tensor) -> Tensor:
    magnitudes = symbols.abs()
    return torch.where(magnitudes > 0, NONZERO_BITS + DOUBLING_BITS * torch.log2(magnitudes.clamp_min(1)), 0).sum()


def chosen(costs: Tensor) -> int:
    """Return the index of the strength that costs least, (4,); the full one unless another is noticeably better."""
    totals = costs.tolist()
    best = min(range(len(totals)), key=totals.__getitem__)
    return best if totals[best] < NOTICEABLE * totals[0] else 0
