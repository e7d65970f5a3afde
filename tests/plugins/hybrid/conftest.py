from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def scene(height: int, width: int, seed: int = 0, bits: int = 8) -> tuple[Tensor, Tensor]:
    """A raw with a gradient, texture and a clipped corner, and an sRGB of it: float32 and codes (3, H, W)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    light = 0.1 + 0.5 * x + 0.3 * np.sin(9 * y) ** 2 + 0.9 * ((x + y) > 1.5)
    raw = np.stack([light * c for c in (0.6, 1.0, 0.7)]) + random.normal(0, 0.004, (3, height, width))
    raw = np.rint(np.clip(raw, 0, 1) * 65535) / 65535
    peak = 2**bits - 1
    srgb = np.rint(np.clip(1.2 * raw[[0, 1, 2]], 0, 1) ** (1 / 2.2) * peak)
    return torch.from_numpy(raw.astype(np.float32)), torch.from_numpy(srgb.astype(np.uint8 if bits == 8 else np.uint16))
