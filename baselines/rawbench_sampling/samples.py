"""Raw samples without loss: what the sRGB at the same pixels does not say, range coded.

The decoder knows the sRGB of every sampled pixel, and with it a prediction of raw, and how far raw can be from it:
an 8-bit code stands for an interval of linear light, and the polynomial's slopes carry the intervals of the three
channels over to raw. That gives each sample a covariance; red is coded first, green given red, blue given both.
What remains is scaled by one of the scales of a table, from which its symbol's probabilities follow; how far the
true spread is off the predicted one is measured for each channel, apart for clipped pixels, and sent.

Everything that steers the range coder is computed by single float64 operations in a fixed order, and probabilities
are rounded to integers, so that other machines decode the same symbols.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import constriction
import numpy as np
import torch
from scipy.special import gammainc
from torch import Tensor

from rawbench import StreamError
from rawbench.coefficients import BitReader, BitWriter
from rawbench.polynomial import Polynomial, clip_class, exponents, linear_table

PEAK = 65535
_SCALES = 80  # sigma = 2 ** ((index - 12) / 4), in 16-bit steps
_SHAPES = (1.0, 2.0, 4.0)  # exponents of the generalised normal distribution
_SIDE = 127  # largest magnitude of a symbol; the one after it is the escape
_ESCAPE_BITS = 9  # twice: an escaped value as 18 bits
_CLIPPED_WIDTH = 0.25  # linear light that a clipped channel may lie beyond white
_NOISE = 0.25 / PEAK  # standard deviation that no sample goes below
_OFFSET_BITS, _OFFSET_MIDDLE = 6, 32
_SCALE_VALUES = 2.0 ** ((np.arange(_SCALES) - 12) / 4)
_SCALE_EDGES = 2.0 ** ((np.arange(_SCALES - 1) - 11.5) / 4)


@dataclass(frozen=True)
class _Group:
    """How one group of values (a channel; clipped pixels or not) differs from its prediction."""

    offset: int  # quarter octaves that its spread is above the predicted one
    shape: int  # index into _SHAPES


def encode_samples(samples: Tensor, codes: Tensor, polynomial: Polynomial) -> bytes:
    """Code raw samples, int64 (3, N) in 0..65535, given their sRGB, uint8 (3, N), and a prediction."""
    model = _Model(codes, polynomial)
    errors = samples.cpu().numpy() - model.predicted
    bits, encoder = BitWriter(), constriction.stream.queue.RangeEncoder()
    groups = []
    conditional = [model.conditional(channel, errors) for channel in range(3)]
    for channel, (error, sigma) in enumerate(conditional):
        for rows in model.rows:
            groups.append(_measure(errors[channel][rows] - error[rows], sigma[rows]))
            bits.write(groups[-1].offset + _OFFSET_MIDDLE, _OFFSET_BITS)
            bits.write(groups[-1].shape, 2)
    for channel, (mean, sigma) in enumerate(conditional):
        for group, rows in zip(groups[2 * channel : 2 * channel + 2], model.rows, strict=True):
            _encode_values(encoder, (errors[channel] - mean)[rows], sigma[rows], group)
    words = encoder.get_compressed().astype(">u4").tobytes()
    return bits.to_bytes() + words.rstrip(b"\0")


def decode_samples(payload: bytes, codes: Tensor, polynomial: Polynomial) -> Tensor:
    """Decode what ``encode_samples`` wrote: int64 (3, N).

    Raises:
        StreamError: the payload is malformed.
    """
    reader = BitReader(payload)
    groups = [_Group(reader.read(_OFFSET_BITS) - _OFFSET_MIDDLE, reader.read(2)) for _ in range(6)]
    if any(group.shape >= len(_SHAPES) for group in groups):
        raise StreamError("the samples' distribution is unknown")
    words = reader.rest()
    model = _Model(codes, polynomial)
    if len(words) > 16 + 10 * codes.numel():
        raise StreamError("the samples are longer than any of this size")
    words += bytes(-len(words) % 4)
    decoder = constriction.stream.queue.RangeDecoder(np.frombuffer(words, ">u4").astype(np.uint32))
    errors = np.zeros((3, codes.shape[1]), dtype=np.int64)
    try:
        for channel in range(3):
            mean, sigma = model.conditional(channel, errors)
            for group, rows in zip(groups[2 * channel : 2 * channel + 2], model.rows, strict=True):
                errors[channel][rows] = mean[rows] + _decode_values(decoder, sigma[rows], group)
    except (AssertionError, ValueError) as error:
        raise StreamError(f"the samples cannot be decoded: {error}") from None
    samples = model.predicted + errors
    if samples.size and (samples.min() < 0 or samples.max() > PEAK):
        raise StreamError("a sample lies outside 0..65535")
    return torch.from_numpy(samples).to(codes.device)


class _Model:
    """Predictions and covariances of samples, from their sRGB.

    Attributes:
        predicted: int64 (3, N), on the 16-bit grid.
        rows: positions of the samples without and with clipped channels.
    """

    def __init__(self, codes: Tensor, polynomial: Polynomial) -> None:
        self.predicted = torch.round(polynomial(codes) * PEAK).long().cpu().numpy()
        pixels = codes.T.cpu()
        clipped = clip_class(pixels, polynomial.threshold).numpy()
        self.rows = (np.flatnonzero(clipped == 0), np.flatnonzero(clipped))
        variances = _interval_variances(pixels.numpy(), clipped, polynomial.curve)
        slopes = np.zeros((3, 3))
        for column, term in enumerate(exponents(polynomial.degree)[:4]):
            if sum(term) == 1:
                slopes[:, term.index(1)] = 2 * polynomial.coefficients[:, column]
        self._covariance = {
            (i, j): _sum3([slopes[i, k] * slopes[j, k] * variances[k] for k in range(3)]) + (_NOISE**2 if i == j else 0)
            for i in range(3)
            for j in range(i + 1)
        }

    def conditional(self, channel: int, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean, int64 (N,), and spread, float64 (N,) in 16-bit steps, of a channel's error given the ones before."""
        c = self._covariance
        if channel == 0:
            return np.zeros(errors.shape[1], dtype=np.int64), np.sqrt(c[0, 0]) * PEAK
        a = c[1, 0] / c[0, 0]
        if channel == 1:
            spread = np.maximum(c[1, 1] - a * c[1, 0], _NOISE**2)
            return np.rint(a * errors[0]).astype(np.int64), np.sqrt(spread) * PEAK
        green = np.maximum(c[1, 1] - a * c[1, 0], _NOISE**2)
        b = (c[2, 1] - c[2, 0] * a) / green
        spread = np.maximum(c[2, 2] - c[2, 0] * c[2, 0] / c[0, 0] - b * b * green, _NOISE**2)
        mean = c[2, 0] / c[0, 0] * errors[0] + b * (errors[1] - a * errors[0])
        return np.rint(mean).astype(np.int64), np.sqrt(spread) * PEAK


def _sum3(terms: list[np.ndarray]) -> np.ndarray:
    return terms[0] + terms[1] + terms[2]


def _interval_variances(pixels: np.ndarray, clipped: np.ndarray, curve: str) -> list[np.ndarray]:
    """Variance of linear light within the interval of each code, by channel: three float64 (N,)."""
    table = linear_table(curve)
    width = np.empty(256)
    width[1:-1] = (table[2:] - table[:-2]) / 2
    width[0], width[-1] = table[1] - table[0], table[-1] - table[-2]
    variances = []
    for channel in range(3):
        here = np.where(clipped >> channel & 1, _CLIPPED_WIDTH, width[pixels[:, channel]])
        variances.append(here * here / 12)
    return variances


def _measure(values: np.ndarray, sigma: np.ndarray) -> _Group:
    """The offset and shape that code values in the fewest bits."""
    if not len(values):
        return _Group(0, 0)
    ratio = np.abs(values) / sigma
    best, least = _Group(0, 0), math.inf
    spread = math.sqrt(float(np.mean(np.minimum(ratio, 8.0) ** 2))) + 1e-3
    middle = int(np.clip(np.rint(4 * math.log2(spread)), 3 - _OFFSET_MIDDLE, _OFFSET_MIDDLE - 4))
    for shape in range(len(_SHAPES)):
        for offset in range(middle - 3, middle + 4):
            group = _Group(offset, shape)
            bits = _cost(values, sigma, group)
            if bits < least:
                best, least = group, bits
    return best


def _indices(sigma: np.ndarray, group: _Group) -> np.ndarray:
    return np.clip(np.searchsorted(_SCALE_EDGES, sigma) + group.offset, 0, _SCALES - 1)


def _by_scale(sigma: np.ndarray, group: _Group) -> Iterator[tuple[int, np.ndarray]]:
    indices = _indices(sigma, group)
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


def _cost(values: np.ndarray, sigma: np.ndarray, group: _Group) -> float:
    bits = 0.0
    for index, rows in _by_scale(sigma, group):
        frequencies = _frequencies(index, group.shape)
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


def _encode_values(
    encoder: constriction.stream.queue.RangeEncoder, values: np.ndarray, sigma: np.ndarray, group: _Group
) -> None:
    for index, rows in _by_scale(sigma, group):
        symbols, low, escaped = _symbols(values[rows], index)
        encoder.encode(symbols, _categorical(index, group.shape))
        if _low_bits(index):
            encoder.encode(low, _uniform(_low_bits(index)))
        if len(escaped):
            folded = escaped + (1 << (2 * _ESCAPE_BITS - 1))
            for part in (folded >> _ESCAPE_BITS, folded & ((1 << _ESCAPE_BITS) - 1)):
                encoder.encode(part.astype(np.int32), _uniform(_ESCAPE_BITS))


def _decode_values(decoder: constriction.stream.queue.RangeDecoder, sigma: np.ndarray, group: _Group) -> np.ndarray:
    values = np.zeros(len(sigma), dtype=np.int64)
    for index, rows in _by_scale(sigma, group):
        symbols = decoder.decode(_categorical(index, group.shape), len(rows)).astype(np.int64)
        shift = _low_bits(index)
        low = decoder.decode(_uniform(shift), len(rows)).astype(np.int64) if shift else 0
        here = ((symbols - _SIDE) << shift) + low
        outside = symbols == 2 * _SIDE + 1
        if outside.any():
            high, rest = (decoder.decode(_uniform(_ESCAPE_BITS), int(outside.sum())).astype(np.int64) for _ in range(2))
            here[outside] = (high << _ESCAPE_BITS) + rest - (1 << (2 * _ESCAPE_BITS - 1))
        values[rows] = here
    return values


def _categorical(index: int, shape: int) -> constriction.stream.model.Categorical:
    return constriction.stream.model.Categorical(_frequencies(index, shape), perfect=False)


def _uniform(bits: int) -> constriction.stream.model.Uniform:
    return constriction.stream.model.Uniform(1 << bits)
