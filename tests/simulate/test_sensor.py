from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.camera.cfa import CFA_ORDERS, mosaic_of
from rawbench.camera.color import srgb_to_camera
from rawbench.simulate.cameras import CAMERAS, find_camera
from rawbench.simulate.sensor import (
    BASE_ISO,
    CONVERTER_NOISE_ELECTRONS,
    FULL_WELL_ELECTRONS,
    READ_NOISE_ELECTRONS,
    Shot,
    add_noise,
    exposure_scale,
    lens_shading,
    quantise,
    take_picture,
)

SONY = find_camera("sony-slt-a57")


@given(share=st.floats(0.01, 0.5), stops=st.floats(-3, 3))
def test_exposure_clips_the_share_it_is_asked_for(share, stops):
    light = np.random.default_rng(0).uniform(0.01, 1, (40, 50, 3))
    scaled = light * exposure_scale(light, share, 0.0)
    assert (scaled.max(axis=2) > 1).mean() == pytest.approx(share, abs=0.002)
    assert exposure_scale(light, share, stops) == pytest.approx(exposure_scale(light, share, 0.0) * 2**stops)


def test_a_black_scene_can_be_exposed():
    assert np.isfinite(exposure_scale(np.zeros((4, 4, 3)), 0.01, 0.0))


def test_lens_shading_falls_from_the_centre_to_the_corners():
    shading = lens_shading(101, 151, 0.3)
    assert shading[50, 75] == pytest.approx(1) and shading.max() <= 1
    assert shading[0, 0] == pytest.approx(0.7, abs=0.01)
    np.testing.assert_allclose(shading, shading[::-1, ::-1], rtol=1e-6)


@pytest.mark.parametrize("cfa", CFA_ORDERS)
@pytest.mark.parametrize("size", [(4, 6), (5, 7)])
def test_a_mosaic_keeps_what_its_filters_pass(cfa, size):
    image = np.arange(size[0] * size[1] * 3).reshape(*size, 3)
    mosaic = mosaic_of(image, cfa)
    for row in range(size[0]):
        for column in range(size[1]):
            channel = "RGB".index(cfa[row % 2 * 2 + column % 2])
            assert mosaic[row, column] == image[row, column, channel]


@pytest.mark.parametrize("iso", [100, 800, 3200])
@pytest.mark.parametrize("level", [0.0, 0.1, 0.8])
def test_noise_has_the_mean_and_variance_of_its_model(iso, level):
    noisy = add_noise(np.full((400, 500), level), iso, np.random.default_rng(1))
    gain = iso / BASE_ISO
    well = FULL_WELL_ELECTRONS / gain
    read = READ_NOISE_ELECTRONS**2 + (CONVERTER_NOISE_ELECTRONS / gain) ** 2
    variance = level / well + read / well**2
    assert noisy.mean() == pytest.approx(level, abs=5 * np.sqrt(variance / noisy.size))
    assert noisy.var() == pytest.approx(variance, rel=0.03)


@given(bits=st.sampled_from([10, 12, 14]), level=st.floats(-1, 3))
def test_quantised_values_lie_between_nought_and_white(bits, level):
    white = 2**bits - 10
    values = quantise(np.array([[level]]), 64, white, bits)
    assert values.dtype == np.uint16 and values[0, 0] <= white
    if level >= 1:
        assert values[0, 0] == white


def test_the_same_seed_takes_the_same_picture(panorama):
    first, again, other = (
        take_picture(panorama, SONY, Shot(iso=400), np.random.default_rng(seed)).mosaic for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


def test_a_picture_has_its_cameras_colour(panorama):
    """Averages of a flat coloured scene, balanced and black removed, are the matrix times the colour."""
    colour = np.array([0.5, 0.3, 0.2])
    scene = np.broadcast_to(colour, (128, 128, 3))
    shot = Shot(iso=100, clipped=0, exposure_ev=-2, shading=0, kelvin=5000, bits=14)
    image = take_picture(scene, SONY, shot, np.random.default_rng(0))
    signal = (image.mosaic.astype(float) - image.black) / (image.white - image.black)
    planes = np.array([signal[::2, ::2].mean(), signal[::2, 1::2].mean(), signal[1::2, 1::2].mean()])
    balanced = planes / np.array(image.as_shot_neutral)
    expected = srgb_to_camera(SONY.xyz_to_camera) @ colour
    np.testing.assert_allclose(balanced / balanced[1], expected / expected[1], rtol=0.01)


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.slug)
@pytest.mark.parametrize("kelvin", [2800, 6500])
def test_pictures_use_the_range_of_their_bits(camera, kelvin, panorama):
    for bits in (12, 14):
        shot = Shot(bits=bits, kelvin=kelvin, clipped=0.05)
        image = take_picture(panorama, camera, shot, np.random.default_rng(0))
        assert image.mosaic.max() == image.white == camera.levels(bits)[1]
        assert image.mosaic.min() >= image.black / 2
        assert min(image.as_shot_neutral) > 0 and image.as_shot_neutral[1] == 1


def test_higher_iso_is_noisier(panorama):
    flat = np.full((64, 64, 3), 0.2)
    shot = Shot(clipped=0, exposure_ev=-3, shading=0)
    spread = [
        take_picture(flat, SONY, replace(shot, iso=iso), np.random.default_rng(0)).mosaic[::2, ::2].std()
        for iso in (100, 800, 3200)
    ]
    assert spread[0] < spread[1] < spread[2]
