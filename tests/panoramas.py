"""Small scenes that many tests photograph; fixtures that ``conftest.py`` makes known to all."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest


def make_panorama(seed: int = 0, height: int = 128) -> np.ndarray:
    """float32 (H, 2H, 3): sky above, ground below, coloured blocks on the horizon, a sun."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(0, 1, height)[:, None, None]
    panorama = np.where(rows < 0.5, [0.4, 0.6, 1.0], [0.12, 0.1, 0.06]) * (1.2 - rows)
    panorama = np.broadcast_to(panorama, (height, 2 * height, 3)).copy()
    for _ in range(30):
        top, left = rng.integers(height // 4, 3 * height // 4), rng.integers(0, 2 * height - 12)
        panorama[top : top + 10, left : left + 12] = rng.uniform(0.05, 1.5, 3)
    sun = rng.integers(10, 2 * height - 10)
    panorama[20:23, sun : sun + 3] = 5000.0
    return panorama.astype(np.float32)


@pytest.fixture
def panorama() -> np.ndarray:
    return make_panorama()


@pytest.fixture
def scenes(tmp_path):
    """A folder of four Radiance panoramas."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    for seed, name in enumerate(("alley", "beach", "cellar", "desert")):
        (folder / f"{name}.hdr").write_bytes(imagecodecs.rgbe_encode(make_panorama(seed)))
    return folder
