"""Codes whether a segment of a row holds anything, compiled, where all that is known about it is zero."""

from __future__ import annotations

import numba
import numpy as np

from rawbench_hybrid.contexts import (
    KINDS,
    OCTAVES,
    RIM,
    SEGMENT_INPUTS,
    SEGMENT_WEIGHTS,
    TABLED,
)
from rawbench_hybrid.mixing import learn, mix
from rawbench_hybrid.range_coding import READ, code_bit

_LONGEST_RUN = 15  # of segments without anything that is told apart
_LONE_BITS = 5.4  # about what the place and the sign of one more magnitude of 1 take
_compiled = numba.njit(cache=True, nogil=True)
_inlined = numba.njit(cache=True, nogil=True, forceinline=True)  # in the innermost loop, calls take most of the time


@_inlined
def octave(x, table):
    """Bits of a number, at most ``OCTAVES`` - 1."""
    return np.int64(table[x]) if x < TABLED else np.int64(OCTAVES - 1)


@_inlined
def cost(costs, bit, chance):
    """What a bit costs."""
    return costs[(chance if bit else 65536 - chance) >> 4]


@_inlined
def wanted(real, q, mode, below, y, z):
    """The magnitude, the sign (1 where negative) and the size before rounding of what is to be written here."""
    if real.shape[0] > 0:
        size = abs(np.float64(real[y - RIM, z - RIM]))
        magnitude = np.int64(size + 0.5) if size < 1.5 else np.int64(size + 0.5 - below)
        return magnitude, 1 if real[y - RIM, z - RIM] < 0 else 0, size
    if mode != READ:
        return abs(np.int64(q[y, z])), 1 if q[y, z] < 0 else 0, 0.0
    return np.int64(0), 0, 0.0


@_compiled
def is_quiet(q, outside, y, z, stop):
    """Whether everything about a segment that is known is zero."""
    if q[y, z - 1] or q[y, z - 2] or q[y - 1, z - 1] or q[y - 1, stop]:
        return False
    for at in range(z, stop):  # noqa: SIM110 - this is compiled
        if outside[at] or q[y - 1, at] or q[y - 2, at]:
            return False
    return True


@_inlined
def _see_segment(structure, light, step_class, run, y, z, stop, kind, starts, sizes, index, octaves):
    """Fill ``index`` with the counters of a segment."""
    most = np.int64(0)
    for at in range(z, stop):
        most = max(most, structure[at])
    s, bright = octave(most, octaves), np.int64(light[y - RIM, (z + stop) // 2 - RIM])
    index[0] = bright * OCTAVES + s
    index[1] = bright * 16 + step_class
    index[2] = step_class * OCTAVES + s
    index[3] = min(run, _LONGEST_RUN) * OCTAVES + s
    for i in range(SEGMENT_INPUTS):
        index[i] += starts[i] + kind * sizes[i]


@_compiled
def _worth(real, q, mode, below, y, z, stop):
    """How many magnitudes of a segment are not zero, and what they save: squared steps; much where one is above 1."""
    count, saved = np.int64(0), 0.0
    for at in range(z, stop):
        magnitude, _, size = wanted(real, q, mode, below, y, at)
        if magnitude:
            count += 1
            saved += 2 * size - 1 if magnitude == 1 and size > 0 else 1e9
    return count, saved


@_compiled
def code_segment(
    state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
    real, q, structure, light, step_class, run, y, start, stop, kind, price, below,
    starts, sizes, index, inputs, octaves,
):  # fmt: skip
    """Code whether anything is in a segment; returns it. What does not pay is left out."""
    count, saved = _worth(real, q, mode, below, y, start, stop)
    _see_segment(structure, light, step_class, run, y, start, stop, kind, starts, sizes, index, octaves)
    first, second = SEGMENT_WEIGHTS + kind, SEGMENT_WEIGHTS + KINDS
    chance1, chance2, chance = mix(
        counters, index, SEGMENT_INPUTS, weights, first, second, inputs, stretch, squash, trust
    )
    bits = costs[chance >> 4] - costs[(65536 - chance) >> 4] + _LONE_BITS * count
    bit = 1 if count and saved >= price * bits else 0
    bit = code_bit(state, buffer, mode, bit, chance)
    total[0] += cost(costs, bit, chance)
    learn(counters, index, SEGMENT_INPUTS, weights, first, second, inputs, paces, bit, chance1, chance2, limit, pace)
    return bit
