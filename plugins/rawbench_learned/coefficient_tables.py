"""How the base's coefficients are written: their step, and which of a few sets of tables they go through.

They differ by orders of magnitude between a plain rendition, whose images are all mapped nearly alike, and a JPEG or a
local one. One table for each would be made for the widest: so there are `SETS` of them, fitted to training frames as a
mixture, and an image names the one that costs it least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rawbench_learned import rate
from rawbench_learned.base import EXPONENTS, Coefficients
from rawbench_learned.range_coder import SymbolDecoder, SymbolEncoder
from rawbench_learned.tables import Tables, symbol_costs

SETS = 8
SHIFTS = 8
"""The lowest bits of each, up to seven, may be sent as they are, in front of the rest's table."""
ROUNDS = 12


def fit_sets(values: np.ndarray, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """Return shifts and rows of `tables`, int64 (SETS, M) each, that are cheapest for images' coefficients.

    Lloyd's algorithm: each image takes its cheapest set, each set the cheapest table of each coefficient.

    Args:
        values: integers (images, M).
        tables: `rate.SCALES` rows.
    """
    options = [(shift, row) for shift in range(SHIFTS) for row in range(rate.SCALES)]
    bits = np.stack([_bits(values, shift, row, tables) for shift, row in options], -1)
    channels = np.arange(values.shape[1])
    # From the images with the smallest coefficients to those with the largest.
    size = np.log2(1 + np.abs(values)).sum(1)
    nearest = np.argsort(np.argsort(size, kind="stable"), kind="stable") * SETS // len(values)
    chosen = np.zeros((SETS, len(channels)), np.int64)
    for _ in range(ROUNDS):
        for number in np.unique(nearest):
            chosen[number] = bits[nearest == number].sum(0).argmin(1)
        nearest = np.stack([bits[:, channels, row].sum(1) for row in chosen]).argmin(0)
    shifts, rows = np.array(options).T
    return shifts[chosen], rows[chosen]


@dataclass(frozen=True)
class CoefficientCoding:
    """Writes and reads the base's coefficients.

    Attributes:
        shifts: int64 (SETS, M).
        rows: int64 (SETS, M).
        tables: that they are rows of.
    """

    shifts: np.ndarray
    rows: np.ndarray
    tables: Tables

    def write(self, coefficients: Coefficients, encoder: SymbolEncoder) -> None:
        """Write the exponent of the step, the cheapest set, and the integers by its tables."""
        values = coefficients.integers
        costs = [_bits(values, *channel, self.tables).sum() for channel in zip(self.shifts, self.rows, strict=True)]
        number = int(np.argmin(costs))
        encoder.write_uniform(np.array([coefficients.exponent]), EXPONENTS)
        encoder.write_uniform(np.array([number]), SETS)
        encoder.write(values >> self.shifts[number], self.rows[number], self.tables)
        for value, low in zip(values, self.shifts[number], strict=True):
            encoder.write_uniform(np.array([value & (1 << low) - 1]), 1 << int(low))

    def read(self, decoder: SymbolDecoder) -> Coefficients:
        """Read what `write` wrote."""
        exponent = int(decoder.read_uniform(1, EXPONENTS)[0])
        number = int(decoder.read_uniform(1, SETS)[0])
        values = decoder.read(self.rows[number], self.tables) << self.shifts[number]
        for channel, low in enumerate(self.shifts[number]):
            values[channel] |= decoder.read_uniform(1, 1 << int(low))[0]
        return Coefficients(values, exponent)


def _bits(values: np.ndarray, shift: int | np.ndarray, row: int | np.ndarray, tables: Tables) -> np.ndarray:
    numbers = np.broadcast_to(row, values.shape)
    return (symbol_costs(values >> shift, numbers, tables) + shift).astype(np.float32)
