from __future__ import annotations

import numpy as np
import pytest
import torch
from rawbench_learned.base import M_STEP, apply_base, error, fit_directions, moments, solve_means

from .conftest import scene


@pytest.fixture(scope="module")
def fitted():
    images = [moments(*scene(48, 64, seed)) for seed in range(8)]
    return fit_directions(images, 4)


def test_moments_predict_the_error_of_the_base(fitted):
    directions, offset = fitted
    raw, srgb = scene(40, 56, 11)
    image = moments(raw, srgb)
    means = solve_means(image, directions, offset)
    base = apply_base(
        srgb[None],
        torch.tensor(means[None], dtype=torch.float32),
        torch.tensor(directions, dtype=torch.float32),
        torch.tensor(offset, dtype=torch.float32),
    )
    measured = float((base[0] - raw).double().square().mean())
    assert measured == pytest.approx(error(image, offset + directions @ means), rel=1e-2)


def test_bands_and_strides_see_the_same_pixels():
    raw, srgb = scene(150, 40)
    whole, sampled = moments(raw, srgb, 3), moments(raw[:, ::3, ::3], srgb[:, ::3, ::3])
    assert np.allclose(whole.gram, sampled.gram) and np.allclose(whole.cross, sampled.cross)


def test_means_are_the_best_and_rounding_costs_little(fitted):
    directions, offset = fitted
    image = moments(*scene(48, 64, 12))
    best = solve_means(image, directions, offset)
    rounded = solve_means(image, directions, offset, M_STEP)
    assert np.allclose(rounded / M_STEP, np.round(rounded / M_STEP))
    least = error(image, offset + directions @ best)
    assert least <= error(image, offset)
    for other in (best + 1e-3, best * 0.9):
        assert error(image, offset + directions @ other) >= least - 1e-12
    assert error(image, offset + directions @ rounded) < least + 1e-6


def test_directions_are_orthonormal_and_sorted():
    images = [moments(*scene(48, 64, seed)) for seed in range(8)]
    directions, offset = fit_directions(images, 3)
    found = np.stack([solve_means(i, directions, offset) for i in images])
    spread = found.std(0)
    assert spread[0] >= spread[-1]


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="frames"):
        fit_directions([moments(*scene(16, 16))] * 3, 3)
