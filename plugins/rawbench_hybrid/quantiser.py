"""Steps of the quantiser, sixteen to the octave, and coefficients to steps and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rawbench_hybrid.wavelet import Bands

PER_OCTAVE = 16
STEPS = 15 * PER_OCTAVE  # from 1 to 31,379 units of 16 bits
_MANTISSAS = (256, 267, 279, 292, 304, 318, 332, 347, 362, 378, 395, 412, 431, 450, 470, 490)
BIAS_UNIT = 1 / 32  # by which magnitudes of 1, and above 1, lie below their middles: 4 bits each
BIAS_REACH = 8
# Norms of the synthesis of one coefficient, from the finest level on: high along one axis, along both; the low band's.
_NORMS = ((1.011, 1.040), (0.998, 0.967), (1.046, 1.040), (1.067, 1.075), (1.073, 1.086))
_LOW_NORM = 1.06


def step_of(index: int) -> int:
    """The step of an index, in sixteenths of a unit of 16 bits."""
    return (_MANTISSAS[index % PER_OCTAVE] << index // PER_OCTAVE) >> 4


def norm_of(level: int, orientation: int) -> float:
    """The norm of a band of a level counted from the finest, which is 0."""
    return _NORMS[min(level, len(_NORMS) - 1)][int(orientation == 2)]


def in_steps(bands: Bands, step: int) -> Bands:
    """Coefficients, float32, in steps."""
    size, count = step / 16, len(bands.details)
    details = [
        tuple(band * np.float32(norm_of(count - 1 - n, o) / size) for o, band in enumerate(three))
        for n, three in enumerate(bands.details)
    ]
    return Bands(bands.low * np.float32(_LOW_NORM / size), details)


def from_steps(bands: Bands, step: int, bias: tuple[int, int]) -> Bands:
    """Coefficients, float32, of int32 numbers of steps, whose magnitudes are moved by ``bias`` units."""
    size, count = step / 16, len(bands.details)
    one, more = np.float32(bias[0] * BIAS_UNIT), np.float32(bias[1] * BIAS_UNIT)

    def middle(q: np.ndarray, factor: float) -> np.ndarray:
        shift = np.where(np.abs(q) == 1, one, more) * np.sign(q)
        return (q.astype(np.float32) - shift.astype(np.float32)) * np.float32(factor)

    details = [
        tuple(middle(band, size / norm_of(count - 1 - n, o)) for o, band in enumerate(three))
        for n, three in enumerate(bands.details)
    ]
    return Bands(middle(bands.low, size / _LOW_NORM), details)


def bias_sums(real: Sequence[Bands], coded: Sequence[Bands]) -> np.ndarray:
    """Of magnitudes of 1 and above 1: how far they lie above what they stand for, summed, and how many there are."""
    sums = np.zeros((2, 2))
    for exact, whole in zip(real, coded, strict=True):
        pairs = [(exact.low, whole.low)]
        pairs += [p for e, w in zip(exact.details, whole.details, strict=True) for p in zip(e, w, strict=True)]
        for x, q in pairs:
            where = np.nonzero(q)
            size, below = np.abs(q[where]), np.abs(q[where]) - np.sign(q[where]) * x[where]
            for row, chosen in enumerate((size == 1, size > 1)):
                sums[row] += below[chosen].sum(dtype=np.float64), chosen.sum()
    return sums


def best_bias(sums: np.ndarray) -> tuple[int, int]:
    """The biases, in units, -8..7, that fit `bias_sums`."""
    units = np.rint(sums[:, 0] / np.maximum(sums[:, 1], 1) / BIAS_UNIT)
    one, more = np.clip(units, -BIAS_REACH, BIAS_REACH - 1).astype(int)
    return int(one), int(more)
