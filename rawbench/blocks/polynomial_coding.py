"""Polynomials as bytes: quantised coefficients in a few dozen bytes, read back to the same polynomial everywhere.

Coefficients are multiples of powers of two. They are rounded one by one, the ones not yet rounded making up for the
error (Babai's nearest plane in the metric of the image's own Gram matrix), so that coefficients that matter little
together cost little precision. The integers are Rice coded, with one parameter for each total degree.

Layout, in bits: curve 2, threshold 2, degree 3, step 4, correction step 4, clip classes 7; the degree (3) of each
class present; the Rice parameters (4 each) of the polynomial's degrees and of the corrections' degrees; the integers
of the polynomial (less those of the identity), then those of the classes; zero bits up to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from rawbench.blocks.bits import BitReader, BitWriter
from rawbench.blocks.least_squares import NormalEquations
from rawbench.blocks.polynomial import (
    CURVES,
    MAX_DEGREE,
    Correction,
    Polynomial,
    clipped_channels,
    exponents,
    identity_prior,
)
from rawbench.errors import StreamError

THRESHOLDS = (255, 253, 250, 245)  # in steps of 8 bits, whatever the sRGB's depth
STEPS = 16  # step = 2**-(4 + index) of the polynomial, 2**-(1 + index) of the corrections
_LARGEST = 1 << 20  # of an integer's magnitude


@dataclass(frozen=True)
class Quantised:
    """A polynomial in integers.

    Attributes:
        curve: index into ``CURVES``.
        threshold: index into ``THRESHOLDS``.
        degree: of the polynomial.
        step: 0..15, coefficients are multiples of 2**-(4 + step).
        correction_step: 0..15, coefficients of corrections are multiples of 2**-(1 + correction_step).
        main: int (3, F).
        corrections: by clip class: degree and int (K, F).

    Example:
        >>> import torch
        >>> from rawbench.blocks.polynomial_fitting import fit_polynomial
        >>> srgb = torch.arange(3 * 64, dtype=torch.uint8).reshape(3, 8, 8)
        >>> quantised = fit_polynomial(srgb, (srgb / 255.0) ** 2.2, degree=1, decibels_per_bit=0.05)
        >>> quantised.degree, len(quantised.to_bytes()) < 40
        (1, True)
    """

    curve: int
    threshold: int
    degree: int
    step: int
    correction_step: int
    main: np.ndarray
    corrections: Mapping[int, tuple[int, np.ndarray]]

    def polynomial(self) -> Polynomial:
        """The polynomial that the integers stand for."""
        scale = 0.5 ** (1 + self.correction_step)
        return Polynomial(
            CURVES[self.curve],
            self.degree,
            self.main * 0.5 ** (4 + self.step),
            THRESHOLDS[self.threshold],
            {c: Correction(degree, values * scale) for c, (degree, values) in self.corrections.items()},
        )

    def to_bytes(self) -> bytes:
        """Serialise; see the module's layout."""
        out = BitWriter()
        for value, bits in (
            (self.curve, 2),
            (self.threshold, 2),
            (self.degree, 3),
            (self.step, 4),
            (self.correction_step, 4),
            (sum(1 << (c - 1) for c in self.corrections), 7),
        ):
            out.write(value, bits)
        for clipped in sorted(self.corrections):
            out.write(self.corrections[clipped][0], 3)
        main = self.main - _identity(self.degree, self.step)
        groups = [[main[:, rows] for rows in _by_degree(self.degree, 3)]]
        groups += [_split(self.corrections[c], c) for c in sorted(self.corrections)]
        parameters = [_rice_parameters(groups[:1]), _rice_parameters(groups[1:])]
        for values in parameters:
            for parameter in values:
                out.write(parameter, 4)
        for position, group in enumerate(groups):
            for degree, integers in enumerate(group):
                for value in integers.ravel():
                    out.write_rice(int(value), parameters[min(position, 1)][degree])
        return out.to_bytes()


def read_polynomial(payload: bytes) -> tuple[Quantised, bytes]:
    """Read what ``Quantised.to_bytes`` wrote; returns it and the bytes behind it.

    Raises:
        StreamError: the bytes are no polynomial.

    Example:
        >>> integers = np.zeros((3, 1), dtype=np.int64)
        >>> data = Quantised(0, 0, 0, 4, 0, integers, {}).to_bytes()
        >>> read_polynomial(data)[0].main.tolist(), read_polynomial(data)[1]
        ([[0], [0], [0]], b'')
    """
    reader = BitReader(payload)
    curve, threshold, degree, step, correction_step = (reader.read(bits) for bits in (2, 2, 3, 4, 4))
    mask = reader.read(7)
    classes = [c for c in range(1, 8) if mask >> (c - 1) & 1]
    degrees = {c: reader.read(3) for c in classes}
    if max([degree, *degrees.values()]) > MAX_DEGREE:
        raise StreamError("a polynomial's degree is above 5")
    main_parameters = [reader.read(4) for _ in range(degree + 1)]
    other_parameters = [reader.read(4) for _ in range(max(degrees.values(), default=-1) + 1)]
    main = _read_integers(reader, degree, 3, 3, main_parameters) + _identity(degree, step)
    corrections = {}
    for c in classes:
        outputs = len(clipped_channels(c))
        integers = _read_integers(reader, degrees[c], 3 - outputs, outputs, other_parameters)
        corrections[c] = (degrees[c], integers)
    return Quantised(curve, threshold, degree, step, correction_step, main, corrections), reader.rest()


def round_coefficients(equations: NormalEquations, solution: np.ndarray, step: float) -> np.ndarray:
    """Round coefficients (F, O) to multiples of a step, later ones first, the others making up for the error.

    Returns:
        int64 (F, O), in units of the step.

    Example:
        >>> import torch
        >>> equations = NormalEquations(1, 1)
        >>> equations.add(torch.ones(4, 1).double(), torch.full((4, 1), 0.3).double())
        >>> round_coefficients(equations, equations.solve(), 1 / 16).tolist()
        [[5]]
    """
    lower = equations.factor()
    wanted = solution.copy()
    rounded = np.zeros(solution.shape, dtype=np.int64)
    for i in reversed(range(len(solution))):
        rounded[i] = np.clip(np.rint(wanted[i] / step), -_LARGEST, _LARGEST).astype(np.int64)
        wanted[:i] += (lower[i, :i] / np.diagonal(lower)[:i])[:, None] * (solution[i] - rounded[i] * step)
    return rounded


def approximate_bits(integers: np.ndarray) -> float:
    """About how many bits Rice coding spends on integers.

    Example:
        >>> approximate_bits(np.array([0, 1, -3]))
        9.0
    """
    return float((np.log2(1.0 + np.abs(integers)) + 2.0).sum())


def _identity(degree: int, step: int) -> np.ndarray:
    return np.rint(identity_prior(degree).T * 2.0 ** (4 + step)).astype(np.int64)


def _by_degree(degree: int, channels: int) -> list[list[int]]:
    terms = exponents(degree, channels)
    return [[i for i, t in enumerate(terms) if sum(t) == d] for d in range(degree + 1)]


def _split(correction: tuple[int, np.ndarray], clipped: int) -> list[np.ndarray]:
    degree, integers = correction
    return [integers[:, rows] for rows in _by_degree(degree, 3 - len(clipped_channels(clipped)))]


def _rice_parameters(groups: Iterable[list[np.ndarray]]) -> list[int]:
    """The best parameter of each degree over several groups of integers."""
    pooled: list[list[np.ndarray]] = []
    for group in groups:
        for degree, integers in enumerate(group):
            if degree == len(pooled):
                pooled.append([])
            pooled[degree].append(integers.ravel())
    best = []
    for pieces in pooled:
        values = np.concatenate(pieces)
        folded = np.where(values >= 0, 2 * values, -2 * values - 1)
        costs = [int((folded >> parameter).sum()) + parameter * len(folded) for parameter in range(16)]
        best.append(costs.index(min(costs)))
    return best


def _read_integers(reader: BitReader, degree: int, channels: int, outputs: int, parameters: list[int]) -> np.ndarray:
    integers = np.zeros((outputs, len(exponents(degree, channels))), dtype=np.int64)
    for d, columns in enumerate(_by_degree(degree, channels)):
        for output in range(outputs):
            for column in columns:
                integers[output, column] = reader.read_rice(parameters[d])
    return integers
