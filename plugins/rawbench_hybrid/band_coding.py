"""Codes one band of one colour, compiled: what is known of a coefficient, and its magnitude and sign bit by bit.

A coefficient is coded as the number of bits of its magnitude in unary (the first decision: is it zero?), the bits below
the highest, and the sign. Every decision of the unary part and the sign is mixed from the predictions of counters that
see: neighbours already coded, the parent in the coarser band, the same place in the other colours and in the other
bands of the level, and what the sRGB has there: texture, light and clipping. All sums are of magnitudes in steps of the
quantiser, compared on a logarithmic scale.

Most of a band is nothing but zeros. Where all surroundings of a segment of a row are zero, one decision says whether
anything is in it.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from rawbench_hybrid.contexts import (
    BUSY_WEIGHTS,
    DECISIONS,
    INPUTS,
    KINDS,
    LEVEL_OF,
    LEVEL_WEIGHTS,
    LEVELS,
    LONGEST,
    MAGNITUDE_CONTEXTS,
    MAGNITUDE_STARTS,
    MANTISSA_START,
    MOST_DEPTH,
    OCTAVE_OF,
    OCTAVES,
    QUIET,
    RIM,
    SEGMENT,
    SEGMENT_CONTEXTS,
    SEGMENT_STARTS,
    SIGN_CONTEXTS,
    SIGN_INPUTS,
    SIGN_STARTS,
    SIGN_WEIGHTS,
    TABLED,
)
from rawbench_hybrid.mixing import chance_of, count_in, learn, mix
from rawbench_hybrid.range_coding import READ, code_bit
from rawbench_hybrid.segments import code_segment, cost, is_quiet, octave, wanted

_compiled = numba.njit(cache=True, nogil=True)
_inlined = numba.njit(cache=True, nogil=True, forceinline=True)  # in the innermost loop, calls take most of the time


@_inlined
def level(x, table, most):
    """`_levels`, at most ``most``."""
    n = np.int64(0)
    while x >= TABLED:
        x >>= 1
        n += 2
    return min(n + np.int64(table[x]), most)


@_inlined
def _cross(plane, y, z):
    """A plane's magnitudes about a place: four times the one there, and its four neighbours."""
    total = 4 * abs(np.int64(plane[y, z])) + abs(np.int64(plane[y - 1, z])) + abs(np.int64(plane[y + 1, z]))
    return total + abs(np.int64(plane[y, z - 1])) + abs(np.int64(plane[y, z + 1]))


@_inlined
def _two_crosses(first, second, y, z):
    total = np.int64(0)
    if first.shape[0]:
        total += _cross(first, y, z)
    if second.shape[0]:
        total += _cross(second, y, z)
    return total


@_compiled
def _add_crosses(plane, y, factor, total):
    """Add ``factor`` times `_cross` of a row of a plane."""
    if plane.shape[0]:
        row, north, south = plane[y], plane[y - 1], plane[y + 1]
        for z in range(1, min(len(row), len(total)) - 1):
            middle: Any = 4 * abs(np.int64(row[z])) + abs(np.int64(north[z])) + abs(np.int64(south[z]))
            total[z] += factor * (middle + abs(np.int64(row[z - 1])) + abs(np.int64(row[z + 1])))


@_compiled
def _see_row(parent, other1, other2, sibling1, sibling2, texture, scale, y, outside, structure, above):
    """Fill, for a row, what all other planes have there, twice, and halves of the sRGB's texture in steps."""
    outside[:] = 0
    for plane in (other1, other2, sibling1, sibling2):
        _add_crosses(plane, y, 2, outside)
    if parent.shape[0]:
        above[:] = 0
        _add_crosses(parent, ((y - RIM) >> 1) + RIM, 2, above)
        for z in range(RIM, len(outside) - RIM):
            outside[z] += above[((z - RIM) >> 1) + RIM]
    row, north, south = texture[y], texture[y - 1], texture[y + 1]
    for z in range(RIM, len(structure) - RIM):
        middle: Any = 2 * abs(np.int64(row[z])) + abs(np.int64(north[z])) + abs(np.int64(south[z]))
        structure[z] = ((middle + abs(np.int64(row[z - 1])) + abs(np.int64(row[z + 1]))) * scale) >> 12


@_inlined
def _see(
    q, parent, other1, other2, sibling1, sibling2, outside, structure, light, step_class, y, z, kind, left,
    starts, sizes, context, levels, octaves,
):  # fmt: skip
    """Fill ``context`` with the first counter of each context; returns the level of the surroundings.

    ``left``: of how many coefficients, this one among them, one is known not to be zero; 0 where none is known.
    """
    west: Any = abs(np.int64(q[y, z - 1]))
    north: Any = abs(np.int64(q[y - 1, z]))
    corners: Any = abs(np.int64(q[y - 1, z - 1])) + abs(np.int64(q[y - 1, z + 1]))
    near = 2 * (west + north) + corners + abs(np.int64(q[y, z - 2])) + abs(np.int64(q[y - 2, z]))
    full = level(4 * near + outside, levels, LEVELS - 1)
    s, bright = octave(structure, octaves), np.int64(light[y - RIM, z - RIM])
    context[0] = full * 8 + (bright >> 1)
    context[1] = full * 8 + min(s >> 1, 7)
    context[2] = bright * OCTAVES + s
    context[3] = 256 + (left - 1) * 16 + s if left else bright * 16 + step_class
    count = QUIET
    if full:
        above, centre = np.int64(0), np.int64(0)
        if parent.shape[0]:
            py, pz = ((y - RIM) >> 1) + RIM, ((z - RIM) >> 1) + RIM
            above, centre = _cross(parent, py, pz), abs(np.int64(parent[py, pz]))
        colours, turned = _two_crosses(other1, other2, y, z), _two_crosses(sibling1, sibling2, y, z)
        n, a, c, t = octave(near, octaves), octave(above, octaves), octave(colours, octaves), octave(turned, octaves)
        context[4] = level(near, levels, 23)
        context[5] = n * OCTAVES + a
        context[6] = n * OCTAVES + c
        context[7] = c * OCTAVES + t
        context[8] = ((min(west, 3) * 4 + min(north, 3)) * 3 + min(corners, 2)) * 3 + min(centre, 2)
        context[9] = t * OCTAVES + a
        count = INPUTS
    for i in range(count):
        context[i] += starts[i] + kind * DECISIONS * sizes[i]
    return full


@_compiled
def _sign(x):
    return 2 if x < 0 else (1 if x > 0 else 0)


@_compiled
def _see_signs(q, parent, other1, other2, texture, scale, y, z, kind, starts, sizes, index, octaves):
    """Fill ``index`` with the counters of a sign."""
    west, north = _sign(q[y, z - 1]), _sign(q[y - 1, z])
    west2, north2 = _sign(q[y, z - 2]), _sign(q[y - 2, z])
    first = _sign(other1[y, z]) if other1.shape[0] else 0
    second = _sign(other2[y, z]) if other2.shape[0] else 0
    above = _sign(parent[((y - RIM) >> 1) + RIM, ((z - RIM) >> 1) + RIM]) if parent.shape[0] else 0
    value = np.int64(texture[y, z])
    slope = _sign(value)
    strength = min((octave((abs(value) * scale) >> 12, octaves) + 1) >> 1, 3)
    index[0] = west * 3 + north
    index[1] = strength if value >= 0 else (7 - strength) % 7
    index[2] = (first * 3 + second) * 3 + slope
    index[3] = ((west * 3 + north) * 3 + west2) * 3 + north2
    index[4] = above * 3 + slope
    index[5] = ((west * 3 + north) * 3 + first) * 3 + slope
    for i in range(SIGN_INPUTS):
        index[i] += starts[i] + kind * sizes[i]


@_inlined
def _code_length(
    state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
    context, index, inputs, sizes, magnitude, real, price, kind, full,
):  # fmt: skip
    """Code how many bits a magnitude has. Returns them, and the magnitude, which may have been set to 0."""
    count, sets = (INPUTS, BUSY_WEIGHTS) if full else (QUIET, 0)
    length = 0
    while length < LONGEST:
        decision = min(length, DECISIONS - 1)
        for i in range(count):
            index[i] = context[i] + decision * sizes[i]
        first, second = sets + kind * DECISIONS + decision, LEVEL_WEIGHTS + full * DECISIONS + decision
        chance1, chance2, chance = mix(counters, index, count, weights, first, second, inputs, stretch, squash, trust)
        if length == 0 and magnitude == 1 and real > 0:
            # Of 0 and 1 take what costs less: squared error in steps, and bits (sign and "not above 1" are about 1.4).
            bits = costs[chance >> 4] - costs[(65536 - chance) >> 4] + 1.4
            if 2 * real - 1 < price * bits:
                magnitude = np.int64(0)
        bit = code_bit(state, buffer, mode, 1 if magnitude >> length else 0, chance)
        total[0] += cost(costs, bit, chance)
        learn(counters, index, count, weights, first, second, inputs, paces, bit, chance1, chance2, limit, pace)
        if not bit:
            break
        length += 1
    return length, magnitude


@_compiled
def _code_mantissa(state, buffer, mode, costs, total, counters, paces, limit, magnitude, length, full):
    """Code the bits of a magnitude below the highest; returns the magnitude."""
    if mode == READ:
        magnitude = np.int64(1) << (length - 1)
    previous, row = 0, min(length, DECISIONS - 1)
    for depth in range(length - 1):
        place = length - 2 - depth
        bit = (magnitude >> place) & 1
        if depth < MOST_DEPTH:
            at = MANTISSA_START + ((depth * 2 + previous) * DECISIONS + row) * LEVELS + full
            chance = chance_of(counters, at)
            bit = code_bit(state, buffer, mode, bit, chance)
            total[0] += cost(costs, bit, chance)
            count_in(counters, at, bit, paces, limit)
        else:
            bit = code_bit(state, buffer, mode, bit, 32768)
            total[0] += 1.0
        previous = bit
        if mode == READ:
            magnitude |= np.int64(bit) << place
    return magnitude


@_compiled
def _code_sign(
    state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
    index, inputs, negative, kind,
):  # fmt: skip
    """Code a sign; returns whether it is minus."""
    first, second = SIGN_WEIGHTS + kind, SIGN_WEIGHTS + KINDS
    chance1, chance2, chance = mix(counters, index, SIGN_INPUTS, weights, first, second, inputs, stretch, squash, trust)
    negative = code_bit(state, buffer, mode, negative, chance)
    total[0] += cost(costs, negative, chance)
    learn(counters, index, SIGN_INPUTS, weights, first, second, inputs, paces, negative, chance1, chance2, limit, pace)
    return negative


@_inlined
def _code_coefficient(
    state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
    real, q, parent, other1, other2, sibling1, sibling2, texture, light, outside, structure,
    scale, step_class, y, z, kind, left, price, below,
    starts, sizes, sign_starts, sign_sizes, context, index, inputs, levels, octaves,
):  # fmt: skip
    """Code one coefficient; returns of how many that follow one is still known not to be zero, 0 where none is."""
    full = _see(
        q, parent, other1, other2, sibling1, sibling2, outside, structure, light, step_class, y, z, kind, left,
        starts, sizes, context, levels, octaves,
    )  # fmt: skip
    magnitude, negative, size = wanted(real, q, mode, below, y, z)
    length, magnitude = _code_length(
        state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
        context, index, inputs, sizes, magnitude, size, price, kind, full,
    )  # fmt: skip
    q[y, z] = 0
    if not length:
        return max(left - 1, 0)
    magnitude = _code_mantissa(state, buffer, mode, costs, total, counters, paces, limit, magnitude, length, full)
    _see_signs(q, parent, other1, other2, texture, scale, y, z, kind, sign_starts, sign_sizes, index, octaves)
    negative = _code_sign(
        state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
        index, inputs, negative, kind,
    )  # fmt: skip
    q[y, z] = -magnitude if negative else magnitude
    return 0


@_compiled
def code_band(coder, model, real, q, known, kind, choice):
    """Code one band of one colour.

    Args:
        coder: the range coder's state and buffer, mode, bits of chances of 4096 (4097,), sum of bits (1,), float64.
        model: counters, weights, the tables of `mixing`, the counters' limit, the weights' pace.
        real: float32 (h, w), in steps: quantised on the way. Or of no size: ``q`` says what to write.
        q: int32 (h + 4, w + 4), in a rim of two zeros: what is written or read.
        known: int32 planes with rims, or of no size: parent, two other colours, two other bands of the level; the
            sRGB's texture likewise; light uint8 (h, w); what makes texture halves of a step, of 4096; the step's class.
        kind: of band.
        choice: what a bit costs, in squared steps; how far below the middle magnitudes above 1 are rounded up.
    """
    # Tuples are taken apart here: in the loops, counting references to their arrays would take most of the time.
    state, buffer, mode, costs, total = coder
    counters, weights, (stretch, squash, paces, trust), limit, pace = model
    parent, (other1, other2), (sibling1, sibling2), texture, light, scale, step_class = known
    starts, sizes = MAGNITUDE_STARTS.copy(), MAGNITUDE_CONTEXTS.copy()
    sign_starts, sign_sizes = SIGN_STARTS.copy(), SIGN_CONTEXTS.copy()
    segment_starts, segment_sizes = SEGMENT_STARTS.copy(), SEGMENT_CONTEXTS.copy()
    (context, index, inputs), levels, octaves = np.zeros((3, INPUTS), np.int64), LEVEL_OF.copy(), OCTAVE_OF.copy()
    (outside, structure), above = np.zeros((2, q.shape[1]), np.int64), np.zeros(parent.shape[1], np.int64)
    run, end = 0, q.shape[1] - RIM
    for y in range(RIM, q.shape[0] - RIM):
        _see_row(parent, other1, other2, sibling1, sibling2, texture, scale, y, outside, structure, above)
        left = 0
        for start in range(RIM, end, SEGMENT):
            stop = min(start + SEGMENT, end)
            if is_quiet(q, outside, y, start, stop):
                if not code_segment(
                    state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
                    real, q, structure, light, step_class, run, y, start, stop, kind, choice[0], choice[1],
                    segment_starts, segment_sizes, index, inputs, octaves,
                ):  # fmt: skip
                    run += 1
                    continue
                left = stop - start
            run = 0
            for z in range(start, stop):
                left = _code_coefficient(
                    state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
                    real, q, parent, other1, other2, sibling1, sibling2, texture, light, outside[z], structure[z],
                    scale, step_class, y, z, kind, left, choice[0], choice[1],
                    starts, sizes, sign_starts, sign_sizes, context, index, inputs, levels, octaves,
                )  # fmt: skip


@_compiled
def code_flag(coder, model, flag, at):
    """Code whether a band holds anything, by one counter; returns it."""
    state, buffer, mode, costs, total = coder
    counters, _, (_, _, paces, _), limit, _ = model
    chance = chance_of(counters, at)
    flag = code_bit(state, buffer, mode, flag, chance)
    total[0] += cost(costs, flag, chance)
    count_in(counters, at, flag, paces, limit)
    return flag
