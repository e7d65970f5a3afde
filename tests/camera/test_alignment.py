"""Pairs that fit, are cropped, turned, or of another picture."""

from __future__ import annotations

import numpy as np
import pytest

from rawbench.camera.alignment import correlation, fit_raw
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


@pytest.mark.parametrize("border", [0, 6])
@pytest.mark.parametrize("turns", range(1, 4))
def test_turns_are_told(turns, border):
    turned = np.rot90(rendered(picture())[border:, border:], turns)
    with pytest.raises(SampleError, match=f"turned by {90 * turns} degrees to the left against its raw"):
        fit_raw(picture(), turned)


@pytest.mark.parametrize("place", [(3, 3), (0, 0), (2, 5), (6, 1)])
def test_a_border_is_found_to_one_pixel(place):
    top, left = place
    raw = picture(90, 100)
    part, fit = fit_raw(raw, rendered(raw)[top : top + 84, left : left + 94])
    assert (fit.top, fit.left) == place and fit.detail > 0.95 and not fit.is_poor
    assert np.array_equal(part, raw[top : top + 84, left : left + 94])


def test_the_cameras_margins_are_taken_where_nothing_tells_better():
    raw = np.full((90, 100, 3), 9000, np.uint16)
    flat = np.full((84, 94, 3), 99, np.uint8)
    assert fit_raw(raw, flat, (5, 1, 84, 94))[1].top == 5
    assert (fit_raw(raw, flat)[1].top, fit_raw(raw, flat)[1].left) == (2, 2)
    seen = rendered(picture(90, 100))
    assert fit_raw(picture(90, 100), seen[5:89, 1:95], (5, 1, 84, 94))[1].left == 1
    assert fit_raw(picture(90, 100), seen[3:87, 4:98], (5, 1, 84, 94))[1].left == 4
    assert fit_raw(picture(190, 100), rendered(picture(190, 100))[50:150], (50, 0, 100, 100))[1].top == 50


def test_a_poor_fit_is_told():
    raw, other = picture(90, 100), picture(90, 100, seed=2)
    bent = np.roll(rendered(raw), 3, axis=0)
    assert fit_raw(raw, bent)[1].is_poor
    with pytest.raises(SampleError, match="does not show the same picture"):
        fit_raw(raw, rendered(other))


@pytest.mark.parametrize(
    ("size", "what"), [((100, 90), "turned by 90"), ((45, 50), "50x45 pixels"), ((91, 100), "100x91 pixels")]
)
def test_other_sizes_are_refused(size, what):
    with pytest.raises(SampleError, match=what):
        fit_raw(picture(90, 100), rendered(picture(*size)))
