"""Finds the step of the quantiser, and the price of a bit, with which an image takes a number of bytes.

The bytes fall as the step grows, by some percent from one step to the next; between two steps the price of a bit fills
the gap, which costs nearly nothing, because it is what squared error is worth there anyway.
"""

from __future__ import annotations

from collections.abc import Callable

from rawbench_hybrid.bands import Choice
from rawbench_hybrid.quantiser import STEPS

ENOUGH = 0.993  # of the room
_CHEAPEST, _DEAREST = 0.06, 0.3
_PRICE_TRIALS = 6

Size = Callable[[int, float], float]


def find_step(size: Size, room: float, first: int) -> tuple[int, float]:
    """Return a step's index and a price whose size is at most ``room``, and mostly above 99 % of it.

    Args:
        size: bytes of an index and a price.
        room: bytes.
        first: the index to try first.
    """
    usual = Choice().price
    fits, over = _bracket(lambda index: size(index, usual), room, first)
    found = (min(fits, STEPS - 1), usual)
    if over < 0 or (fits < STEPS and size(*found) >= ENOUGH * room):
        return found
    tried = {found: size(*found)} if fits < STEPS else {}
    ranges = ((over, usual, _DEAREST), (found[0], _CHEAPEST, usual), (over - 1, usual, _DEAREST))
    for index, low, high in (*ranges, (found[0] + 1, _CHEAPEST, usual)):
        if not 0 <= index < STEPS:
            continue
        for _ in range(_PRICE_TRIALS):
            price = (low * high) ** 0.5
            tried[index, price] = bytes_ = size(index, price)
            if ENOUGH * room <= bytes_ <= room:
                return index, price
            low, high = (low, price) if bytes_ <= room else (price, high)
    fitting = {at: bytes_ for at, bytes_ in tried.items() if bytes_ <= room}
    return max(fitting, key=lambda at: fitting[at]) if fitting else found


def _bracket(size: Callable[[int], float], room: float, first: int) -> tuple[int, int]:
    """Return neighbouring indices, of which the first fits and the second does not; ``STEPS`` and -1 where none."""
    fits, over, index, stride = STEPS, -1, first, 8
    while fits - over > 1:
        if size(index) <= room:
            fits = index
        else:
            over = index
        if over < 0:
            index = max(fits - stride, 0)
        elif fits >= STEPS:
            index = min(over + stride, STEPS - 1)
        else:
            index = (fits + over) // 2
        stride *= 2
    return fits, over
