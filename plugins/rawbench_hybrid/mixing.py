"""Adaptive probabilities, compiled: counters, and the logistic mixing of several counters' predictions.

A counter is a probability of 22 bits and how often it was used, 10 bits: it moves towards what happened by one over
that number, and so first learns fast and then slowly. A binary decision is predicted by several counters, each chosen
by another view of what is known; their predictions are added in the logistic domain with weights that move to where
they would have predicted better (the mixing of Mahoney's PAQ compressors, in fixed point). All of it is integers.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

COUNT_BITS = 10
COUNT_MASK = (1 << COUNT_BITS) - 1
ONE = 1 << 22
EVEN = (ONE // 2) << COUNT_BITS  # an unused counter
REACH = 2816  # largest logarithm of odds, in 1/256
LIMIT = 255  # uses after which a counter's pace stays
_EDGE = 1 << 16  # probabilities below this, and above the rest, have a table of their own
_compiled = numba.njit(cache=True, nogil=True)
_inlined = numba.njit(cache=True, nogil=True, forceinline=True)  # in the innermost loop, calls take most of the time


def make_tables() -> dict[str, np.ndarray]:
    """The tables of the functions below; they are kept with the weights, as integers, and not made anew.

    Returns:
        ``stretch`` int16 (2, 4096): ln(p / (1 - p)) in 1/256 of small probabilities and of all; ``squash`` uint16
        (2 * REACH,): the way back, of 65536; ``paces`` int32 (1024,): by uses, of 65536; ``trust`` int32 (1024,): by
        uses, of 256.
    """
    fine, coarse = (np.arange(4096) + 0.5) / (ONE >> 4), (np.arange(4096) + 0.5) / 4096
    stretch = np.stack([np.rint(256 * np.log(p / (1 - p))) for p in (fine, coarse)])
    squash = np.clip(np.rint(65536 / (1 + np.exp(-np.arange(-REACH, REACH) / 256))), 2, 65534)
    uses = np.arange(1 << COUNT_BITS)
    return {
        "stretch": stretch.astype(np.int16),
        "squash": squash.astype(np.uint16),
        "paces": np.rint(65536 / (uses + 1.5)).astype(np.int32),
        "trust": np.rint(256 * uses / (uses + 0.4)).astype(np.int32),
    }


@_inlined
def _stretched(probability, stretch):
    if probability < _EDGE:
        return np.int64(stretch[0, probability >> 4])
    if probability >= ONE - _EDGE:
        return -np.int64(stretch[0, (ONE - 1 - probability) >> 4])
    return np.int64(stretch[1, probability >> 10])


@_inlined
def _squashed(x, squash):
    return np.int64(squash[min(max(x, -REACH), REACH - 1) + REACH])


@_inlined
def mix(counters, index, count, weights, first, second, inputs, stretch, squash, trust):
    """Predict a bit by ``count`` counters and two sets of weights.

    Args:
        counters: uint32, all of them.
        index: int64, which are asked.
        count: how many.
        weights: int64 (sets, inputs), of 65536.
        first: a set of weights.
        second: another.
        inputs: int64, gets what the counters say.
        stretch, squash, trust: of `make_tables`.

    Returns:
        How likely a 1 is, of 65536: by the first set, by the second, by both.
    """
    one, two = np.int64(0), np.int64(0)
    for i in range(count):
        counter = np.int64(counters[index[i]])
        inputs[i] = (_stretched(counter >> COUNT_BITS, stretch) * np.int64(trust[counter & COUNT_MASK])) >> 8
        one += inputs[i] * weights[first, i]
        two += inputs[i] * weights[second, i]
    one >>= 16
    two >>= 16
    return _squashed(one, squash), _squashed(two, squash), _squashed((one + two) >> 1, squash)


@_inlined
def learn(counters, index, count, weights, first, second, inputs, paces, bit, chance1, chance2, limit, pace):
    """Let counters and weights learn a bit, after ``mix`` with the same arguments.

    Args:
        bit: what it was.
        chance1: what the first set said.
        chance2: what the second set said.
        limit: uses after which a counter's pace stays.
        pace: of the weights.
    """
    one = ((np.int64(bit) << 16) - chance1) * pace
    two = ((np.int64(bit) << 16) - chance2) * pace
    for i in range(count):
        count_in(counters, index[i], bit, paces, limit)
        weights[first, i] += (inputs[i] * one + (1 << 19)) >> 20
        weights[second, i] += (inputs[i] * two + (1 << 19)) >> 20


@_inlined
def count_in(counters, at, bit, paces, limit):
    """Let one counter learn a bit."""
    counter = np.int64(counters[at])
    uses: Any = counter & COUNT_MASK
    probability: Any = counter >> COUNT_BITS
    probability += (((np.int64(bit) << 22) - probability) * np.int64(paces[uses])) >> 16
    probability = min(probability, ONE - 1)
    if uses < limit:
        uses += 1
    counters[at] = np.uint32((probability << COUNT_BITS) | uses)


@_compiled
def chance_of(counters, at):
    """What one counter says by itself, of 65536."""
    return min(max(np.int64(counters[at]) >> (COUNT_BITS + 6), 16), 65520)
