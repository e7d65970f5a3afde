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

from rawbench_hybrid.mixing import chance_of, count_in, learn, mix
from rawbench_hybrid.range_coding import READ, code_bit

RIM = 2  # zeros around a plane
KINDS = 27  # of bands: 4 levels x 3 colours x (along an axis, diagonal), then the low band's colours
LOW_KIND = 24
DECISIONS = 14  # of a magnitude's number of bits that have counters of their own; those after share the last's
LONGEST = 23  # bits of a magnitude
OCTAVES, LEVELS, LIGHTS = 13, 32, 16
_MOST_DEPTH = 2  # bits below the highest that are predicted; the rest is noise

# How many contexts each counter of a magnitude's decision tells apart, and each of a sign's. The first `QUIET` say
# something where all surroundings are zero, and are the only ones that are asked there.
MAGNITUDE_CONTEXTS = np.array([256, 256, 208, 512, 24, 169, 169, 169, 144, 169])
QUIET = 4
SIGN_CONTEXTS = np.array([9, 7, 27, 81, 9, 81])
SEGMENT = 16  # coefficients of a row
SEGMENT_CONTEXTS = np.array([208, 256, 208, 208])
INPUTS, SIGN_INPUTS, SEGMENT_INPUTS = len(MAGNITUDE_CONTEXTS), len(SIGN_CONTEXTS), len(SEGMENT_CONTEXTS)
_LONGEST_RUN = 15  # of segments without anything that is told apart
_LONE_BITS = 5.4  # about what the place and the sign of one more magnitude of 1 take


def _starts(sizes: np.ndarray, first: int) -> np.ndarray:
    return np.concatenate([[first], first + np.cumsum(sizes)]).astype(np.int64)


MAGNITUDE_STARTS = _starts(KINDS * DECISIONS * MAGNITUDE_CONTEXTS, 0)
SIGN_STARTS = _starts(KINDS * SIGN_CONTEXTS, int(MAGNITUDE_STARTS[-1]))
MANTISSA_START = int(SIGN_STARTS[-1])
FLAG_START = MANTISSA_START + _MOST_DEPTH * 2 * DECISIONS * LEVELS  # by kind, and whether the parent is empty
SEGMENT_STARTS = _starts(KINDS * SEGMENT_CONTEXTS, FLAG_START + 2 * KINDS)
COUNTERS = int(SEGMENT_STARTS[-1])
# Sets of weights: by kind and decision, first of quiet places; by surroundings and decision; of signs, by kind, and one
# for all; of segments likewise.
BUSY_WEIGHTS = KINDS * DECISIONS
LEVEL_WEIGHTS = 2 * BUSY_WEIGHTS
SIGN_WEIGHTS = LEVEL_WEIGHTS + LEVELS * DECISIONS
SEGMENT_WEIGHTS = SIGN_WEIGHTS + KINDS + 1
WEIGHT_SETS = SEGMENT_WEIGHTS + KINDS + 1

_compiled = numba.njit(cache=True, nogil=True)
_inlined = numba.njit(cache=True, nogil=True, forceinline=True)  # in the innermost loop, calls take most of the time


def _levels(x: np.ndarray) -> np.ndarray:
    """Two steps to the octave: 0, 1, 2, 3, 4 (4 and 5), 5 (6 and 7), 6 (8 to 11) ..."""
    lengths = np.array([int(v).bit_length() for v in x])
    return np.where(x < 4, x, 2 * lengths - 2 + (x >> np.maximum(lengths - 2, 0) & 1))


_TABLED = 4096
LEVEL_OF = _levels(np.arange(_TABLED)).astype(np.uint8)
OCTAVE_OF = np.array([min(v.bit_length(), OCTAVES - 1) for v in range(_TABLED)], np.uint8)


@_inlined
def octave(x, table):
    """Bits of a number, at most ``OCTAVES`` - 1."""
    return np.int64(table[x]) if x < _TABLED else np.int64(OCTAVES - 1)


@_inlined
def level(x, table, most):
    """`_levels`, at most ``most``."""
    n = np.int64(0)
    while x >= _TABLED:
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
def _cost(costs, bit, chance):
    return costs[(chance if bit else 65536 - chance) >> 4]


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
        total[0] += _cost(costs, bit, chance)
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
        if depth < _MOST_DEPTH:
            at = MANTISSA_START + ((depth * 2 + previous) * DECISIONS + row) * LEVELS + full
            chance = chance_of(counters, at)
            bit = code_bit(state, buffer, mode, bit, chance)
            total[0] += _cost(costs, bit, chance)
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
    total[0] += _cost(costs, negative, chance)
    learn(counters, index, SIGN_INPUTS, weights, first, second, inputs, paces, negative, chance1, chance2, limit, pace)
    return negative


@_inlined
def _wanted(real, q, mode, below, y, z):
    """The magnitude, the sign (1 where negative) and the size before rounding of what is to be written here."""
    if real.shape[0] > 0:
        size = abs(np.float64(real[y - RIM, z - RIM]))
        magnitude = np.int64(size + 0.5) if size < 1.5 else np.int64(size + 0.5 - below)
        return magnitude, 1 if real[y - RIM, z - RIM] < 0 else 0, size
    if mode != READ:
        return abs(np.int64(q[y, z])), 1 if q[y, z] < 0 else 0, 0.0
    return np.int64(0), 0, 0.0


@_compiled
def _is_quiet(q, outside, y, z, stop):
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
        magnitude, _, size = _wanted(real, q, mode, below, y, at)
        if magnitude:
            count += 1
            saved += 2 * size - 1 if magnitude == 1 and size > 0 else 1e9
    return count, saved


@_compiled
def _code_segment(
    state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
    index, inputs, count, saved, price, kind,
):  # fmt: skip
    """Code whether anything is in a segment; returns it. What does not pay is left out."""
    first, second = SEGMENT_WEIGHTS + kind, SEGMENT_WEIGHTS + KINDS
    chance1, chance2, chance = mix(
        counters, index, SEGMENT_INPUTS, weights, first, second, inputs, stretch, squash, trust
    )
    bits = costs[chance >> 4] - costs[(65536 - chance) >> 4] + _LONE_BITS * count
    bit = 1 if count and saved >= price * bits else 0
    bit = code_bit(state, buffer, mode, bit, chance)
    total[0] += _cost(costs, bit, chance)
    learn(counters, index, SEGMENT_INPUTS, weights, first, second, inputs, paces, bit, chance1, chance2, limit, pace)
    return bit


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
            if _is_quiet(q, outside, y, start, stop):
                count, saved = _worth(real, q, mode, choice[1], y, start, stop)
                _see_segment(
                    structure,
                    light,
                    step_class,
                    run,
                    y,
                    start,
                    stop,
                    kind,
                    segment_starts,
                    segment_sizes,
                    index,
                    octaves,
                )
                if not _code_segment(
                    state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
                    index, inputs, count, saved, choice[0], kind,
                ):  # fmt: skip
                    run += 1
                    continue
                left = stop - start
            run = 0
            for z in range(start, stop):
                full = _see(
                    q, parent, other1, other2, sibling1, sibling2, outside[z], structure[z], light, step_class, y, z,
                    kind, left, starts, sizes, context, levels, octaves,
                )  # fmt: skip
                magnitude, negative, size = _wanted(real, q, mode, choice[1], y, z)
                length, magnitude = _code_length(
                    state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
                    context, index, inputs, sizes, magnitude, size, choice[0], kind, full,
                )  # fmt: skip
                q[y, z] = 0
                left = max(left - 1, 0)
                if not length:
                    continue
                left = 0
                magnitude = _code_mantissa(
                    state, buffer, mode, costs, total, counters, paces, limit, magnitude, length, full
                )
                _see_signs(
                    q, parent, other1, other2, texture, scale, y, z, kind, sign_starts, sign_sizes, index, octaves
                )
                negative = _code_sign(
                    state, buffer, mode, costs, total, counters, weights, stretch, squash, paces, trust, limit, pace,
                    index, inputs, negative, kind,
                )  # fmt: skip
                q[y, z] = -magnitude if negative else magnitude


@_compiled
def code_flag(coder, model, flag, at):
    """Code whether a band holds anything, by one counter; returns it."""
    state, buffer, mode, costs, total = coder
    counters, _, (_, _, paces, _), limit, _ = model
    chance = chance_of(counters, at)
    flag = code_bit(state, buffer, mode, flag, chance)
    total[0] += _cost(costs, flag, chance)
    count_in(counters, at, flag, paces, limit)
    return flag
