from __future__ import annotations

import numpy as np
import pytest
import torch
from rawbench_learned.base import (
    UNIT,
    apply_base,
    error,
    fit_directions,
    fitted_coefficients,
    moments,
    solve,
)

from .conftest import scene


@pytest.fixture(scope="module")
def fitted():
    images = [moments(*scene(48, 64, seed)) for seed in range(8)]
    return fit_directions(images, 4)


def test_moments_predict_the_error_of_the_base(fitted):
    directions, offset = fitted
    raw, srgb = scene(40, 56, 11)
    image = moments(raw, srgb)
    means = solve(image, directions, offset)
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
    best = solve(image, directions, offset)
    step = 2.0**-12
    rounded = solve(image, directions, offset, step)
    assert np.allclose(rounded / step, np.round(rounded / step))
    least = error(image, offset + directions @ best)
    assert least <= error(image, offset)
    for other in (best + 1e-3, best * 0.9):
        assert error(image, offset + directions @ other) >= least - 1e-12
    assert error(image, offset + directions @ rounded) < least + 1e-6


@pytest.mark.parametrize("pixels", [100, 200_000, 60_000_000])
def test_large_images_have_means_of_finer_steps(fitted, pixels):
    directions, offset = fitted
    image = moments(*scene(48, 64, 12))
    least = error(image, offset + directions @ solve(image, directions, offset))
    means = fitted_coefficients(image, directions, offset, pixels)
    assert np.array_equal(means.values, means.integers * UNIT * 2.0**means.exponent)
    coarser = fitted_coefficients(image, directions, offset, pixels // 16)
    assert means.exponent < coarser.exponent
    assert error(image, offset + directions @ means.values) < least * (1 + max(1000 / pixels, 1e-3))


def test_means_of_a_far_mapping_are_still_integers_of_16_bits(fitted):
    directions, offset = fitted
    image, far = moments(*scene(48, 64, 12)), np.full(4, 30.0)
    means = fitted_coefficients(image, directions, offset - directions @ far, 10**9)
    assert np.abs(means.integers).max() < 2**15
    assert np.allclose(means.values, far + fitted_coefficients(image, directions, offset, 10**9).values, atol=0.01)


def test_directions_are_orthonormal_and_sorted():
    images = [moments(*scene(48, 64, seed)) for seed in range(8)]
    directions, offset = fit_directions(images, 3)
    found = np.stack([solve(i, directions, offset) for i in images])
    spread = found.std(0)
    assert spread[0] >= spread[-1]


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="frames"):
        fit_directions([moments(*scene(16, 16))] * 3, 3)
