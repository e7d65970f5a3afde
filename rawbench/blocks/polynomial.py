"""Polynomials of the linearised sRGB: the numeric core that several methods share.

An sRGB code of 8 or 16 bits is first linearised by a table of all codes, then expanded in products of shifted Legendre
polynomials up to a total degree. Where a channel of the sRGB is clipped it says no more than "at least white"; there
the polynomial is carried on along the clipped channel by an amount that depends on the channels that are not.

Two properties matter more than speed:

* **Evaluation is exact.** Tables hold multiples of 2**-16, and pixels see only table look-ups and separate float64
  multiplications and additions in a fixed order, so that every machine, device and thread count computes the same
  bits from the same coefficients. A decoder may round the result and add a lossless residual.
* **Memory is bounded.** Images are taken in chunks of pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from rawbench.blocks.colour_table import by_colour
from rawbench.codec import Advance, unwatched
from rawbench.srgb import bits_of, code_step, pick

CHUNK_PIXELS = 1 << 17
CURVES = ("bt709-floor", "bt709-round", "srgb-round", "linear-round")
MAX_DEGREE = 5
_ALL = slice(None)
_SLOPE_CODE = 192  # of 255; with white, the two codes whose difference gives the direction of a clipped channel


@lru_cache(maxsize=16)
def linear_table(curve: str, bits: int = 8) -> np.ndarray:
    """Linear light of the codes of so many bits, float64 (2**bits,), as multiples of 2**-16 in [0, 1].

    ``bt709-floor`` is LibRaw's default rendition: the curve of BT.709 (power 1/0.45, slope 4.5 at black), and codes
    that are cut off, not rounded, at either depth, so that a code stands for the middle of its interval. The
    ``-round`` curves take codes as rounded values of the BT.709, the IEC 61966-2-1 and the identity curve. More than 8
    bits show the third decimals of BT.709: there its two parts meet, and LibRaw's own power, 2.222, is taken.

    Raises:
        ValueError: the curve is not one of ``CURVES``.

    Example:
        >>> linear_table("bt709-floor")[[0, 255]].round(3).tolist()
        [0.0, 0.996]
    """
    count = 2**bits
    code = np.arange(count, dtype=np.float64)
    v = code / (count - 1)
    if curve == "bt709-floor":
        lower, upper = (_bt709_inverse(v, bits, 2.222) for v in (code / count, (code + 1) / count))
        linear = (lower + upper) / 2
    elif curve == "bt709-round":
        linear = _bt709_inverse(v, bits, 1 / 0.45)
    elif curve == "srgb-round":
        linear = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    elif curve == "linear-round":
        linear = v
    else:
        raise ValueError(f"no curve {curve!r} (known: {', '.join(CURVES)})")
    table = np.round(linear * 65536) / 65536
    table.setflags(write=False)
    return table


# Of (1 + a) x ** (1 / power) - a, by power: a, and the value where it meets 4.5 x at one slope.
_MEETING = {2.222: (0.09925780616013971, 0.0812257006220456), 1 / 0.45: (0.09929682680944, 0.0812428582986315)}


def _bt709_inverse(v: np.ndarray, bits: int, power: float) -> np.ndarray:
    if bits == 8:
        return np.where(v < 0.081, v / 4.5, ((v + 0.099) / 1.099) ** (1 / 0.45))
    a, end = _MEETING[power]
    return np.where(v < end, v / 4.5, ((v + a) / (1 + a)) ** power)


@lru_cache(maxsize=16)
def legendre_tables(curve: str, bits: int = 8) -> np.ndarray:
    """Shifted Legendre polynomials of degree 0..5 of the linearised codes: float64 (6, 2**bits), values in [-1, 1].

    Example:
        >>> legendre_tables("linear-round")[:3, 255].round(2).tolist()
        [1.0, 1.0, 1.0]
    """
    x = 2 * linear_table(curve, bits) - 1
    rows = [np.ones_like(x), x]
    for n in range(1, MAX_DEGREE):
        rows.append(((2 * n + 1) * x * rows[n] - n * rows[n - 1]) / (n + 1))
    table = np.stack(rows)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=64)
def exponents(degree: int, channels: int = 3) -> tuple[tuple[int, ...], ...]:
    """Exponents of all terms up to a total degree, lower degrees first, so that a lower degree is a prefix.

    Example:
        >>> exponents(1)
        ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
        >>> len(exponents(3))
        20
    """
    every = itertools.product(range(degree + 1), repeat=channels)
    return tuple(sorted((e for e in every if sum(e) <= degree), key=lambda e: (sum(e), e[::-1])))


def features(codes: Tensor, degree: int, curve: str = "bt709-floor") -> Tensor:
    """Terms of a polynomial of the linearised codes, for fitting.

    Args:
        codes: uint8 or uint16 (N, C), C = 0..3.
        degree: total degree, 0..5.
        curve: one of ``CURVES``.

    Returns:
        float64 (N, F): products of shifted Legendre polynomials in the order of ``exponents(degree, C)``.

    Example:
        >>> codes = torch.tensor([[255, 255, 255]], dtype=torch.uint8)
        >>> features(codes, 1, "linear-round").round(decimals=1).tolist()
        [[1.0, 1.0, 1.0, 1.0]]
    """
    tables = _tables_for(codes, curve)
    index = codes.long()
    powers = [tables[: degree + 1, index[:, c]] for c in range(codes.shape[1])]
    terms = exponents(degree, codes.shape[1])
    # One row a term: rows are written far faster than columns.
    rows = torch.ones((len(terms), len(codes)), dtype=torch.float64, device=codes.device)
    for row, term in zip(rows, terms, strict=True):
        for c, k in enumerate(term):
            if k:
                row *= powers[c][k]
    return rows.T


@dataclass(frozen=True)
class Correction:
    """How far clipped channels lie beyond white, as a polynomial of the channels that are not clipped.

    Attributes:
        degree: total degree, 0..5.
        coefficients: float64 (K, F): one row a clipped channel, terms ``exponents(degree, 3 - K)``.
    """

    degree: int
    coefficients: np.ndarray


@dataclass(frozen=True)
class Polynomial:
    """A mapping sRGB -> raw: one polynomial, and corrections where sRGB channels are clipped.

    Attributes:
        curve: one of ``CURVES``.
        degree: total degree, 0..5.
        coefficients: float64 (3, F), terms ``exponents(degree)``.
        threshold: codes from here on count as clipped, in steps of 8 bits; 256: none does.
        corrections: by clip class 1..7: bit c is set where channel c is clipped.
    """

    curve: str
    degree: int
    coefficients: np.ndarray
    threshold: int = 255
    corrections: Mapping[int, Correction] = field(default_factory=dict)

    def __call__(self, srgb: Tensor) -> Tensor:
        """Predict raw, float64 (3, H, W) in [0, 1], from sRGB (3, H, W) of 8 or 16 bits, alike on every machine."""
        codes = srgb.reshape(3, -1)
        out = torch.empty(codes.shape, dtype=torch.float64, device=srgb.device)
        for part in chunks(codes.shape[1]):
            out[:, part] = self.predict(codes[:, part].T).T
        return out.clamp_(0.0, 1.0).reshape(srgb.shape)

    def raw(self, srgb: Tensor, advance: Advance = unwatched) -> Tensor:
        """The same, rounded to float32, without ever holding the whole image in float64.

        ``advance`` is told how many of the pixels are done.
        """
        codes = srgb.reshape(3, -1)
        single = by_colour(lambda part: self(part).float(), codes)
        out = torch.empty(codes.shape, dtype=torch.float32, device=srgb.device)
        for part in chunks(codes.shape[1]):
            advance(part.start, codes.shape[1])
            out[:, part] = single(codes[:, part])
        return out.reshape(srgb.shape)

    def predict(self, codes: Tensor) -> Tensor:
        """Predict raw, float64 (N, 3), not clipped, from codes, uint8 or uint16 (N, 3)."""
        out = evaluate(codes, self.coefficients, self.degree, self.curve)
        if not self.corrections:
            return out
        group = clip_class(codes, self.threshold)
        for clipped, correction in self.corrections.items():
            rows = torch.nonzero(group == clipped).squeeze(1)
            if not len(rows):
                continue
            here = pick(codes, rows)
            free = pick(here, _ALL, free_channels(clipped))
            beyond = evaluate(free, correction.coefficients, correction.degree, self.curve)
            add = out[rows]
            for k, direction in enumerate(self.directions(here, clipped)):
                add = add + beyond[:, k : k + 1] * direction
            out[rows] = add
        return out

    def directions(self, codes: Tensor, clipped: int) -> list[Tensor]:
        """For each clipped channel, the step of raw per step of that channel near white: float64 (N, 3) each."""
        return [
            evaluate(pick(codes, _ALL, [c for c in range(3) if c != channel]), *self._slope(channel, codes), self.curve)
            for channel in clipped_channels(clipped)
        ]

    def _slope(self, channel: int, codes: Tensor) -> tuple[np.ndarray, int]:
        """Difference of the polynomial at two codes of one channel, a polynomial of the other two channels."""
        tables = legendre_tables(self.curve, bits_of(codes))
        degree = max(self.degree - 1, 0)
        position = {term: i for i, term in enumerate(exponents(degree, 2))}
        slope = np.zeros((3, len(position)))
        for column, term in enumerate(exponents(self.degree)):
            power = term[channel]
            if power:
                others = term[:channel] + term[channel + 1 :]
                step = tables[power][-1] - tables[power][_SLOPE_CODE * code_step(codes)]
                slope[:, position[others]] = slope[:, position[others]] + self.coefficients[:, column] * step
        return slope, degree


def chunks(count: int, size: int = CHUNK_PIXELS) -> Iterator[slice]:
    """Slices that cover ``count`` pixels, ``size`` at a time.

    Example:
        >>> list(chunks(5, 2))
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def clip_class(codes: Tensor, threshold: int = 255) -> Tensor:
    """Which channels of codes, uint8 or uint16 (N, 3), are clipped: uint8 (N,), bit c for channel c.

    The threshold is in steps of 8 bits: 255 is full scale at either depth.

    Example:
        >>> clip_class(torch.tensor([[10, 255, 255], [255, 1, 1]], dtype=torch.uint8)).tolist()
        [6, 1]
    """
    bits = torch.tensor([1, 2, 4], dtype=torch.uint8, device=codes.device)
    return (is_clipped(codes, threshold).to(torch.uint8) * bits).sum(1, dtype=torch.uint8)


def is_clipped(codes: Tensor, threshold: int = 255) -> Tensor:
    """Which codes, uint8 or uint16 of any shape, are clipped: bool; the threshold is that of ``clip_class``.

    Example:
        >>> is_clipped(torch.tensor([10, 255], dtype=torch.uint8)).tolist()
        [False, True]
    """
    ordered = codes if codes.dtype == torch.uint8 else codes.int()
    return ordered >= threshold * code_step(codes)


def clipped_channels(clipped: int) -> list[int]:
    """Channels whose bit is set in a clip class.

    Example:
        >>> clipped_channels(6)
        [1, 2]
    """
    return [c for c in range(3) if clipped >> c & 1]


def free_channels(clipped: int) -> list[int]:
    """Channels whose bit is not set in a clip class.

    Example:
        >>> free_channels(6)
        [0]
    """
    return [c for c in range(3) if not clipped >> c & 1]


def evaluate(codes: Tensor, coefficients: np.ndarray, degree: int, curve: str = "bt709-floor") -> Tensor:
    """Evaluate polynomials of linearised codes, bit for bit alike on every machine.

    Args:
        codes: uint8 or uint16 (N, C), C = 0..3.
        coefficients: float64 (O, F), terms ``exponents(degree, C)``.
        degree: total degree, 0..5.
        curve: one of ``CURVES``.

    Returns:
        float64 (N, O).

    Example:
        >>> codes = torch.tensor([[0, 128, 255]], dtype=torch.uint8)
        >>> evaluate(codes, identity_prior(1).T, 1).round(decimals=2).tolist()
        [[0.0, 0.26, 1.0]]
    """
    channels = codes.shape[1]
    if channels == 0:
        row = torch.from_numpy(np.ascontiguousarray(coefficients[:, 0])).to(codes.device)
        return row.expand(len(codes), -1)
    legendre = _tables_for(codes, curve)
    weights = torch.from_numpy(np.ascontiguousarray(coefficients)).to(codes.device)
    index = codes.long()
    powers = [legendre[1 : degree + 1, index[:, c], None] for c in range(channels - 1)]
    # The last channel's share is the same bits computed once for each of few codes, or at each pixel.
    last = index[:, channels - 1]
    tabled = bits_of(codes) == 8
    values = legendre if tabled else legendre[:, last]
    total: Tensor | None = None
    for head, terms in _by_head(degree, channels).items():
        share = _share(values, weights, terms)
        term = share[last] if tabled else share
        for c, k in enumerate(head):
            if k:
                term = term * powers[c][k - 1]
        total = term if total is None else total + term
    assert total is not None
    return total


def _tables_for(codes: Tensor, curve: str) -> Tensor:
    return torch.from_numpy(legendre_tables(curve, bits_of(codes)).copy()).to(codes.device)


@lru_cache(maxsize=64)
def _by_head(degree: int, channels: int) -> dict[tuple[int, ...], list[tuple[int, int]]]:
    """For each exponent of all channels but the last: the last channel's exponents, and where their terms stand."""
    heads: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for position, term in enumerate(exponents(degree, channels)):
        heads.setdefault(term[:-1], []).append((term[-1], position))
    return heads


def _share(values: Tensor, weights: Tensor, terms: list[tuple[int, int]]) -> Tensor:
    """A polynomial of one channel, float64 (M, O), from its Legendre values (6, M) and the terms' weights (O, F)."""
    total: Tensor | None = None
    for power, position in terms:
        part = values[power][:, None] * weights[:, position]
        total = part if total is None else total + part
    assert total is not None
    return total


def identity_prior(degree: int) -> np.ndarray:
    """Coefficients (F, 3) of raw = linearised sRGB: where a fit starts from and what it falls back to.

    Example:
        >>> identity_prior(1).tolist()
        [[0.5, 0.5, 0.5], [0.5, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.5]]
    """
    prior = np.zeros((len(exponents(degree)), 3))
    for position, term in enumerate(exponents(degree)):
        if sum(term) == 0:
            prior[position] = 0.5
        elif sum(term) == 1:
            prior[position, term.index(1)] = 0.5
    return prior
