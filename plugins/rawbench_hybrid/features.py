"""What the sRGB tells of the residual's bands: texture, light and clipping, in integers, alike on every machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rawbench_hybrid.wavelet import Bands, forward, low_band

CLIPPED = 15  # the class of light where a channel of the sRGB is clipped
_DARKEST = 17  # the level below which light is one class
_ONE = 1 << 16


@dataclass(frozen=True)
class Features:
    """What is known before any bit.

    Attributes:
        texture: of three colours: int32 bands of the prediction on the residual's axes, scaled as an orthonormal
            transform would.
        light: classes 0..15, uint8, of the low band, then of each level from coarse to fine (of its low band's shape).
    """

    texture: list[Bands]
    light: list[np.ndarray]


def make_features(prediction: np.ndarray, clipped: np.ndarray, axes: np.ndarray, levels: int) -> Features:
    """Return the features of an image or a tile.

    Args:
        prediction: int32 (H, W, 3), of 16 bits.
        clipped: bool (H, W), where a channel of the sRGB is clipped.
        axes: int32 (3, 3), whose columns are the residual's axes, of 256.
        levels: of the transform.
    """
    texture = []
    for column in axes.T:
        mixed = (prediction[..., 0] * column[0] + prediction[..., 1] * column[1] + prediction[..., 2] * column[2]) >> 8
        bands = forward(mixed, levels)
        details = [tuple(d << (levels - n) for d in three) for n, three in enumerate(bands.details)]
        texture.append(Bands(bands.low, details))
    luminance = (prediction[..., 0] + 2 * prediction[..., 1] + prediction[..., 2]) >> 2
    white = clipped.astype(np.int32) * (_ONE - 1)
    light = [_classes(luminance, white)] if not levels else []
    for _ in range(levels):
        luminance, white = low_band(luminance), low_band(white)
        light.append(_classes(luminance, white))
    return Features(texture, [light[-1], *light[::-1]])


def _classes(luminance: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Classes of light: two to the octave, and one of clipping."""
    value = np.clip(luminance, 2, _ONE - 1)
    octave = np.zeros(value.shape, np.int32)
    for bit in range(1, 16):
        octave += value >> bit > 0
    level = 2 * octave + (value >> (octave - 1) & 1)
    return np.where(white > _ONE // 16, CLIPPED, np.clip(level - _DARKEST, 0, CLIPPED - 1)).astype(np.uint8)
