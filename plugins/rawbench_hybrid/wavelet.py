"""Wavelet transforms of planes: the CDF 9/7 in floating point, and the reversible 5/3 in integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LIFTS = (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
_LOW, _HIGH = 1.149604398860241, 1 / 1.149604398860241  # make low and high bands orthonormal but for a few percent


@dataclass(frozen=True)
class Bands:
    """A decomposed plane.

    Attributes:
        low: the coarsest low band.
        details: from the coarsest level to the finest: high along columns, high along rows, both.
    """

    low: np.ndarray
    details: Sequence[tuple[np.ndarray, ...]]


def level_count(height: int, width: int, most: int = 6) -> int:
    """How many times a plane is halved: until its shorter side is below 16."""
    return max(0, min(most, min(height, width).bit_length() - 3))


def _after(s: np.ndarray, count: int) -> np.ndarray:
    # s[i + 1] for each of ``count`` odd samples, the last mirrored.
    return s[1 : count + 1] if len(s) > count else np.concatenate([s[1:], s[-1:]])


def _before(d: np.ndarray, count: int) -> np.ndarray:
    # d[i - 1] for each of ``count`` even samples, the first and perhaps the last mirrored.
    parts = [d[:1], d[: count - 1]]
    return np.concatenate(parts)


def _here(d: np.ndarray, count: int) -> np.ndarray:
    return d if len(d) == count else np.concatenate([d, d[-1:]])


def _split97(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(x) < 2:
        return x, x[:0]
    s, d = x[0::2].copy(), x[1::2].copy()
    for step in range(0, 4, 2):
        d += np.float32(_LIFTS[step]) * (s[: len(d)] + _after(s, len(d)))
        s += np.float32(_LIFTS[step + 1]) * (_before(d, len(s)) + _here(d, len(s)))
    s *= np.float32(_LOW)
    d *= np.float32(_HIGH)
    return s, d


def _join97(s: np.ndarray, d: np.ndarray) -> np.ndarray:
    if not len(d):
        return s
    s, d = s * np.float32(1 / _LOW), d * np.float32(1 / _HIGH)
    for step in range(2, -1, -2):
        s -= np.float32(_LIFTS[step + 1]) * (_before(d, len(s)) + _here(d, len(s)))
        d -= np.float32(_LIFTS[step]) * (s[: len(d)] + _after(s, len(d)))
    x = np.empty((len(s) + len(d), *s.shape[1:]), s.dtype)
    x[0::2], x[1::2] = s, d
    return x


def _split53(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(x) < 2:
        return x, x[:0]
    s, d = x[0::2].copy(), x[1::2].copy()
    d -= (s[: len(d)] + _after(s, len(d))) >> 1
    s += (_before(d, len(s)) + _here(d, len(s)) + 2) >> 2
    return s, d


def _join53(s: np.ndarray, d: np.ndarray) -> np.ndarray:
    if not len(d):
        return s
    s = s - ((_before(d, len(s)) + _here(d, len(s)) + 2) >> 2)
    d = d + ((s[: len(d)] + _after(s, len(d))) >> 1)
    x = np.empty((len(s) + len(d), *s.shape[1:]), s.dtype)
    x[0::2], x[1::2] = s, d
    return x


def _across(function, *planes):
    out = function(*(p.T for p in planes))
    return tuple(o.T for o in out) if isinstance(out, tuple) else out.T


def forward(plane: np.ndarray, levels: int) -> Bands:
    """Decompose float32 (9/7) or int32 (5/3) (H, W)."""
    split = _split97 if plane.dtype == np.float32 else _split53
    details, low = [], plane
    for _ in range(levels):
        top, bottom = split(low)
        low, right = _across(split, top)
        down, corner = _across(split, bottom)
        details.append((right, down, corner))
    return Bands(low, details[::-1])


def inverse(bands: Bands) -> np.ndarray:
    """Compose what `forward` returned."""
    join = _join97 if bands.low.dtype == np.float32 else _join53
    low = bands.low
    for right, down, corner in bands.details:
        low = join(_across(join, low, right), _across(join, down, corner))
    return np.ascontiguousarray(low)


def low_band(plane: np.ndarray) -> np.ndarray:
    """The low band of one decomposition, int32."""
    return _across(_split53, _split53(plane)[0])[0]
