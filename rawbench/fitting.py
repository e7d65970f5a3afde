"""Fits a polynomial of the sRGB to the raw of one image, and spends bits where they buy decibels.

Degrees, clip classes and quantiser steps are chosen to minimise ``10 log10(mean squared error) + price x bpp``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from rawbench.coefficients import (
    STEPS,
    THRESHOLDS,
    Quantised,
    approximate_bits,
    round_coefficients,
)
from rawbench.polynomial import (
    CURVES,
    NormalEquations,
    Polynomial,
    clipped_channels,
    correction_equations,
    exponents,
    identity_prior,
    main_equations,
)

_FLOOR = 2.0**-32  # mean squared error below which nothing is gained: half a step of 16 bits
_TRIAL_PIXELS = 1 << 16
_SMALL_IMAGE = 1 << 17  # pixels: below, a bit is priced as if the image had as many


@dataclass(frozen=True)
class _Choice:
    """One way to code a clip class: its degree (-1: not at all), integers, squared error and bits."""

    degree: int
    integers: np.ndarray | None
    error: float
    bits: float


def fit_polynomial(srgb: Tensor, raw: Tensor, degree: int, price: float) -> Quantised:
    """Fit a polynomial of the linearised sRGB to raw, with corrections where channels are clipped.

    Args:
        srgb: uint8 (3, ...), an image or a list of samples.
        raw: float (3, ...), in [0, 1].
        degree: highest total degree, 1..5, of the polynomial and of the corrections.
        price: decibels that one bit per pixel has to buy (of an image of 2**17 pixels, if it has fewer).
    """
    curve, threshold = choose_rendition(srgb, raw, degree)
    pixels = srgb.reshape(3, -1).shape[1]
    decibels_per_bit = price / max(pixels, _SMALL_IMAGE)
    equations = main_equations(srgb, raw, degree, CURVES[curve], THRESHOLDS[threshold])
    low, step, main = _choose_main(equations, degree, decibels_per_bit)
    base = Polynomial(CURVES[curve], low, main * 0.5 ** (4 + step), THRESHOLDS[threshold])
    unclipped = float(equations.squared_error(_padded(base.coefficients, len(equations.gram))).sum())
    classes = correction_equations(srgb, raw, base, degree)
    correction_step, chosen = _choose_corrections(classes, degree, unclipped, 3 * pixels, decibels_per_bit)
    return Quantised(curve, threshold, low, step, correction_step, main, chosen)


def choose_rendition(srgb: Tensor, raw: Tensor, degree: int) -> tuple[int, int]:
    """The curve (index into ``CURVES``) and clip threshold (index into ``THRESHOLDS``) that fit raw best.

    Judged on some 65 536 pixels spread evenly over the image.
    """
    codes, target = srgb.reshape(3, -1), raw.reshape(3, -1)
    stride = max(1, codes.shape[1] // _TRIAL_PIXELS)
    codes, target = codes[:, ::stride], target[:, ::stride]

    def error(curve: str, threshold: int, order: int) -> float:
        equations = main_equations(codes, target, order, curve, threshold)
        solution = equations.solve(prior=identity_prior(order))
        total = float(equations.squared_error(solution).sum())
        base = Polynomial(curve, order, solution.T, threshold)
        for part in correction_equations(codes, target, base, 1).values():
            total += float(part.squared_error(part.solve()).sum())
        return total

    # The curve that leaves a polynomial least to do: judged by the lowest degree.
    curve = int(np.argmin([error(name, THRESHOLDS[0], 1) for name in CURVES]))
    thresholds = [error(CURVES[curve], t, min(degree, 3)) for t in THRESHOLDS]
    # Pixels given up for clipped must earn it: 2 % less error, or the threshold stays.
    best = int(np.argmin(thresholds))
    return curve, best if thresholds[best] < 0.98 * thresholds[0] else 0


def _choose_main(equations: NormalEquations, degree: int, price: float) -> tuple[int, int, np.ndarray]:
    """Degree, step index and integers (3, F) of the polynomial with the least cost."""
    best: tuple[float, int, int, np.ndarray] | None = None
    for low in range(degree + 1):
        part = equations.leading(len(exponents(low)))
        prior = identity_prior(low)
        solution = part.solve(prior=prior)
        for step in range(3, STEPS - 3):
            size = 0.5 ** (4 + step)
            integers = round_coefficients(part, solution, size)
            error = float(part.squared_error(integers * size).sum()) / max(3 * part.weight, 1.0)
            bits = approximate_bits(integers - np.rint(prior / size))
            cost = 10 * math.log10(error + _FLOOR) + price * bits
            if best is None or cost < best[0]:
                best = cost, low, step, integers.T
    assert best is not None
    return best[1:]


def _choose_corrections(
    classes: dict[int, NormalEquations], degree: int, rest: float, values: int, price: float
) -> tuple[int, dict[int, tuple[int, np.ndarray]]]:
    """Step index, and for each clip class that is worth it the degree and integers (K, F)."""
    best: tuple[float, int, dict[int, _Choice]] | None = None
    for step in range(0, STEPS - 4):
        options = {c: _correction_options(e, c, degree, step) for c, e in classes.items()}
        chosen = {c: found[0] for c, found in options.items()}
        for _ in range(4):  # the price of a bit in squared error depends on the total, which depends on the choice
            total = rest + sum(choice.error for choice in chosen.values()) + values * _FLOOR
            exchange = price * total * math.log(10) / 10
            chosen = {c: min(found, key=lambda o, x=exchange: o.error + x * o.bits) for c, found in options.items()}
        total = rest + sum(choice.error for choice in chosen.values())
        bits = sum(choice.bits for choice in chosen.values())
        cost = 10 * math.log10(total / values + _FLOOR) + price * bits
        if best is None or cost < best[0]:
            best = cost, step, chosen
    assert best is not None
    return best[1], {c: (o.degree, o.integers) for c, o in best[2].items() if o.integers is not None}


def _correction_options(equations: NormalEquations, clipped: int, degree: int, step: int) -> list[_Choice]:
    outputs = len(clipped_channels(clipped))
    terms = len(exponents(degree, 3 - outputs))
    options = [_Choice(-1, None, float(equations.energy.sum()), 0.0)]
    size = 0.5 ** (1 + step)
    for low in range(degree + 1 if outputs < 3 else 1):
        kept = len(exponents(low, 3 - outputs))
        rows = np.concatenate([np.arange(kept) + terms * k for k in range(outputs)])
        part = NormalEquations(len(rows), 1)
        part.gram, part.moment = equations.gram[np.ix_(rows, rows)], equations.moment[rows]
        part.energy, part.weight = equations.energy, equations.weight
        integers = round_coefficients(part, part.solve(), size)
        error = float(part.squared_error(integers * size).sum())
        options.append(_Choice(low, integers.reshape(outputs, kept), error, approximate_bits(integers) + 3))
    return options


def _padded(coefficients: np.ndarray, terms: int) -> np.ndarray:
    full = np.zeros((terms, len(coefficients)))
    full[: coefficients.shape[1]] = coefficients.T
    return full
