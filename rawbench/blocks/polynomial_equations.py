"""The equations that fits of polynomials and of their corrections solve, gathered in chunks of pixels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rawbench.blocks.least_squares import NormalEquations
from rawbench.blocks.polynomial import Polynomial, chunks, clip_class, evaluate, exponents, features, free_channels
from rawbench.codec import Advance, unwatched
from rawbench.srgb import pick

_LOW_WEIGHT = 1.0 / 64.0  # of pixels with a channel at code 0 in the fit: they say "at most black"


def main_equations(
    srgb: Tensor,
    raw: Tensor,
    degree: int,
    curve: str,
    threshold: int = 255,
    advance: Advance = unwatched,
) -> NormalEquations:
    """Normal equations of raw on the polynomial terms of the sRGB.

    Pixels with a clipped channel are left to the corrections, unless nearly all are clipped (fewer than one in a
    hundred, or than 64, are not); pixels with a channel at code 0 weigh 1/64.

    Args:
        srgb: uint8 or uint16 (3, ...) and raw: float (3, ...), an image or a list of samples.
        degree: total degree, 0..5.
        curve: one of ``CURVES``.
        threshold: codes from here on count as clipped.
        advance: is told how many of the pixels are done.

    Example:
        >>> srgb = torch.full((3, 4, 4), 128, dtype=torch.uint8)
        >>> equations = main_equations(srgb, torch.full((3, 4, 4), 0.25), degree=0, curve="bt709-floor")
        >>> equations.solve().round(2).tolist()
        [[0.25, 0.25, 0.25]]
    """
    codes, target = srgb.reshape(3, -1), raw.reshape(3, -1)
    count = codes.shape[1]
    whole = sum(int((clip_class(codes[:, p].T, threshold) == 0).sum()) for p in chunks(count))
    everything = whole < max(64, count // 100)
    equations = NormalEquations(len(exponents(degree)), 3)
    for part in chunks(count):
        advance(part.start, count)
        here = codes[:, part].T
        values = target[:, part].T.double()
        weight = torch.where((here == 0).any(1), _LOW_WEIGHT, 1.0).double()
        if not everything:
            weight = weight * (clip_class(here, threshold) == 0)
        equations.add(features(here, degree, curve), values, weight)
    return equations


def correction_equations(
    srgb: Tensor, raw: Tensor, base: Polynomial, degrees: Mapping[int, int]
) -> dict[int, NormalEquations]:
    """Normal equations of the corrections of a polynomial, by clip class.

    Args:
        srgb: uint8 or uint16 (3, ...) and raw: float (3, ...), an image or a list of samples.
        base: the polynomial to correct.
        degrees: total degree by clip class; classes that are not in it, or do not occur, are left out.

    The unknowns of a class are the rows of ``Correction.coefficients``, one after the other; the one output is the
    error of ``base`` over all three channels.

    Example:
        >>> srgb = torch.full((3, 4, 4), 255, dtype=torch.uint8)
        >>> base = Polynomial("bt709-floor", 0, torch.full((3, 1), 0.5).double().numpy())
        >>> list(correction_equations(srgb, torch.ones(3, 4, 4), base, {7: 0}))
        [7]
    """
    codes, target = srgb.reshape(3, -1), raw.reshape(3, -1)
    found: dict[int, NormalEquations] = {}
    for part in chunks(codes.shape[1]):
        here = codes[:, part].T
        group = clip_class(here, base.threshold)
        for clipped in (int(g) for g in torch.unique(group) if int(g) in degrees):
            rows = torch.nonzero(group == clipped).squeeze(1)
            pixels = pick(here, rows)
            error = target[:, part].T[rows].double() - evaluate(pixels, base.coefficients, base.degree, base.curve)
            design = correction_design(pixels, base, clipped, degrees[clipped])
            if clipped not in found:
                found[clipped] = NormalEquations(design.shape[2], 1)
            found[clipped].add(design.reshape(-1, design.shape[2]), error.reshape(-1, 1))
    return found


def correction_design(codes: Tensor, base: Polynomial, clipped: int, degree: int) -> Tensor:
    """Effect of each coefficient of a correction on the raw of pixels of one class: float64 (N, 3, K * F).

    Example:
        >>> codes = torch.full((2, 3), 255, dtype=torch.uint8)
        >>> base = Polynomial("bt709-floor", 0, torch.full((3, 1), 0.5).double().numpy())
        >>> correction_design(codes, base, clipped=7, degree=0).shape
        torch.Size([2, 3, 3])
    """
    terms = features(pick(codes, slice(None), free_channels(clipped)), degree, base.curve)
    return torch.cat([d[:, :, None] * terms[:, None, :] for d in base.directions(codes, clipped)], 2)
