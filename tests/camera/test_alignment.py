"""Pairs that fit, are cropped, turned, or of another picture."""

from __future__ import annotations

import numpy as np
import pytest

from rawbench.camera.alignment import correlation, find_turn, fit_raw
from rawbench.errors import SampleError


def picture(height: int = 80, width: int = 80, seed: int = 0) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(size=(height, width))
    field = steps.cumsum(axis=0).cumsum(axis=1)
    field = (field - field.min()) / (field.max() - field.min())
    return np.rint(np.stack([field] * 3, axis=2) * 65535).astype(np.uint16)


def rendered(raw16: np.ndarray) -> np.ndarray:
    return np.rint((raw16 / 65535) ** 0.45 * 255).astype(np.uint8)


def test_a_pair_correlates_and_another_does_not():
    assert correlation(picture(), rendered(picture())) > 0.99
    assert correlation(picture(), rendered(picture(seed=1))) < 0.9
    assert correlation(np.zeros((30, 30, 3), np.uint16), rendered(picture(30, 30))) == 1.0


@pytest.mark.parametrize("turns", range(4))
def test_turns_are_found(turns):
    assert find_turn(picture(), np.rot90(rendered(picture()), -turns)) == 90 * turns


def test_a_small_border_is_cropped_evenly():
    raw = picture(90, 100)
    assert np.array_equal(fit_raw(raw, (84, 94)), raw[2:86, 2:96])
    assert fit_raw(raw, (90, 100)).shape == raw.shape


@pytest.mark.parametrize(
    ("size", "what"), [((100, 90), "turned by 90"), ((45, 50), "50x45 pixels"), ((91, 100), "100x91 pixels")]
)
def test_sizes_that_do_not_fit(size, what):
    with pytest.raises(SampleError, match=what):
        fit_raw(picture(90, 100), size)
