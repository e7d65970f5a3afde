from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.camera import color
from rawbench.camera.read import read_camera_file
from rawbench.simulate.cameras import CAMERAS
from rawbench.simulate.cfa_dng import write_cfa_dng
from rawbench.simulate.sensor import CfaImage

unit = st.floats(0, 1)


@given(unit)
def test_the_curves_and_their_inverses_undo_each_other(linear):
    assert color.srgb_decode(color.srgb_encode(linear)) == pytest.approx(linear, abs=1e-6)
    assert color.bt709_decode(color.bt709_encode(linear)) == pytest.approx(linear, abs=1e-9)


@given(unit, unit)
def test_the_curves_rise(first, second):
    low, high = sorted((first, second))
    assert color.srgb_encode(low) <= color.srgb_encode(high) + 1e-12
    assert color.bt709_encode(low) <= color.bt709_encode(high) + 1e-12


def test_the_tables_have_an_entry_for_each_8_bit_value():
    for table in (color.srgb_lut(), color.bt709_lut()):
        assert table.shape == (256,) and table.dtype == np.float32
        assert (np.diff(table) > 0).all() and table[0] >= 0 and table[-1] <= 1


def test_bt709_is_the_curve_of_libraws_rendition(tmp_path):
    """A grey ramp through LibRaw: the table gives back its linear values within half an 8-bit step."""
    ramp = np.repeat(np.linspace(64, 4095, 256).astype(np.uint16)[None, :], 32, axis=0)
    ramp = np.repeat(ramp, 4, axis=1)
    identity = np.linalg.inv(color.SRGB_TO_XYZ)
    image = CfaImage(ramp, "RGGB", 12, 0, 4095, (1.0, 1.0, 1.0), identity, "Nobody", "Ramp", 100)
    write_cfa_dng(tmp_path / "ramp.dng", image)
    file = read_camera_file(tmp_path / "ramp.dng")
    inside = slice(16, -16)
    linear = file.raw16[8:24, inside, 1] / 65535
    value = file.srgb8[8:24, inside, 1]
    step = np.gradient(color.bt709_lut())[value]
    assert (np.abs(color.bt709_lut()[value] - linear) <= 0.75 * step + 2e-4).all()


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.slug)
def test_white_stays_white_in_camera_colour(camera):
    white = np.ones(3)
    np.testing.assert_allclose(color.srgb_to_camera(camera.xyz_to_camera) @ white, white)
    product = color.camera_to_srgb(camera.xyz_to_camera) @ color.srgb_to_camera(camera.xyz_to_camera)
    np.testing.assert_allclose(product, np.eye(3), atol=1e-12)


def test_warm_light_gives_more_red_and_less_blue():
    matrix = CAMERAS[0].xyz_to_camera
    neutrals = np.array([color.as_shot_neutral(matrix, kelvin) for kelvin in (2800, 3900, 4100, 6500, 9000)])
    assert (neutrals[:, 1] == 1).all() and (neutrals > 0).all()
    assert (np.diff(neutrals[:, 0]) < 0).all() and (np.diff(neutrals[:, 2]) > 0).all()


def test_daylight_of_6504_kelvin_is_d65():
    x, y, z = color.illuminant_xyz(6504)
    assert (x / (x + y + z), y / (x + y + z)) == pytest.approx((0.3127, 0.3290), abs=2e-4)


def test_srgb_primaries_change_nothing_and_others_keep_white():
    np.testing.assert_allclose(color.primaries_to_srgb(color.SRGB_PRIMARIES), np.eye(3), atol=1e-12)
    aces = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
    np.testing.assert_allclose(color.primaries_to_srgb(aces).sum(axis=1), 1, atol=1e-9)
