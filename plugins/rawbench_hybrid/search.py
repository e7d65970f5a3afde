"""Finds the step of the quantiser, and the price of a bit, with which an image takes a number of bytes.

The bytes fall as the step grows, by some percent from one step to the next; between two steps the price of a bit fills
the gap, which costs nearly nothing, because it is what squared error is worth there anyway. The logarithm of the bytes
is nearly a straight line over either, so that a few trials tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from rawbench_hybrid.bands import Choice
from rawbench_hybrid.quantiser import STEPS

ENOUGH = 0.993  # of the room
_AIM = 0.9965  # the middle of what is enough
_CHEAPEST, _DEAREST = 0.06, 0.3
_PRICE_TRIALS = 4
_STEP_SLOPE, _PRICE_SLOPE = -0.06, -0.2  # of ln(bytes), over a step's index and over ln(price), where none is known

Size = Callable[[int, float], float]


def find_step(size: Size, room: float, first: int) -> tuple[int, float]:
    """Return a step's index and a price whose size is at most ``room``, and mostly above 99 % of it.

    Args:
        size: bytes of an index and a price.
        room: bytes.
        first: the index to try first.
    """
    usual = Choice().price
    fits, over = bracket(lambda index: size(index, usual), room, first, 1)
    best = (min(fits, STEPS - 1), usual)
    if over < 0 or (fits < STEPS and size(*best) >= ENOUGH * room):
        return best
    most = size(*best) if fits < STEPS else 0.0
    for index in (over, fits, over - 1, fits + 1):
        if not 0 <= index < STEPS:
            continue
        for price, bytes_ in _prices(size, room, index):
            if most < bytes_ <= room:
                best, most = (index, price), bytes_
            if most >= ENOUGH * room:
                return best
    return best


def _prices(size: Size, room: float, index: int) -> Iterator[tuple[float, float]]:
    """Yield prices that come nearer and nearer to the room, with the bytes that they take."""
    usual = math.log(Choice().price)
    known = [(usual, _log(size(index, Choice().price)))]
    for _ in range(_PRICE_TRIALS):
        at, bytes_ = min(known, key=lambda point: abs(point[1] - _log(_AIM * room)))
        slope = _slope(known, _PRICE_SLOPE)
        wanted = at + (_log(_AIM * room) - bytes_) / slope
        price = math.exp(min(max(wanted, math.log(_CHEAPEST)), math.log(_DEAREST)))
        if any(abs(math.log(price) - x) < 1e-6 for x, _ in known):
            return
        taken = size(index, price)
        known.append((math.log(price), _log(taken)))
        yield price, taken


def bracket(size: Callable[[int], float], room: float, first: int, apart: int) -> tuple[int, int]:
    """Return indices at most ``apart``, of which the first fits and the second does not.

    ``STEPS`` and -1 stand for those that are not there.
    """
    fits, over, index, stride = STEPS, -1, min(max(first, 0), STEPS - 1), 1
    known: list[tuple[float, float]] = []
    while True:
        bytes_ = size(index)
        known.append((float(index), _log(bytes_)))
        if bytes_ <= room:
            fits = index
        else:
            over = index
        if fits - over <= apart:
            return fits, over
        at, nearest = min(known, key=lambda point: abs(point[1] - _log(room)))
        aim = at + (_log(room) - nearest) / _slope(known, _STEP_SLOPE)
        guess = math.ceil(aim) if over == int(at) else math.floor(aim)
        if over < 0 or fits >= STEPS:  # one side is not seen yet: further and further on
            guess = min(guess, fits - stride) if over < 0 else max(guess, over + stride)
            stride *= 2
        elif len(known) % 3 == 0:  # where the line misleads
            guess = (fits + over) // 2
        index = min(max(guess, over + 1), fits - 1)


def reach(known: list[tuple[float, float]], wanted: float) -> float:
    """Where y is as wanted, by points (x, y) of a curve that rises about as 1: between two that enclose it, if any."""
    below = max((p for p in known if p[1] <= wanted), key=lambda p: p[1], default=None)
    above = min((p for p in known if p[1] > wanted), key=lambda p: p[1], default=None)
    if below is None or above is None:
        x, y = above if below is None else below  # type: ignore[misc]
        return x + wanted - y
    return below[0] + (above[0] - below[0]) * (wanted - below[1]) / (above[1] - below[1])


def _log(bytes_: float) -> float:
    """ln(bytes), of nothing as of one: a polynomial may leave no room."""
    return math.log(max(bytes_, 1.0))


def _slope(known: list[tuple[float, float]], usual: float) -> float:
    """Of the line through the two last points, if it falls."""
    if len(known) > 1:
        (x1, y1), (x2, y2) = known[-2:]
        slope = (y2 - y1) / (x2 - x1) if x1 != x2 else 0.0
        if slope < usual / 20:
            return slope
    return usual
