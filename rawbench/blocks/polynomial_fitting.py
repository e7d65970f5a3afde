"""Fits a polynomial of the sRGB to the raw of one image, and spends bits where they buy decibels.

Degrees, clip classes and quantiser steps are chosen to minimise ``10 log10(mean squared error) + price x bits``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from rawbench.blocks.least_squares import NormalEquations
from rawbench.blocks.polynomial import (
    CURVES,
    Polynomial,
    chunks,
    clip_class,
    clipped_channels,
    exponents,
    identity_prior,
    is_clipped,
)
from rawbench.blocks.polynomial_coding import STEPS, THRESHOLDS, Quantised, approximate_bits, round_coefficients
from rawbench.blocks.polynomial_equations import correction_equations, main_equations
from rawbench.codec import Advance, unwatched
from rawbench.srgb import pick

_FLOOR = 2.0**-32  # mean squared error below which nothing is gained: half a step of 16 bits
_TRIAL_PIXELS = 1 << 15  # judge degrees, steps and clip classes
_TRIAL_CLASS_PIXELS = 1 << 12
_LARGE_PIXELS = 1 << 21  # an image of no more is fitted to all of its pixels
_FITTED_PIXELS, _FITTED_CLASS_PIXELS = 1 << 18, 1 << 16  # of a larger one, and of each clip class: they tell the same
_MIDDLING_STEP = 9  # at which degrees are compared
_Fit = tuple[NormalEquations, np.ndarray]  # equations and their solution


@dataclass(frozen=True)
class _Choice:
    """One way to code a clip class: its degree (-1: not at all), squared error and bits."""

    degree: int
    error: float
    bits: float


def fit_polynomial(
    srgb: Tensor,
    raw: Tensor,
    degree: int,
    decibels_per_bit: float,
    pixels_per_coefficient: int = 0,
    advance: Advance = unwatched,
) -> Quantised:
    """Fit a polynomial of the linearised sRGB to raw, with corrections where channels are clipped.

    Images of more than two million pixels are fitted to a quarter of a million, evenly spread, and so is each class.

    Args:
        srgb: uint8 or uint16 (3, ...), an image or a list of samples.
        raw: float (3, ...), in [0, 1].
        degree: highest total degree, 1..5, of the polynomial and of the corrections.
        decibels_per_bit: what a bit has to buy.
        pixels_per_coefficient: a correction has no more coefficients than that; for fits to a few samples, which
            have to hold for other pixels too.
        advance: is told how much of the pixels is fitted.

    Example:
        >>> srgb = torch.arange(192, dtype=torch.uint8).reshape(3, 8, 8)
        >>> fit_polynomial(srgb, srgb / 255.0, degree=1, decibels_per_bit=0.05).degree
        1
    """
    codes, target = srgb.reshape(3, -1), raw.reshape(3, -1)
    stride = max(1, codes.shape[1] // _TRIAL_PIXELS)
    trial = codes[:, ::stride], target[:, ::stride]
    curve, threshold = choose_rendition(*trial, degree)
    name, limit = CURVES[curve], THRESHOLDS[threshold]
    low, step = _choose_main(main_equations(*trial, degree, name, limit), degree, decibels_per_bit)
    count = codes.shape[1]
    part = _evenly(count, _FITTED_PIXELS if count > _LARGE_PIXELS else count, srgb.shape[-1])
    main, base, rest = _fit_main(codes[:, part], target[:, part], low, step, name, limit, advance)
    rows = _class_rows(codes, limit)
    classes = _correction_trial(codes, target, base, degree, rows)
    finer, degrees = _choose_corrections(
        classes, degree, rest * part.step, target.numel(), decibels_per_bit, pixels_per_coefficient
    )
    if part.step > 1:
        kept = torch.cat([codes.new_zeros(0, dtype=torch.int64), *(_some(rows[c]) for c in degrees)])
        codes, target = pick(codes, slice(None), kept), target[:, kept]
    corrections = _fit_corrections(codes, target, base, degrees, finer)
    return Quantised(curve, threshold, low, step, finer, main, corrections)


def _fit_main(
    codes: Tensor, target: Tensor, degree: int, step: int, curve: str, limit: int, advance: Advance
) -> tuple[np.ndarray, Polynomial, float]:
    """The polynomial's integers, itself, and its squared error over these pixels."""
    equations = main_equations(codes, target, degree, curve, limit, advance)
    integers = round_coefficients(equations, equations.solve(prior=identity_prior(degree)), 0.5 ** (4 + step)).T
    base = Polynomial(curve, degree, integers * 0.5 ** (4 + step), limit)
    return integers, base, float(equations.squared_error(base.coefficients.T).sum())


def _fit_corrections(
    codes: Tensor, target: Tensor, base: Polynomial, degrees: dict[int, int], finer: int
) -> dict[int, tuple[int, np.ndarray]]:
    """The degree and the integers of each clip class's correction."""
    corrections = {}
    for clipped, found in correction_equations(codes, target, base, degrees).items():
        integers = round_coefficients(found, found.solve(), 0.5 ** (1 + finer))
        corrections[clipped] = (degrees[clipped], integers.reshape(len(clipped_channels(clipped)), -1))
    return corrections


def _evenly(count: int, most: int, width: int) -> slice:
    """At most so many of so many pixels, not always of the same columns of an image of that width."""
    step = -(-count // most)
    while math.gcd(step, width) > 1:
        step += 1
    return slice(None, None, step)


def _some(rows: Tensor) -> Tensor:
    return rows[:: max(1, -(-len(rows) // _FITTED_CLASS_PIXELS))]


def _class_rows(codes: Tensor, threshold: int) -> dict[int, Tensor]:
    """Positions of the pixels of each clip class that occurs, int64 (N,), by class 1..7."""
    found = []
    for part in chunks(codes.shape[1]):
        red, green, blue = is_clipped(codes[:, part], threshold)
        found.append(torch.nonzero(red | green | blue).squeeze(1) + part.start)
    rows = torch.cat(found)
    group = clip_class(pick(codes, slice(None), rows).T, threshold)
    every = {clipped: rows[group == clipped] for clipped in range(1, 8)}
    return {clipped: rows for clipped, rows in every.items() if len(rows)}


def _correction_trial(
    codes: Tensor, target: Tensor, base: Polynomial, degree: int, classes: dict[int, Tensor]
) -> dict[int, NormalEquations]:
    """Equations of all clip classes from some thousand pixels of each, weighted as if they were from all."""
    equations = {}
    for clipped, rows in classes.items():
        kept = rows[:: max(1, len(rows) // _TRIAL_CLASS_PIXELS)]
        found = correction_equations(pick(codes, slice(None), kept), target[:, kept], base, {clipped: degree})
        equations[clipped] = found[clipped].scaled(len(rows) / len(kept))
    return equations


def choose_rendition(codes: Tensor, target: Tensor, degree: int) -> tuple[int, int]:
    """The curve (index into ``CURVES``) and clip threshold (index into ``THRESHOLDS``) that fit raw best.

    Example:
        >>> codes = torch.arange(3 * 64, dtype=torch.uint8).reshape(3, 64)
        >>> CURVES[choose_rendition(codes, codes / 255.0, degree=1)[0]]
        'linear-round'
    """

    def error(curve: str, threshold: int, order: int) -> float:
        equations = main_equations(codes, target, order, curve, threshold)
        solution = equations.solve(prior=identity_prior(order))
        total = float(equations.squared_error(solution).sum())
        base = Polynomial(curve, order, solution.T, threshold)
        for part in correction_equations(codes, target, base, dict.fromkeys(range(1, 8), 1)).values():
            total += float(part.squared_error(part.solve()).sum())
        return total

    # The curve that leaves a polynomial least to do: judged by the lowest degree.
    curve = int(np.argmin([error(name, THRESHOLDS[0], 1) for name in CURVES]))
    thresholds = [error(CURVES[curve], t, min(degree, 3)) for t in THRESHOLDS]
    # Pixels given up for clipped must earn it: 2 % less error, or the threshold stays.
    best = int(np.argmin(thresholds))
    return curve, best if thresholds[best] < 0.98 * thresholds[0] else 0


def _choose_main(equations: NormalEquations, degree: int, price: float) -> tuple[int, int]:
    """Degree and step index of the polynomial with the least cost; ``price`` is in decibels per bit."""

    @cache
    def solved(order: int) -> tuple[NormalEquations, np.ndarray, np.ndarray]:
        part, prior = equations.leading(len(exponents(order))), identity_prior(order)
        return part, prior, part.solve(prior=prior)

    def cost(order: int, step: int) -> float:
        part, prior, solution = solved(order)
        size = 0.5 ** (4 + step)
        integers = round_coefficients(part, solution, size)
        error = float(part.squared_error(integers * size).sum()) / max(3 * part.weight, 1.0)
        bits = approximate_bits(integers - np.rint(prior / size))
        return 10 * math.log10(error + _FLOOR) + price * bits

    order = min(range(degree + 1), key=lambda o: cost(o, _MIDDLING_STEP))
    return order, min(range(3, STEPS - 3), key=lambda s: cost(order, s))


def _choose_corrections(
    classes: dict[int, NormalEquations], degree: int, rest: float, values: int, price: float, pixels: int
) -> tuple[int, dict[int, int]]:
    """Step index, and the degree of each clip class that is worth it."""
    best: tuple[float, int, dict[int, _Choice]] | None = None
    fits = {c: _leading_corrections(e, c, degree, pixels) for c, e in classes.items()}
    for step in range(1, 11):
        options = {c: _correction_options(float(classes[c].energy.sum()), fits[c], step) for c in classes}
        chosen = {c: found[0] for c, found in options.items()}
        for _ in range(4):  # the price of a bit in squared error depends on the total, which depends on the choice
            total = rest + sum(choice.error for choice in chosen.values()) + values * _FLOOR
            exchange = price * total * math.log(10) / 10
            chosen = {c: _cheapest(found, exchange) for c, found in options.items()}
        total = rest + sum(choice.error for choice in chosen.values())
        bits = sum(choice.bits for choice in chosen.values())
        cost = 10 * math.log10(total / values + _FLOOR) + price * bits
        if best is None or cost < best[0]:
            best = cost, step, chosen
    assert best is not None
    return best[1], {c: option.degree for c, option in best[2].items() if option.degree >= 0}


def _cheapest(options: list[_Choice], exchange: float) -> _Choice:
    return min(options, key=lambda option: option.error + exchange * option.bits)


def _leading_corrections(equations: NormalEquations, clipped: int, degree: int, pixels: int) -> list[_Fit]:
    """The corrections of a clip class, of degree 0, 1, ..., as far as there are pixels for their coefficients."""
    outputs = len(clipped_channels(clipped))
    terms = len(exponents(degree, 3 - outputs))
    fits: list[_Fit] = []
    for low in range(degree + 1 if outputs < 3 else 1):
        kept = len(exponents(low, 3 - outputs))
        if pixels * outputs * kept > equations.weight / 3:
            break
        rows = np.concatenate([np.arange(kept) + terms * k for k in range(outputs)])
        part = equations.chosen(rows)
        fits.append((part, part.solve()))
    return fits


def _correction_options(energy: float, fits: list[_Fit], step: int) -> list[_Choice]:
    options = [_Choice(-1, energy, 0.0)]
    size = 0.5 ** (1 + step)
    for low, (part, solution) in enumerate(fits):
        integers = round_coefficients(part, solution, size)
        error = float(part.squared_error(integers * size).sum())
        options.append(_Choice(low, error, approximate_bits(integers) + 3))
    return options
