"""Raw samples without loss: what the sRGB at the same pixels does not say, range coded.

The decoder knows the sRGB of every sampled pixel, and with it a prediction of raw, and how far raw can be from it:
an 8-bit code stands for an interval of linear light, and the polynomial's slopes carry the intervals of the three
channels over to raw (of a 16-bit code the upper 11 bits do: no prediction is finer). That gives each sample a
covariance; red is coded first, green given red, blue given both. What remains is scaled by one of the scales of a
table, from which its symbol's probabilities follow; how far the true spread is off the predicted one is measured for
each channel, apart for clipped pixels, and sent.

Everything that steers the range coder is computed by single float64 operations in a fixed order, and probabilities
are rounded to integers, so that other machines decode the same symbols.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rawbench import StreamError
from rawbench.blocks.bits import BitReader, BitWriter
from rawbench.blocks.integer_coding import (
    RangeEncoder,
    Spread,
    decode_values,
    encode_values,
    finish,
    measure_spread,
    start,
)
from rawbench.blocks.polynomial import Polynomial, clip_class, exponents, linear_table
from rawbench.srgb import bits_of
from rawbench_sampling.grid import Grid

PEAK = 65535
_CLIPPED_WIDTH = 0.25  # linear light that a clipped channel may lie beyond white
_INTERVAL_BITS = 11  # at most; finer intervals than these double the bytes where a polynomial is not exact
_NOISE = 0.25 / PEAK  # standard deviation that no sample goes below


def samples_of(raw: Tensor, srgb: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Raw at the grid's pixels as integers up to ``PEAK``, int64 (3, N), and the sRGB there, uint8 (3, N)."""
    samples = torch.round(grid.take(raw).reshape(3, -1).double() * PEAK).long()
    return samples, grid.take(srgb).reshape(3, -1)


def encode_samples(samples: Tensor, codes: Tensor, polynomial: Polynomial) -> bytes:
    """Code raw samples, int64 (3, N) in 0..65535, given their sRGB, uint8 or uint16 (3, N), and a prediction."""
    model = _Model(codes, polynomial)
    errors = samples.cpu().numpy() - model.predicted
    parts = []
    for channel in range(3):
        mean, sigma = model.conditional(channel, errors)
        parts += [((errors[channel] - mean)[rows], sigma[rows]) for rows in model.rows]
    bits, coder = BitWriter(), RangeEncoder()
    spreads = [measure_spread(*part) for part in parts]
    for spread in spreads:
        spread.write(bits)
    for part, spread in zip(parts, spreads, strict=True):
        encode_values(coder, *part, spread)
    return bits.to_bytes() + finish(coder)


def decode_samples(payload: bytes, codes: Tensor, polynomial: Polynomial) -> Tensor:
    """Decode what ``encode_samples`` wrote: int64 (3, N).

    Raises:
        StreamError: the payload is malformed.
    """
    reader = BitReader(payload)
    spreads = iter([Spread.read(reader) for _ in range(6)])
    decoder = start(reader.rest(), codes.numel())
    model = _Model(codes, polynomial)
    errors = np.zeros((3, codes.shape[1]), dtype=np.int64)
    for channel in range(3):
        mean, sigma = model.conditional(channel, errors)
        for rows in model.rows:
            errors[channel][rows] = mean[rows] + decode_values(decoder, sigma[rows], next(spreads))
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
            return _mean(a * errors[0]), np.sqrt(spread) * PEAK
        green = np.maximum(c[1, 1] - a * c[1, 0], _NOISE**2)
        b = (c[2, 1] - c[2, 0] * a) / green
        spread = np.maximum(c[2, 2] - c[2, 0] * c[2, 0] / c[0, 0] - b * b * green, _NOISE**2)
        mean = c[2, 0] / c[0, 0] * errors[0] + b * (errors[1] - a * errors[0])
        return _mean(mean), np.sqrt(spread) * PEAK


def _mean(value: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(value, -PEAK, PEAK)).astype(np.int64)


def _sum3(terms: list[np.ndarray]) -> np.ndarray:
    return terms[0] + terms[1] + terms[2]


def _interval_variances(pixels: np.ndarray, clipped: np.ndarray, curve: str) -> list[np.ndarray]:
    """Variance of linear light within the interval of each code, by channel: three float64 (N,)."""
    bits = min(bits_of(pixels), _INTERVAL_BITS)
    intervals = pixels >> (bits_of(pixels) - bits)
    table = linear_table(curve, bits)
    width = np.empty(2**bits)
    width[1:-1] = (table[2:] - table[:-2]) / 2
    width[0], width[-1] = table[1] - table[0], table[-1] - table[-2]
    variances = []
    for channel in range(3):
        here = np.where(clipped >> channel & 1, _CLIPPED_WIDTH, width[intervals[:, channel]])
        variances.append(here * here / 12)
    return variances
