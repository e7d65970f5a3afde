"""Integers around zero, each with a spread that both sides know, range coded.

A value's spread (sigma) picks one of 80 scales, four to the octave; how far the true spread of a group of values is
off, and whether it is more like a Laplace, a normal or a flatter distribution, is measured and sent. The low bits of
wide distributions are coded as they are, the rest by the probabilities of a generalised normal distribution, which
are rounded to integers so that other machines decode the same symbols. Range coder: constriction.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import constriction
import numpy as np
from scipy.special import gammainc

from rawbench.blocks.bits import BitReader, BitWriter
from rawbench.errors import StreamError

RangeEncoder: TypeAlias = constriction.stream.queue.RangeEncoder
RangeDecoder: TypeAlias = constriction.stream.queue.RangeDecoder
Categorical: TypeAlias = constriction.stream.model.Categorical
Uniform: TypeAlias = constriction.stream.model.Uniform

_SCALES = 80  # sigma = 2 ** ((index - 12) / 4)
_SHAPES = (1.0, 2.0, 4.0)  # exponents of the generalised normal distribution
_SIDE = 127  # largest magnitude of a symbol; the one after it is the escape
_ESCAPE_BITS = 9  # twice: an escaped value as 18 bits
_OFFSET_BITS, _OFFSET_MIDDLE = 6, 32
_SCALE_VALUES = 2.0 ** ((np.arange(_SCALES) - 12) / 4)
_SCALE_EDGES = 2.0 ** ((np.arange(_SCALES - 1) - 11.5) / 4)


@dataclass(frozen=True)
class Spread:
    """How the values of a group differ from what was expected.

    Attributes:
        offset: quarter octaves that they spread wider, -32..31.
        shape: 0 Laplace, 1 normal, 2 flatter.

    Example:
        >>> out = BitWriter()
        >>> Spread(offset=-4, shape=1).write(out)
        >>> Spread.read(BitReader(out.to_bytes()))
        Spread(offset=-4, shape=1)
    """

    offset: int
    shape: int

    def write(self, bits: BitWriter) -> None:
        """Append as one byte."""
        bits.write(self.offset + _OFFSET_MIDDLE, _OFFSET_BITS)
        bits.write(self.shape, 2)

    @classmethod
    def read(cls, reader: BitReader) -> Spread:
        """Read what ``write`` wrote.

        Raises:
            StreamError: there is no such shape.
        """
        spread = cls(reader.read(_OFFSET_BITS) - _OFFSET_MIDDLE, reader.read(2))
        if spread.shape >= len(_SHAPES):
            raise StreamError("the distribution of the values is unknown")
        return spread


def finish(encoder: RangeEncoder) -> bytes:
    """What a range encoder has written, without zero bytes at the end.

    Example:
        >>> encoder = RangeEncoder()
        >>> encode_values(encoder, np.array([3, -1, 0]), np.ones(3), Spread(0, 1))
        >>> len(finish(encoder))
        4
    """
    return encoder.get_compressed().astype(">u4").tobytes().rstrip(b"\0")


def start(payload: bytes, count: int) -> RangeDecoder:
    """A decoder of what ``finish`` returned, of ``count`` values at most.

    Raises:
        StreamError: the payload is longer than so many values can be.

    Example:
        >>> decode_values(start(b"", 2), np.ones(2), Spread(0, 0)).shape
        (2,)
    """
    if len(payload) > 16 + 10 * count:
        raise StreamError(f"{len(payload)} bytes are more than {count} values take")
    payload += bytes(-len(payload) % 4)
    return RangeDecoder(np.frombuffer(payload, ">u4").astype(np.uint32))


def measure_spread(values: np.ndarray, sigma: np.ndarray) -> Spread:
    """The spread that codes values, int64 (N,), of expected spreads sigma, float64 (N,), in the fewest bits.

    Example:
        >>> values = np.array([40, -35, 28, -44, 31, -20])
        >>> measure_spread(values, np.full(6, 33.0)).offset
        0
        >>> measure_spread(values, np.full(6, 8.0)).offset
        8
    """
    if not len(values):
        return Spread(0, 0)
    ratio = np.abs(values) / sigma
    best, least = Spread(0, 0), math.inf
    wider = math.sqrt(float(np.mean(np.minimum(ratio, 8.0) ** 2))) + 1e-3
    middle = int(np.clip(np.rint(4 * math.log2(wider)), 3 - _OFFSET_MIDDLE, _OFFSET_MIDDLE - 4))
    for shape in range(len(_SHAPES)):
        for offset in range(middle - 3, middle + 4):
            spread = Spread(offset, shape)
            bits = _cost(values, sigma, spread)
            if bits < least:
                best, least = spread, bits
    return best


def _indices(sigma: np.ndarray, spread: Spread) -> np.ndarray:
    return np.clip(np.searchsorted(_SCALE_EDGES, sigma) + spread.offset, 0, _SCALES - 1)


def _by_scale(sigma: np.ndarray, spread: Spread) -> Iterator[tuple[int, np.ndarray]]:
    indices = _indices(sigma, spread)
    for index in np.unique(indices):
        yield int(index), np.flatnonzero(indices == index)


def _low_bits(index: int) -> int:
    """How many low bits of values of a scale are coded as they are: those below an eighth of sigma."""
    return max(0, (index - 12) // 4 - 3)


@lru_cache(maxsize=256)
def _frequencies(index: int, shape: int) -> np.ndarray:
    """Frequencies of the symbols -_SIDE.._SIDE and the escape: float64 integers, at least 1."""
    exponent, step = _SHAPES[shape], 1 << _low_bits(index)
    alpha = _SCALE_VALUES[index] * math.sqrt(math.gamma(1 / exponent) / math.gamma(3 / exponent))
    edges = np.arange(-_SIDE, _SIDE + 2) * step - 0.5
    cdf = 0.5 + 0.5 * np.sign(edges) * gammainc(1 / exponent, (np.abs(edges) / alpha) ** exponent)
    mass = np.append(np.diff(cdf), 1e-4)
    return np.rint(mass * 2**20) + 1


def _cost(values: np.ndarray, sigma: np.ndarray, spread: Spread) -> float:
    bits = 0.0
    for index, rows in _by_scale(sigma, spread):
        frequencies = _frequencies(index, spread.shape)
        symbols, _, escaped = _symbols(values[rows], index)
        bits += float(-np.log2(frequencies[symbols] / frequencies.sum()).sum())
        bits += _low_bits(index) * len(rows) + 2 * _ESCAPE_BITS * len(escaped)
    return bits


def _symbols(values: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Symbols int32 (0 for -_SIDE), low bits int32, and the values that are escaped."""
    shift = _low_bits(index)
    high = values >> shift
    outside = np.abs(high) > _SIDE
    symbols = np.where(outside, 2 * _SIDE + 1, high + _SIDE).astype(np.int32)
    return symbols, (values & ((1 << shift) - 1)).astype(np.int32), values[outside]


def encode_values(encoder: RangeEncoder, values: np.ndarray, sigma: np.ndarray, spread: Spread) -> None:
    """Append values, int64 (N,) within +-131071, of expected spreads sigma, float64 (N,).

    Example:
        >>> encoder, values, sigma = RangeEncoder(), np.array([3, -1, 0, 100000]), np.array([2.0, 1.0, 1.0, 4.0])
        >>> encode_values(encoder, values, sigma, Spread(0, 1))
        >>> decode_values(start(finish(encoder), 4), sigma, Spread(0, 1)).tolist()
        [3, -1, 0, 100000]
    """
    for index, rows in _by_scale(sigma, spread):
        symbols, low, escaped = _symbols(values[rows], index)
        encoder.encode(symbols, _categorical(index, spread.shape))
        if _low_bits(index):
            encoder.encode(low, _uniform(_low_bits(index)))
        if len(escaped):
            folded = escaped + (1 << (2 * _ESCAPE_BITS - 1))
            for part in (folded >> _ESCAPE_BITS, folded & ((1 << _ESCAPE_BITS) - 1)):
                encoder.encode(part.astype(np.int32), _uniform(_ESCAPE_BITS))


def decode_values(decoder: RangeDecoder, sigma: np.ndarray, spread: Spread) -> np.ndarray:
    """The next values, int64 (N,), of expected spreads sigma, float64 (N,).

    Raises:
        StreamError: no encoder wrote this.

    Example:
        >>> encoder = RangeEncoder()
        >>> encode_values(encoder, np.array([7, -7]), np.full(2, 5.0), Spread(0, 2))
        >>> decode_values(start(finish(encoder), 2), np.full(2, 5.0), Spread(0, 2)).tolist()
        [7, -7]
    """
    values = np.zeros(len(sigma), dtype=np.int64)
    try:
        for index, rows in _by_scale(sigma, spread):
            values[rows] = _decode_scale(decoder, index, spread.shape, len(rows))
    except (AssertionError, ValueError) as error:
        raise StreamError(f"the values cannot be decoded: {' '.join(str(error).split())}") from None
    return values


def _decode_scale(decoder: RangeDecoder, index: int, shape: int, count: int) -> np.ndarray:
    symbols = decoder.decode(_categorical(index, shape), count).astype(np.int64)
    shift = _low_bits(index)
    low = decoder.decode(_uniform(shift), count).astype(np.int64) if shift else 0
    values = ((symbols - _SIDE) << shift) + low
    outside = symbols == 2 * _SIDE + 1
    if outside.any():
        high, rest = (decoder.decode(_uniform(_ESCAPE_BITS), int(outside.sum())).astype(np.int64) for _ in range(2))
        values[outside] = (high << _ESCAPE_BITS) + rest - (1 << (2 * _ESCAPE_BITS - 1))
    return values


def _categorical(index: int, shape: int) -> Categorical:
    return Categorical(_frequencies(index, shape), perfect=False)


def _uniform(bits: int) -> Uniform:
    return Uniform(1 << bits)
