"""The encoder's freedom: symbols nearer to zero where that pays. A decoder does not know how symbols were chosen."""

from __future__ import annotations

import numpy as np

from rawbench_learned import rate
from rawbench_learned.architecture import LATENTS
from rawbench_learned.features import CELL
from rawbench_learned.tables import Tables, symbol_costs

LARGEST_SYMBOL = 2**15 - 1
LAMBDAS = (0.03, 80.0)
"""Multipliers of the training at the lowest and the highest quality; the encoder's choices follow them."""
ERROR_WEIGHT = 4.5
"""How much more an error counts than the exchange rate says, because symbols are also the context of others. Found on
validation frames: at equal bytes 0.1 to 0.4 dB above 1.5."""


def bits_worth(quality: int) -> float:
    """Return how many bits a squared unit of error in a latent is worth at a quality byte.

    The training's exchange rate (its distortion is the mean over the samples of a cell, which are as many as latents).
    """
    low, high = LAMBDAS
    multiplier = low * (high / low) ** (quality / (rate.LEVELS - 1))
    return ERROR_WEIGHT * multiplier * CELL**2 / LATENTS


def economical(ratios: np.ndarray, numbers: np.ndarray, worth: np.ndarray, tables: Tables) -> np.ndarray:
    """Return symbols, int64 (N, 48): the nearest integers, or one nearer to zero where the bits saved are worth it.

    Args:
        ratios: latents minus means in quantisation steps (N, 48).
        numbers: of tables (N, 48).
        worth: bits that a squared step of error is worth, for each channel (48,).
        tables: rows.
    """
    symbols = np.rint(ratios).clip(-LARGEST_SYMBOL, LARGEST_SYMBOL).astype(np.int64)
    rows, channels = np.nonzero(symbols)
    if not len(rows):
        return symbols
    nearest, number = symbols[rows, channels], numbers[rows, channels]
    smaller = nearest - np.sign(nearest)
    ratio = ratios[rows, channels].astype(np.float64)
    saved = symbol_costs(nearest, number, tables) - symbol_costs(smaller, number, tables)
    lost = ((ratio - smaller) ** 2 - (ratio - nearest) ** 2) * worth[channels]
    symbols[rows, channels] = np.where(saved > lost, smaller, nearest)
    return symbols
