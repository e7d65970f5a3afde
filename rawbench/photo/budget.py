"""A budget of bytes for a photograph's raw, met by a rate point or, where the method has them, by a rate in between."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, overload

import torch

from rawbench.camera import carrier
from rawbench.codec import Codec
from rawbench.errors import SampleError, UsageError
from rawbench.photo.pack import Packed, Photo, pack_photo
from rawbench.photo.steps import Report
from rawbench.run.coding import encode_stream
from rawbench.run.own_rendition import refuse_own_rendition
from rawbench.types import RatePoint, Sample

CLOSE = 0.95  # share of the budget that is to be used where the method's rates allow it
_AIM = 0.98  # share of the budget at which a rate in between aims
_SURE_AIM = 0.999  # the same, of methods that fill a number of bytes from below
_MOST_TRIALS = 8
_BLOCK, _FEW_BLOCKS = 256, 8  # side and number of the blocks that stand for a large image


class _Shares(Sequence[float]):
    """About how many bytes a stream takes at each rate point: those that are asked for are found out, once each."""

    def __init__(self, count: int, find: Callable[[int], float]) -> None:
        self._count, self._find = count, find
        self._found: dict[int, float] = {}

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> float: ...
    @overload
    def __getitem__(self, number: slice) -> list[float]: ...
    def __getitem__(self, number: int | slice) -> float | list[float]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(self._count))]
        if not 0 <= number < self._count:
            raise IndexError(number)
        if number not in self._found:
            self._found[number] = self._find(number)
        return self._found[number]


@dataclass
class _Search:
    """What is known of a method's bytes by position: the number of a rate point, or a fraction between two."""

    codec: type[Codec]
    options: Any
    points: list[RatePoint]
    room: float
    shares: Sequence[float] | None
    aim: float = _AIM
    known: dict[float, int] = field(default_factory=dict)

    def at(self, position: float) -> tuple[Any, RatePoint] | None:
        """Options and rate point of a position; None where the method has nothing there."""
        number = math.floor(position)
        if number == position:
            return self.options, self.points[number]
        lower, higher = self.points[number : number + 2]
        return self.codec.between(self.options, lower, higher, position - number)

    def bounds(self) -> tuple[float, float]:
        """The last position that fits, -1 for none; and the first that does not, the count of points for none."""
        fitting = [x for x, size in self.known.items() if size <= self.room]
        others = [x for x, size in self.known.items() if size > self.room]
        return max(fitting, default=-1.0), min(others, default=float(len(self.points)))

    def next(self) -> float | None:
        """The position to try; None when nothing is to be gained."""
        low, high = self.bounds()
        last = len(self.points) - 1
        if low == last or high <= 0 or (low >= 0 and self.known[low] >= CLOSE * self.room) or high - low < 0.01:
            return None
        if self.shares is None and high - low > 1:
            between = float((math.floor(low) + math.ceil(high)) // 2)
        else:
            between = self._expected(low, min(high, float(last)), high)
        whole = math.floor(between)
        if between != whole and self.at(between) is None:
            between = whole if whole > low else whole + 1
        return float(between) if low < between < high else None

    def _expected(self, low: float, high: float, bound: float) -> float:
        """Where the aim lies between two positions, the bytes of a position rising evenly by their logarithm."""
        first = max(math.floor(low), 0)
        places = sorted({*range(first, math.ceil(high) + 1), low, high, *self.known} - {-1.0})
        places = [x for x in places if max(low, 0) <= x <= high]
        aim = math.log(max(self.aim * self.room, 1.0))
        reached = max(bisect_left(places, aim, key=self._log_size), 1)
        if reached >= len(places):
            return high
        a, b = places[reached - 1 : reached + 1]
        at_a, at_b = self._log_size(a), self._log_size(b)
        share = (aim - at_a) / max(at_b - at_a, 1e-9)
        found = a + (b - a) * min(max(share, 0.0), 1.0)
        return min(max(found, low + 0.05 * (bound - low) if low >= 0 else 0.0), bound - 0.05 * (bound - low))

    def _log_size(self, position: float) -> float:
        return math.log(max(self._size(position), 1.0))

    def _size(self, position: float) -> float:
        """Known bytes, or those that the blocks let expect, held against the nearest that are known."""
        if position in self.known:
            return self.known[position]
        if self.shares is None:
            return self.room * (2.0 if position > self.bounds()[0] else 0.5)
        factor = 1.0
        if self.known:
            nearest = min(self.known, key=lambda x: abs(x - position))
            factor = self.known[nearest] / max(self._share(nearest), 1.0)
        return factor * self._share(position)

    def _share(self, position: float) -> float:
        assert self.shares is not None
        number = min(math.floor(position), len(self.shares) - 1)
        following = self.shares[min(number + 1, len(self.shares) - 1)]
        return self.shares[number] ** (1 - position + number) * following ** (position - number)


def pack_within(
    photo: Photo, codec: type[Codec], options: Any, max_bytes: int, device: str, seed: int, report: Report
) -> Packed:
    """Encode so that the metadata fit, all told, into a number of bytes, and use it where the method's rates allow it.

    A method that meets a budget by itself is left to it (``Codec.within``). Of others, rate points are ordered by their
    bytes, so that a few of them are tried; between the two that enclose the budget, a rate of the method's own
    (``Codec.between``). Of a large image, blocks are encoded first: they say where to begin.

    Raises:
        UsageError: not even the first fits.
    """
    points = codec.rate_points(options)
    room = carrier.room_for(max_bytes - photo.exif_bytes) - len(photo.facts) - 6
    by_itself = codec.within(options, room)
    if by_itself is not None:
        with suppress(SampleError):  # rate points tell what they take
            packed = pack_photo(photo, codec, *by_itself, device, seed, report)
            if packed.added_bytes <= max_bytes:
                return packed
    shares = _shares(photo, codec, options, points, device, seed, report)
    pixels = photo.sample.srgb[0].numel()
    sure = shares is not None and any(codec.expected_bytes(options, point, pixels) for point in points)
    search = _Search(codec, options, points, room, shares, _SURE_AIM if sure else _AIM)
    best = None
    for _ in range(_MOST_TRIALS):
        position = search.next()
        chosen = search.at(position) if position is not None else None
        if position is None or chosen is None:
            break
        packed = pack_photo(photo, codec, *chosen, device, seed, report)
        search.known[position] = packed.stream_bytes
        if packed.added_bytes <= max_bytes and (best is None or packed.added_bytes > best.added_bytes):
            best = packed
    if best is None:
        smallest = min(search.known.values()) + max_bytes - room
        raise UsageError(f"method {codec.name}: {points[0].name} takes {smallest:.0f} bytes, more than {max_bytes}")
    return best


def _shares(
    photo: Photo, codec: type[Codec], options: Any, points: list[RatePoint], device: str, seed: int, report: Report
) -> Sequence[float] | None:
    """About how many bytes the stream takes at each rate point; None for a small image."""
    refuse_own_rendition(codec, options)
    _, height, width = photo.sample.srgb.shape
    pixels = height * width
    if len(points) == 1 or min(height, width) < _BLOCK or pixels < _FEW_BLOCKS * _BLOCK**2 * len(points):
        return None

    @cache
    def parts() -> Sample:
        raw, srgb = (_blocks(image).to(device) for image in (photo.sample.raw, photo.sample.srgb))
        return Sample(photo.sample.info, raw, srgb)

    def find(number: int) -> float:
        expected = codec.expected_bytes(options, points[number], pixels)
        if expected is not None:
            return expected
        sample = parts()
        factor = pixels / sample.srgb[0].numel()
        report.step(f"encoding parts to estimate the bytes of {points[number].name}")
        return factor * len(encode_stream(codec, options, points[number], sample, device, seed).stream)

    return _Shares(len(points), find)


def _blocks(image: torch.Tensor) -> torch.Tensor:
    """Square blocks along the diagonals of an image (C, H, W), one below the other."""
    height, width = image.shape[1:]
    side, half = _BLOCK, _FEW_BLOCKS // 2
    lefts = [number * (width - side) // (half - 1) for number in range(half)]
    tops = [number * (height - side) // (half - 1) for number in range(half)]
    places = [*zip(tops, lefts, strict=True), *zip(tops, reversed(lefts), strict=True)]
    return torch.cat([image[:, top : top + side, left : left + side] for top, left in places], 1)
