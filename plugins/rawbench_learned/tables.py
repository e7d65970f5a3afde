"""Integer probability tables: what the range coder uses, computed once and stored with the weights.

A table is a row of positive integers with the sum 2**24, for the symbols minimum, minimum + 1, ... and, last, for
"escape": whatever is not in the row follows by other means (`range_coder`).

`constriction` does the arithmetic. Its categorical models take floating-point probabilities; given the integers
``frequency - 1`` as float64 they become exactly the intervals of our integer tables (each entry gets one unit by
itself, the rest is scaled by exactly one). `Tables.models` checks that on a table, so that another version of the
library is noticed and not decoded with.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from constriction import stream
from scipy.special import ndtr

from rawbench.errors import PluginError
from rawbench_learned import rate

PRECISION = 24
TOTAL = 2**PRECISION
TAIL = 2.0**-22
"""Symbols that are rarer than this in sum, on each side, are left to the escape."""
WIDEST = 2048


@dataclass(frozen=True)
class Tables:
    """Rows of different lengths, one after the other.

    Attributes:
        frequencies: uint32, all rows.
        lengths: int32, entries of each row, the escape included.
        minima: int32, first symbol of each row.
    """

    frequencies: np.ndarray
    lengths: np.ndarray
    minima: np.ndarray

    def __post_init__(self) -> None:
        ends = np.cumsum(self.lengths)
        valid = len(self.lengths) == len(self.minima) and bool((self.lengths >= 2).all())
        valid = valid and int(ends[-1]) == len(self.frequencies) and bool((self.frequencies > 0).all())
        starts = ends - self.lengths
        if not valid or (np.add.reduceat(self.frequencies.astype(np.int64), starts) != TOTAL).any():
            raise ValueError("probability tables are not rows of positive integers with the sum 2**24")

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each row starts, int64."""
        return np.cumsum(self.lengths, dtype=np.int64) - self.lengths

    @cached_property
    def bits(self) -> np.ndarray:
        """What each entry of all rows costs, float64."""
        return PRECISION - np.log2(self.frequencies)

    @cached_property
    def models(self) -> list[Any]:
        """The range coder's models, one a row.

        Raises:
            PluginError: the library makes other intervals of these probabilities than it should.
        """
        rows = [self.row(number) for number in range(len(self.lengths))]
        models = [stream.model.Categorical((row - 1.0).astype(np.float64), perfect=False) for row in rows]
        widest = int(np.argmax(self.lengths))
        _check(rows[widest], models[widest])
        return models

    def row(self, number: int) -> np.ndarray:
        """Return the frequencies of one row."""
        start = int(self.starts[number])
        return self.frequencies[start : start + int(self.lengths[number])]


def _check(row: np.ndarray, model: Any) -> None:
    # A decoder's first symbol is the entry whose interval holds the stream's first 64 bits / 2**40.
    lefts = np.concatenate([[0], np.cumsum(row, dtype=np.int64)])
    unit = (2**64 - 1) >> PRECISION
    for entry in {0, 1, len(row) // 2, len(row) - 1}:
        for point in (int(lefts[entry]) * unit, int(lefts[entry + 1]) * unit - 1):
            words = np.array([point >> 32, point & 0xFFFFFFFF], np.uint32)
            if stream.queue.RangeDecoder(words).decode(model) != entry:
                raise PluginError("this version of constriction does not reproduce integer probability tables")


def integer_row(masses: np.ndarray) -> np.ndarray:
    """Return positive integers with the sum 2**24, close to ``masses`` (any non-negative numbers)."""
    masses = np.maximum(np.asarray(masses, np.float64), 0)
    free = TOTAL - len(masses)
    row = 1 + np.floor(masses / masses.sum() * free).astype(np.int64)
    row[int(np.argmax(row))] += TOTAL - row.sum()
    return row.astype(np.uint32)


def joined(rows: list[np.ndarray], minima: list[int]) -> Tables:
    """Return tables from integer rows."""
    lengths = np.array([len(row) for row in rows], np.int32)
    return Tables(np.concatenate(rows).astype(np.uint32), lengths, np.array(minima, np.int32))


def gaussian_tables() -> Tables:
    """Return the tables of `rate.scale_table`: integer symbols under zero-mean Gaussians."""
    rows, minima = [], []
    for scale in rate.scale_table():
        reach = 0
        while ndtr(-(reach + 0.5) / scale) > TAIL and reach < WIDEST:
            reach += 1
        edges = np.arange(-reach, reach + 2) - 0.5
        masses = np.diff(ndtr(edges / scale))
        # The upper half of a difference of values near one is inexact: mirror the lower.
        masses[reach + 1 :] = masses[:reach][::-1]
        rows.append(integer_row(np.append(masses, 2 * ndtr(-(reach + 0.5) / scale))))
        minima.append(-reach)
    return joined(rows, minima)


def symbol_costs(symbols: np.ndarray, numbers: np.ndarray, tables: Tables) -> np.ndarray:
    """Return about how many bits each symbol costs by its table, float64 (N,)."""
    entries = symbols - tables.minima[numbers]
    last = tables.lengths[numbers] - 1
    outside = (entries < 0) | (entries >= last)
    bits = tables.bits[tables.starts[numbers] + np.where(outside, last, entries)]
    return bits + outside * (6 + np.ceil(np.log2(np.abs(entries) + 1)))
