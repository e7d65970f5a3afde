"""LibRaw's default sRGB of its own linear camera RGB, bit by bit: demosaicing, its long part, is done once for both.

What ``dcraw_process`` does after demosaicing: ``convert_to_rgb`` (the camera's matrix in single precision, cut to
integers, clipped) and ``gamma_curve`` (power 1/2.222, slope 4.5, white at 65,536). Facts from LibRaw's documentation
and dcraw.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_POWER, _SLOPE, _WHITE = 1 / 2.222, 4.5, 0x10000
_ROWS = 64


def render(raw16: np.ndarray, camera_to_srgb: np.ndarray, bits: int = 8) -> np.ndarray:
    """The sRGB of a raw.

    Args:
        raw16: uint16 (H, W, 3), what ``postprocess`` gives in camera RGB, 16 bits, without a curve.
        camera_to_srgb: LibRaw's ``color_matrix`` (3, 3); noughts where it knows none, and uses none.
        bits: 8 or 16.

    Returns:
        uint8 or uint16 (H, W, 3), as ``postprocess`` gives it.
    """
    matrix, curve = np.asarray(camera_to_srgb, np.float32), default_curve()
    if bits == 8:
        curve = (curve >> 8).astype(np.uint8)
    out = np.empty(raw16.shape, curve.dtype)
    for top in range(0, raw16.shape[0], _ROWS):
        strip = raw16[top : top + _ROWS]
        if not matrix.any():
            out[top : top + _ROWS] = curve[strip]
            continue
        red, green, blue = (strip[..., channel].astype(np.float32) for channel in range(3))
        for channel, (a, b, c) in enumerate(matrix):
            mixed = (red * a + green * b) + blue * c  # in this order: single precision is not associative
            out[top : top + _ROWS, :, channel] = curve[mixed.astype(np.int32).clip(0, 65535)]
    return out


@cache
def default_curve() -> np.ndarray:
    """uint16 (65536,): LibRaw's ``gamma_curve(1 / 2.222, 4.5, 2, 65536)``."""
    low, high = 0.0, 1.0
    for _ in range(48):  # where the line meets the power, by halving
        knee = (low + high) / 2
        if ((knee / _SLOPE) ** -_POWER - 1) / _POWER - 1 / knee > -1:
            high = knee
        else:
            low = knee
    start, offset = knee / _SLOPE, knee * (1 / _POWER - 1)
    light = np.arange(65536) / _WHITE
    values = np.where(light < start, light * _SLOPE, light**_POWER * (1 + offset) - offset)
    return np.minimum(values * _WHITE, 65535).astype(np.uint16)
