"""Transfer curves and colour matrices between scene-linear sRGB and a camera's raw values.

Facts from the sRGB standard (IEC 61966-2-1), BT.709, the DNG specification and dcraw's curve definition.
"""

from __future__ import annotations

import numpy as np

# Linear sRGB (BT.709 primaries, D65) to CIE XYZ.
SRGB_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
SRGB_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)

# LibRaw's default output curve: power 1/2.222 with a linear toe of slope 4.5.
BT709_POWER = 1 / 2.222
BT709_SLOPE = 4.5
# Where slope * x meets (1 + offset) * x**power - offset with equal value and slope.
_TOE = 0.018050155693788417
_OFFSET = 0.09925780816014251

_BRADFORD = np.array(
    [
        [0.8951, 0.2664, -0.1614],
        [-0.7502, 1.7135, 0.0367],
        [0.0389, -0.0685, 1.0296],
    ]
)


def srgb_encode(linear: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] to sRGB values in [0, 1] (any shape, float)."""
    linear = np.asarray(linear)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


def srgb_decode(value: np.ndarray) -> np.ndarray:
    """Inverse of :func:`srgb_encode`."""
    value = np.asarray(value)
    return np.where(value <= 0.04045, value / 12.92, ((np.maximum(value, 0.04045) + 0.055) / 1.055) ** 2.4)


def bt709_encode(linear: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] to LibRaw's default rendition curve (gamma 2.222, slope 4.5)."""
    linear = np.asarray(linear)
    return np.where(
        linear < _TOE,
        BT709_SLOPE * linear,
        (1 + _OFFSET) * np.maximum(linear, _TOE) ** BT709_POWER - _OFFSET,
    )


def bt709_decode(value: np.ndarray) -> np.ndarray:
    """Inverse of :func:`bt709_encode`."""
    value = np.asarray(value)
    knee = BT709_SLOPE * _TOE
    return np.where(
        value < knee,
        value / BT709_SLOPE,
        ((np.maximum(value, knee) + _OFFSET) / (1 + _OFFSET)) ** (1 / BT709_POWER),
    )


def srgb_lut() -> np.ndarray:
    """float32 (256,): linear light of each 8-bit sRGB value, for files that round to the nearest value."""
    return srgb_decode(np.arange(256) / 255.0).astype(np.float32)


def bt709_lut() -> np.ndarray:
    """float32 (256,): linear light of each 8-bit value of LibRaw's default rendition.

    LibRaw keeps the upper eight of sixteen bits, so a value stands for the middle of its interval.
    """
    return bt709_decode((np.arange(256) + 0.5) / 256.0).astype(np.float32)


def srgb_to_camera(xyz_to_camera: np.ndarray) -> np.ndarray:
    """float64 (3, 3): linear sRGB to camera RGB after white balance.

    The rows of ``xyz_to_camera x SRGB_TO_XYZ`` are scaled to sum to one, so that white stays white.
    """
    matrix = np.asarray(xyz_to_camera, dtype=np.float64) @ SRGB_TO_XYZ
    return matrix / matrix.sum(axis=1, keepdims=True)


def camera_to_srgb(xyz_to_camera: np.ndarray) -> np.ndarray:
    """float64 (3, 3): camera RGB after white balance to linear sRGB."""
    return np.linalg.inv(srgb_to_camera(xyz_to_camera))


def illuminant_xyz(kelvin: float) -> np.ndarray:
    """XYZ, with Y = 1, of a light of this colour temperature.

    Daylight locus (CIE D series) from 4000 K up, Planckian locus (Kim et al. 2002) below.
    """
    t = 1000.0 / kelvin
    if kelvin >= 4000:
        if kelvin <= 7000:
            x = -4.6070 * t**3 + 2.9678 * t**2 + 0.09911 * t + 0.244063
        else:
            x = -2.0064 * t**3 + 1.9018 * t**2 + 0.24748 * t + 0.237040
        y = -3.0 * x**2 + 2.870 * x - 0.275
    else:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    return np.array([x / y, 1.0, (1 - x - y) / y])


def as_shot_neutral(xyz_to_camera: np.ndarray, kelvin: float) -> np.ndarray:
    """float64 (3,): raw camera RGB of a grey card under a light of this colour temperature, green = 1."""
    neutral = np.asarray(xyz_to_camera, dtype=np.float64) @ illuminant_xyz(kelvin)
    return neutral / neutral[1]


def primaries_to_srgb(chromaticities: tuple[float, ...]) -> np.ndarray:
    """float64 (3, 3): linear RGB of these primaries to linear sRGB, white adapted (Bradford).

    Args:
        chromaticities: x and y of red, green, blue and white, as in an OpenEXR header.
    """
    source, source_white = _primaries_to_xyz(chromaticities)
    target, target_white = _primaries_to_xyz(SRGB_PRIMARIES)
    cone = np.diag((_BRADFORD @ target_white) / (_BRADFORD @ source_white))
    adapt = np.linalg.inv(_BRADFORD) @ cone @ _BRADFORD
    return np.linalg.inv(target) @ adapt @ source


def _primaries_to_xyz(chromaticities: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    xy = np.array(chromaticities, dtype=np.float64).reshape(4, 2)
    xyz = np.column_stack([xy, 1 - xy.sum(axis=1)]) / xy[:, 1:]
    primaries, white = xyz[:3].T, xyz[3]
    return primaries * np.linalg.solve(primaries, white), white
