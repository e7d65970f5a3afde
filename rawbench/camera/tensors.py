"""Raw and sRGB pixels as the tensors that codecs take."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

_STRIP_ROWS = 64


def raw_tensor(raw16: np.ndarray) -> torch.Tensor:
    """uint16 (H, W, 3) -> float32 (3, H, W) in [0, 1]."""
    raw = np.empty((raw16.shape[2], *raw16.shape[:2]), np.float32)
    for rows in row_strips(raw16.shape[0]):
        raw[:, rows] = raw16[rows].transpose(2, 0, 1)
        raw[:, rows] /= np.float32(65535)
    return torch.from_numpy(raw)


def srgb_tensor(srgb: np.ndarray) -> torch.Tensor:
    """uint8 or uint16 (H, W, 3) -> the same (3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(srgb.transpose(2, 0, 1)))


def row_strips(height: int) -> Iterator[slice]:
    """Slices of rows, so that no copy of a whole photograph is made on the way."""
    return (slice(top, top + _STRIP_ROWS) for top in range(0, height, _STRIP_ROWS))
