from __future__ import annotations

import numpy as np
import pytest
from rawbench_hybrid.wavelet import forward, inverse, level_count, low_band

SHAPES = [(1, 1), (1, 9), (2, 3), (17, 33), (64, 48), (37, 100)]


@pytest.mark.parametrize("shape", SHAPES)
def test_planes_come_back(shape):
    random = np.random.default_rng(3)
    whole = random.integers(-60000, 60000, shape).astype(np.int32)
    for levels in {0, 1, level_count(*shape)}:
        assert np.array_equal(inverse(forward(whole, levels)), whole)
        real = whole.astype(np.float32)
        assert np.abs(inverse(forward(real, levels)) - real).max() < 0.1


def test_energy_is_nearly_kept():
    plane = np.random.default_rng(4).normal(size=(128, 192)).astype(np.float32)
    bands = forward(plane, 4)
    energy = (bands.low**2).sum() + sum((d**2).sum() for three in bands.details for d in three)
    assert abs(energy / (plane**2).sum() - 1) < 0.1


def test_low_band_is_that_of_the_transform():
    plane = np.random.default_rng(5).integers(0, 65536, (21, 34)).astype(np.int32)
    assert np.array_equal(low_band(plane), forward(plane, 1).low)


def test_levels_follow_the_shorter_side():
    assert [level_count(*shape) for shape in ((1, 1), (16, 500), (64, 64), (5000, 5000))] == [0, 2, 4, 6]
