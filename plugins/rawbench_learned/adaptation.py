"""Backward adaptation of the scale tables: what was decoded corrects what the networks predict next. Costs no bits.

Networks that were trained on some cameras and renditions misjudge the scales of others, often for whole images. So, in
each of 9 groups of channels (3 colour sums, 3 ranges of frequency) and 12 buckets of the predicted table's number, that
shift of the number in -12..12 is kept which would have cost least so far, old costs fading. Where it leads the
prediction by some bits, it is taken. What the other buckets of the group saw, and the other groups of the bucket,
counts a little: at low rates there is not much else. Encoder and decoder do the same with the same integers.

The constants were found on validation frames, developed as cameras do: 6.8 % of the bytes are saved there, 6.2 %
without the neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rawbench_learned import rate
from rawbench_learned.architecture import LATENTS
from rawbench_learned.tables import PRECISION, Tables

REACH = 12
SHIFTS = 2 * REACH + 1
BUCKETS = 12
GROUPS = 9
UNIT_BITS = 8
"""Costs are integers in units of 2**-8 bit."""
LEAD = 8 << UNIT_BITS
OWN = 16
"""How much more a cell's own costs count than those of its group's and its bucket's other cells."""
FADING = 400
"""Each 32 latent pixels take one part in so many from the costs."""
PERIOD = 32
LONGEST = 4
"""Periods that may pass between two updates, when much is known already."""
LARGEST = 1023
"""Magnitude from which on symbols count as this one."""

BUCKET = np.arange(rate.SCALES) * BUCKETS // rate.SCALES
_STARTS = np.searchsorted(BUCKET, np.arange(BUCKETS))


def _groups() -> np.ndarray:
    place = np.arange(LATENTS)
    frequency = place % 4 + place % 16 // 4
    return place // 16 * 3 + np.select([frequency == 0, frequency <= 2], [0, 1], 2)


_GROUP = _groups()
_CHANNEL = np.arange(SHIFTS)


class Adaptation:
    """The shifts, from nothing known to all.

    Args:
        costs: `shifted_costs` of the tables.
    """

    def __init__(self, costs: np.ndarray) -> None:
        self._costs = costs
        self._totals = np.zeros((GROUPS, BUCKETS, SHIFTS), np.int64)
        self._shifted = np.tile(np.arange(rate.SCALES, dtype=np.uint8), (GROUPS, 1))
        self._row = (_GROUP * rate.SCALES).astype(np.intp)
        self._seen = self._pending = 0

    @property
    def room(self) -> int:
        """How many latent pixels may be coded before the next update."""
        periods = min(max(self._seen // (16 * PERIOD), 1), LONGEST)
        return periods * PERIOD - self._pending

    def parts(self, count: int) -> Iterator[slice]:
        """Yield slices of ``count`` latent pixels, between which `observe` may update; it must be called for each."""
        start = 0
        while start < count:
            part = slice(start, min(start + self.room, count))
            yield part
            start = part.stop

    def tables_of(self, numbers: np.ndarray) -> np.ndarray:
        """Return the tables to use, uint8 (N, 48), for predicted ones, uint8 (N, 48)."""
        return self._shifted.ravel().take(numbers + self._row)

    def observe(self, symbols: np.ndarray, numbers: np.ndarray) -> None:
        """Learn what symbols, integers (N, 48), came where tables uint8 (N, 48) were predicted; N is at most `room`."""
        self._add(symbols, numbers)
        self._pending += len(symbols)
        if not self.room:
            self._seen += self._pending
            for _ in range(self._pending // PERIOD):
                self._totals -= self._totals // FADING
            self._pending = 0
            self._choose()

    def _add(self, symbols: np.ndarray, numbers: np.ndarray) -> None:
        # Zeros, most of all, are counted by group and table; only the others are looked up one by one.
        rows, channels = np.nonzero(symbols)
        found = numbers[rows, channels]
        everywhere = np.bincount((numbers + self._row).ravel(), minlength=GROUPS * rate.SCALES)
        others = np.bincount(self._row[channels] + found, minlength=GROUPS * rate.SCALES)
        zeros = (everywhere - others).reshape(GROUPS, rate.SCALES, 1)
        self._totals += np.add.reduceat(zeros * self._costs[0], _STARTS, axis=1)
        if len(rows):
            costs = self._costs[np.minimum(np.abs(symbols[rows, channels]), LARGEST), found]
            cells = (_GROUP[channels] * BUCKETS + BUCKET[found]) * SHIFTS
            places = (cells[:, None] + _CHANNEL).ravel()
            # Sums of integers below 2**53: exact in float64, in any order.
            sums = np.bincount(places, costs.ravel(), GROUPS * BUCKETS * SHIFTS)
            self._totals += sums.astype(np.int64).reshape(self._totals.shape)

    def _choose(self) -> None:
        totals = self._totals
        totals = OWN * totals + totals.sum(0, keepdims=True) + totals.sum(1, keepdims=True)
        lead = totals[:, :, REACH] - totals.min(2)
        shift = np.where(lead > OWN * LEAD, totals.argmin(2) - REACH, 0)
        self._shifted = np.clip(np.arange(rate.SCALES) + shift[:, BUCKET], 0, rate.SCALES - 1).astype(np.uint8)


def shifted_costs(tables: Tables) -> np.ndarray:
    """Return what each magnitude costs by each table, shifted: int32 (LARGEST + 1, SCALES, SHIFTS)."""
    costs = integer_costs(tables)
    padded = np.pad(costs, ((0, 0), (REACH, REACH)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, SHIFTS, axis=1)


def integer_costs(tables: Tables) -> np.ndarray:
    """Return what each magnitude costs by each table, int32 (LARGEST + 1, rows), in units of 2**-8 bit."""
    entries = np.arange(LARGEST + 1)[:, None] - tables.minima.astype(np.int64)
    last = tables.lengths.astype(np.int64) - 1
    outside = entries >= last
    frequencies = tables.frequencies[tables.starts + np.where(outside, last, entries)]
    escape = 7 + (integer_log2(np.maximum(entries, 1)) >> UNIT_BITS)
    costs = (PRECISION << UNIT_BITS) - integer_log2(frequencies) + outside * (escape << UNIT_BITS)
    return costs.astype(np.int32)


def integer_log2(values: np.ndarray) -> np.ndarray:
    """Return floor(2**8 log2 value), int64, of integers of 1..2**24: by squaring, without a library's logarithm."""
    values = values.astype(np.int64)
    whole = np.zeros_like(values)
    for bits in (16, 8, 4, 2, 1):
        whole += bits * (values >> (whole + bits) > 0)
    result, fraction = whole, values << (30 - whole)
    for _ in range(UNIT_BITS):
        fraction = fraction * fraction >> 30
        carry = fraction >> 31
        result = 2 * result + carry
        fraction >>= carry
    return result
