"""Where the counters and weights of every kind of decision lie, and how numbers are told apart in contexts."""

from __future__ import annotations

import numpy as np

RIM = 2  # zeros around a plane
KINDS = 27  # of bands: 4 levels x 3 colours x (along an axis, diagonal), then the low band's colours
LOW_KIND = 24
DECISIONS = 14  # of a magnitude's number of bits that have counters of their own; those after share the last's
LONGEST = 23  # bits of a magnitude
OCTAVES, LEVELS, LIGHTS = 13, 32, 16
MOST_DEPTH = 2  # bits below the highest that are predicted; the rest is noise

# How many contexts each counter of a magnitude's decision tells apart, and each of a sign's. The first `QUIET` say
# something where all surroundings are zero, and are the only ones that are asked there.
MAGNITUDE_CONTEXTS = np.array([256, 256, 208, 512, 24, 169, 169, 169, 144, 169])
QUIET = 4
SIGN_CONTEXTS = np.array([9, 7, 27, 81, 9, 81])
SEGMENT = 16  # coefficients of a row
SEGMENT_CONTEXTS = np.array([208, 256, 208, 208])
INPUTS, SIGN_INPUTS, SEGMENT_INPUTS = len(MAGNITUDE_CONTEXTS), len(SIGN_CONTEXTS), len(SEGMENT_CONTEXTS)


def _starts(sizes: np.ndarray, first: int) -> np.ndarray:
    return np.concatenate([[first], first + np.cumsum(sizes)]).astype(np.int64)


MAGNITUDE_STARTS = _starts(KINDS * DECISIONS * MAGNITUDE_CONTEXTS, 0)
SIGN_STARTS = _starts(KINDS * SIGN_CONTEXTS, int(MAGNITUDE_STARTS[-1]))
MANTISSA_START = int(SIGN_STARTS[-1])
FLAG_START = MANTISSA_START + MOST_DEPTH * 2 * DECISIONS * LEVELS  # by kind, and whether the parent is empty
SEGMENT_STARTS = _starts(KINDS * SEGMENT_CONTEXTS, FLAG_START + 2 * KINDS)
COUNTERS = int(SEGMENT_STARTS[-1])
# Sets of weights: by kind and decision, first of quiet places; by surroundings and decision; of signs, by kind, and one
# for all; of segments likewise.
BUSY_WEIGHTS = KINDS * DECISIONS
LEVEL_WEIGHTS = 2 * BUSY_WEIGHTS
SIGN_WEIGHTS = LEVEL_WEIGHTS + LEVELS * DECISIONS
SEGMENT_WEIGHTS = SIGN_WEIGHTS + KINDS + 1
WEIGHT_SETS = SEGMENT_WEIGHTS + KINDS + 1


def _levels(x: np.ndarray) -> np.ndarray:
    """Two steps to the octave: 0, 1, 2, 3, 4 (4 and 5), 5 (6 and 7), 6 (8 to 11) ..."""
    lengths = np.array([int(v).bit_length() for v in x])
    return np.where(x < 4, x, 2 * lengths - 2 + (x >> np.maximum(lengths - 2, 0) & 1))


TABLED = 4096
LEVEL_OF = _levels(np.arange(TABLED)).astype(np.uint8)
OCTAVE_OF = np.array([min(v.bit_length(), OCTAVES - 1) for v in range(TABLED)], np.uint8)
