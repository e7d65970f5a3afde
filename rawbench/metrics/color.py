"""Colour as seen: linear sRGB to sRGB values and CIELAB, and the CIEDE2000 difference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def srgb_encode(linear: Tensor) -> Tensor:
    """Linear light in [0, 1] to sRGB values in [0, 1] (IEC 61966-2-1), any shape."""
    curve = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return (12.92 * linear).where(linear <= 0.0031308, curve)


def lab_of(linear: Tensor) -> Tensor:
    """Linear sRGB (3, ...) in [0, 1] to CIELAB (3, ...); the white of sRGB is L = 100, a = b = 0."""
    import torch

    from rawbench.camera.color import SRGB_TO_XYZ

    matrix = linear.new_tensor(SRGB_TO_XYZ / SRGB_TO_XYZ.sum(axis=1, keepdims=True))
    xyz = matrix.matmul(linear.flatten(1))
    delta = 6 / 29
    root = xyz.clamp(min=delta**3) ** (1 / 3)
    x, y, z = root.where(xyz > delta**3, xyz / (3 * delta**2) + 4 / 29)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)]).reshape(linear.shape)


def ciede2000(first: Tensor, second: Tensor) -> Tensor:
    """CIEDE2000 colour difference of CIELAB values, all parametric factors 1.

    Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes", 2005; numbers in the
    comments are its equations.

    Args:
        first: (3, ...) of L, a, b.
        second: the same shape.

    Returns:
        (...), at least 0.
    """
    (l1, a1, b1), (l2, a2, b2) = first, second
    mean_c7 = ((a1.hypot(b1) + a2.hypot(b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * (mean_c7 / (mean_c7 + 25**7)).sqrt()  # (4) and the factor of (5)
    c1, h1 = _polar(a1 * stretch, b1)
    c2, h2 = _polar(a2 * stretch, b2)
    grey = c1 * c2 == 0

    turn = h2 - h1
    turn = (turn - 360 * (turn > 180) + 360 * (turn < -180)).masked_fill(grey, 0)  # (10)
    delta_h = 2 * (c1 * c2).sqrt() * _sin(turn / 2)  # (11)
    total = h1 + h2
    apart = (h1 - h2).abs() > 180
    wrapped = (total + 360 * (total < 360) - 360 * (total >= 360)).where(apart, total)
    mean_h = total.where(grey, wrapped / 2)  # (14)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2

    weight_t = (  # (15)
        1
        - 0.17 * _cos(mean_h - 30)
        + 0.24 * _cos(2 * mean_h)
        + 0.32 * _cos(3 * mean_h + 6)
        - 0.20 * _cos(4 * mean_h - 63)
    )
    off_middle = (mean_l - 50) ** 2
    term_l = (l2 - l1) / (1 + 0.015 * off_middle / (20 + off_middle).sqrt())  # (18)
    term_c = (c2 - c1) / (1 + 0.045 * mean_c)  # (19)
    term_h = delta_h / (1 + 0.015 * mean_c * weight_t)  # (20)
    mean_c7 = mean_c**7
    angle = 30 * (-(((mean_h - 275) / 25) ** 2)).exp()  # (16)
    rotation = -_sin(2 * angle) * 2 * (mean_c7 / (mean_c7 + 25**7)).sqrt()  # (17), (21)
    squared = term_l**2 + term_c**2 + term_h**2 + rotation * term_c * term_h  # (22)
    return squared.clamp(min=0).sqrt()


def _polar(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Chroma, and hue in degrees of [0, 360)."""
    return a.hypot(b), b.atan2(a).rad2deg().remainder(360)


def _sin(degrees: Tensor) -> Tensor:
    return (degrees * (math.pi / 180)).sin()


def _cos(degrees: Tensor) -> Tensor:
    return (degrees * (math.pi / 180)).cos()
