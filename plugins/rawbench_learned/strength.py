"""How much of what the networks add is used: chosen for each image by the encoder, two bits in the stream.

Networks that were trained on some cameras and renditions can harm the pictures of others. At a strength of 0 the
transform is linear and carries over to all. The choice is made on a few windows, by about what the latents would cost
there and by the error that their quantisation leaves; a decoder is told it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import EllipsisType

import torch
from torch import Tensor

from rawbench_learned.features import CELL
from rawbench_learned.networks import CodingNetworks

STRENGTHS = (1.0, 0.5, 0.25, 0.0)
"""Of the guess and of what the networks add in analysis and synthesis."""
WINDOW = 64
"""Side in pixels of what is judged of a window."""
MARGIN = 16
"""What the networks see around it."""
WINDOWS = 4
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
    columns = min(WINDOWS // 2, max(1, width // side))
    rows = min(2, max(1, height // side))
    for row in range(rows):
        for column in range(columns):
            top = _place(height, side, row, rows)
            left = _place(width, side, column, columns)
            yield slice(top, top + side), slice(left, left + side)


def _place(size: int, side: int, number: int, count: int) -> int:
    # In the middle of its share, on the grid of padded images.
    middle = (2 * number + 1) * size // (2 * count)
    return max(min(middle - side // 2, size - side), 0) // 16 * 16


@dataclass(frozen=True)
class Seen:
    """What one window shows an encoder.

    Attributes:
        residual: raw - base in cells, gained (1, 48, H/4, W/4).
        features: of the guide.
        guess: of the guide.
    """

    residual: Tensor
    features: Tensor
    guess: Tensor


def choose(networks: CodingNetworks, seen: list[Seen], hats: Tensor, steps: Tensor, worth: float) -> int:
    """Return the index of the strength that costs least; the full one unless another is noticeably better.

    Weaker ones are tried while they gain.

    Args:
        networks: of the codec.
        seen: windows.
        hats: quality.
        steps: of quantisation, (48,).
        worth: bits that a squared unit of error is worth.
    """
    best, least = 0, NOTICEABLE * _cost(networks, seen, hats, steps, worth, STRENGTHS[0])
    for index, strength in enumerate(STRENGTHS[1:], 1):
        cost = _cost(networks, seen, hats, steps, worth, strength)
        if cost >= least:
            break
        best, least = index, cost
    return best


def _cost(
    networks: CodingNetworks, seen: list[Seen], hats: Tensor, steps: Tensor, worth: float, strength: float
) -> float:
    # About how many bits the windows cost, their error counted in bits.
    share, steps = hats.new_full((1, 1, 1, 1), strength), steps.view(1, -1, 1, 1)
    total = hats.new_zeros(())
    for window in seen:
        guess = share * window.guess
        z = networks.analysis(window.residual, guess, window.features, hats, share) / steps
        symbols = torch.where(z.abs() < ZEROED, 0, torch.round(z))
        decoded = networks.synthesis(symbols * steps, guess, window.features, hats, share)
        inside = _inside(window.residual)
        total += _bits(symbols[inside]) + worth * (decoded - window.residual)[inside].square().sum()
    return float(total)


def _inside(residual: Tensor) -> tuple[EllipsisType, slice, slice]:
    cut = MARGIN // CELL if min(residual.shape[-2:]) > 2 * MARGIN // CELL else 0
    height, width = residual.shape[-2:]
    return (..., slice(cut, height - cut), slice(cut, width - cut))


def _bits(symbols: Tensor) -> Tensor:
    magnitudes = symbols.abs()
    return torch.where(magnitudes > 0, NONZERO_BITS + DOUBLING_BITS * torch.log2(magnitudes.clamp_min(1)), 0).sum()
