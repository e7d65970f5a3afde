"""The principal axes of an image's colour differences, as a rotation of three bytes: an image-adaptive KLT."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

_BAND_PIXELS = 1 << 19  # of an image that are worked on at a time
ROTATION_BYTES = 3


def bands(height: int, width: int) -> Iterator[slice]:
    """Slices that cover the rows of an image, so many at a time that memory is bounded.

    Example:
        >>> list(bands(5, 4))
        [slice(0, 5, None)]
    """
    step = max(1, _BAND_PIXELS // width)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def principal_rotation(error: np.ndarray) -> bytes:
    """Three bytes for the rotation onto the principal axes of a residual (H, W, 3): a quaternion's vector part.

    Example:
        >>> error = np.zeros((4, 4, 3))
        >>> error[..., 0], error[0, :, 1] = np.arange(16).reshape(4, 4), 1
        >>> len(principal_rotation(error))
        3
    """
    scatter = np.zeros((3, 3))
    for rows in bands(*error.shape[:2]):
        flat = error[rows].reshape(-1, 3).astype(np.float64)
        scatter += flat.T @ flat
    _, axes = np.linalg.eigh(scatter / (error.size // 3))
    axes = axes[:, ::-1] * np.sign(axes[0, ::-1] + (axes[0, ::-1] == 0))
    if np.linalg.det(axes) < 0:
        axes[:, 2] = -axes[:, 2]
    # The eigenvector of the largest eigenvalue of Bar-Itzhack's matrix is the quaternion.
    (a, b, c), (d, e, f), (g, h, i) = axes
    matrix = np.array(
        [[a - e - i, d + b, g + c, h - f], [d + b, e - a - i, h + f, c - g],
         [g + c, h + f, i - a - e, d - b], [h - f, c - g, d - b, a + e + i]]
    )  # fmt: skip
    quaternion = np.linalg.eigh(matrix)[1][:, -1]
    vector = quaternion[:3] * (1.0 if quaternion[3] >= 0 else -1.0)
    return np.rint(vector * 127).astype(np.int8).tobytes()


def rotation_matrix(rotation: bytes) -> np.ndarray:
    """The orthonormal matrix, float64 (3, 3), of three bytes; its columns are the principal axes.

    Example:
        >>> rotation_matrix(bytes(3)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x, y, z = (float(v) / 127 for v in np.frombuffer(rotation, np.int8))
    w = math.sqrt(max(0.0, 1 - x * x - y * y - z * z))
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    x, y, z, w = x / norm, y / norm, z / norm, w / norm
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
