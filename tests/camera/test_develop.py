"""The in-camera-like rendition does what cameras do: not one curve for the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from rawbench.camera import develop
from rawbench.errors import SampleError
from rawbench.simulate.cameras import find_camera

MATRIX = tuple(float(v) for v in find_camera("sony-slt-a57").xyz_to_camera.ravel())


def landscape() -> np.ndarray:
    random = np.random.default_rng(0)
    rows = np.linspace(1, 0.05, 60)[:, None, None]
    texture = random.normal(1, 0.05, (60, 80, 3))
    return np.rint(np.clip(rows * texture * 0.8, 0, 1) * 65535).astype(np.uint16)


def test_grey_stays_grey_and_light_stays_light():
    grey = np.repeat(np.linspace(0, 65535, 80)[None, :, None], 40, axis=0).repeat(3, axis=2).astype(np.uint16)
    pixels = develop.develop_pixels(grey, MATRIX).astype(int)
    assert np.ptp(pixels, axis=2).max() <= 12
    assert (np.diff(pixels[20, :, 1]) >= -1).all() and pixels[20, 5, 1] < pixels[20, 70, 1]


def test_one_raw_value_has_many_srgb_values():
    raw = landscape()
    raw[10:14, 10:14] = raw[50:54, 60:64] = 20000
    pixels = develop.develop_pixels(raw, MATRIX).astype(int)
    assert np.abs(pixels[12, 12] - pixels[52, 62]).max() > 20


def test_twice_the_same():
    assert np.array_equal(develop.develop_pixels(landscape(), MATRIX), develop.develop_pixels(landscape(), MATRIX))


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 3, 3), (5, 400, 3)])
def test_odd_shapes(shape):
    assert develop.develop_pixels(np.full(shape, 9000, np.uint16), MATRIX).shape == shape


def test_black_stays_black():
    assert develop.develop_pixels(np.zeros((8, 8, 3), np.uint16), MATRIX).max() == 0


def test_the_steps():
    assert develop.shoulder(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]
    assert (np.diff(develop.shoulder(np.linspace(0, 1, 100))) > 0).all()
    noisy = 0.2 + np.random.default_rng(0).normal(0, 0.005, (40, 40))
    assert develop.sigma_filter(noisy).std() < noisy.std() / 2
    edge = np.where(np.arange(40) < 20, 0.1, 0.8) * np.ones((40, 1))
    assert np.allclose(develop.sigma_filter(edge), edge)
    table = develop.look_table()
    assert table.shape == (17, 17, 17, 3) and np.allclose(table[0, 0, 0], 0) and np.allclose(table[-1, -1, -1], 1)


def test_a_camera_without_a_matrix():
    with pytest.raises(SampleError, match="colour matrix"):
        develop.develop_pixels(landscape(), (0.0,) * 9)


def test_other_cameras_develop_otherwise():
    ways = [develop.random_development(np.random.default_rng(seed)) for seed in (1, 2, 1)]
    assert ways[0] == ways[2] != ways[1]
    images = [develop.develop_pixels(landscape(), MATRIX, how) for how in ways[:2]]
    assert np.abs(images[0].astype(int) - images[1]).mean() > 1


def test_a_camera_that_does_nothing_local_is_one_curve():
    plain = develop.Development(shading=0, chroma_sigma=0, contrast=1, look=0, sharpen=0)
    grey = np.repeat(landscape()[..., :1], 3, axis=2)
    grey[10:14, 10:14] = grey[50:54, 60:64] = 20000
    pixels = develop.develop_pixels(grey, MATRIX, plain).astype(int)
    assert np.abs(pixels[12, 12] - pixels[52, 62]).max() <= 1
