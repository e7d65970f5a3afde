"""A binary range coder, compiled: 32 bits of range, carries resolved as bytes leave, probabilities of 16 bits.

The same call writes, reads, or does neither and only lets the model learn, so that encoder and decoder cannot differ.
"""

from __future__ import annotations

import numba
import numpy as np

WRITE, READ, COUNT = 0, 1, 2

# Fields of the coder's state, int64.
LOW, RANGE, CACHE, PENDING, POSITION, CODE, FIRST = range(7)
FIELDS = 7
_compiled = numba.njit(cache=True, nogil=True)
_inlined = numba.njit(cache=True, nogil=True, forceinline=True)  # in the innermost loop, calls take most of the time


def new_state() -> np.ndarray:
    """The state of a coder that has coded nothing."""
    state = np.zeros(FIELDS, np.int64)
    state[RANGE], state[PENDING], state[FIRST] = 0xFFFFFFFF, 1, 1
    return state


@_compiled
def _shift_low(state, buffer):
    """Send the top byte of ``low``, once it is known whether a carry changes it."""
    low = state[LOW]
    if low < 0xFF000000 or low > 0xFFFFFFFF:
        carry, value = low >> 32, state[CACHE]
        for _ in range(state[PENDING]):
            if state[FIRST]:  # the first byte is always zero
                state[FIRST] = 0
            else:
                buffer[state[POSITION]] = (value + carry) & 0xFF
                state[POSITION] += 1
            value = 0xFF
        state[PENDING] = 0
        state[CACHE] = (low >> 24) & 0xFF
    state[PENDING] += 1
    state[LOW] = (low & 0x00FFFFFF) << 8


@_compiled
def _next_byte(state, buffer):
    """The next byte; zeros follow the last."""
    position = state[POSITION]
    state[POSITION] = position + 1
    return np.int64(buffer[position]) if position < len(buffer) else np.int64(0)


@_compiled
def start_reading(state, buffer):
    """Fill the window of a reader."""
    state[CODE] = 0
    for _ in range(4):
        state[CODE] = (state[CODE] << 8) | _next_byte(state, buffer)


@_compiled
def finish_writing(state, buffer):
    """Send that value of the last interval that ends in the most zero bits."""
    top = state[LOW] + state[RANGE] - 1
    value = top
    for bits in range(1, 33):
        shorter = (top >> bits) << bits
        if shorter < state[LOW]:
            break
        value = shorter
    state[LOW] = value
    for _ in range(5):
        _shift_low(state, buffer)


@_inlined
def code_bit(state, buffer, mode, bit, chance):
    """Code one bit.

    Args:
        state: of the coder.
        buffer: uint8, with room for what is written.
        mode: ``WRITE``, ``READ`` or ``COUNT``.
        bit: ignored by a reader.
        chance: how likely a 1 is, 1..65535 of 65536.

    Returns:
        The bit.
    """
    if mode == COUNT:
        return bit
    bound = (state[RANGE] * chance) >> 16
    if mode == READ:
        bit = 1 if state[CODE] < bound else 0
        if bit:
            state[RANGE] = bound
        else:
            state[CODE] -= bound
            state[RANGE] -= bound
        while state[RANGE] < 0x1000000:
            state[RANGE] <<= 8
            state[CODE] = ((state[CODE] << 8) | _next_byte(state, buffer)) & 0xFFFFFFFF
        return bit
    if bit:
        state[RANGE] = bound
    else:
        state[LOW] += bound
        state[RANGE] -= bound
    while state[RANGE] < 0x1000000:
        state[RANGE] <<= 8
        _shift_low(state, buffer)
    return bit
