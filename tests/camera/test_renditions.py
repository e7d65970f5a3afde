from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rawbench.camera.renditions import Rendition, apply_rendition, develop, jpeg_bytes, parse_rendition
from rawbench.errors import UsageError


@pytest.fixture
def srgb():
    rows, columns = np.mgrid[:48, :61]
    noise = np.random.default_rng(0).integers(0, 40, (48, 61, 3))
    return (np.stack([rows * 4, columns * 3, rows + columns], axis=2) + noise).clip(0, 255).astype(np.uint8)


def test_png_is_the_pixels_themselves(srgb):
    pixels, carrier_bytes = apply_rendition(srgb, parse_rendition("png"))
    np.testing.assert_array_equal(pixels, srgb)
    assert carrier_bytes is None


def test_jpeg_is_what_a_viewer_decodes_and_costs_its_file(srgb):
    pixels, carrier_bytes = apply_rendition(srgb, parse_rendition("jpeg90"))
    carrier = jpeg_bytes(srgb, 90)
    assert carrier_bytes == len(carrier)
    with Image.open(io.BytesIO(carrier)) as image:
        np.testing.assert_array_equal(pixels, np.asarray(image))
        assert image.layer[0][1:3] == (2, 2)  # colour at half size each way
    assert pixels.shape == srgb.shape and pixels.dtype == np.uint8 and (pixels != srgb).any()


def test_full_colour_keeps_colour_at_full_size(srgb):
    with Image.open(io.BytesIO(jpeg_bytes(srgb, 90, full_colour=True))) as image:
        assert image.layer[0][1:3] == (1, 1)


def test_a_rendition_is_deterministic_and_better_with_quality(srgb):
    def error(name):
        pixels, size = apply_rendition(srgb, parse_rendition(name))
        np.testing.assert_array_equal(pixels, apply_rendition(srgb, parse_rendition(name))[0])
        return np.square(pixels.astype(float) - srgb).mean(), size

    (worst, small), (middle, larger), (best, largest) = (error(f"jpeg{q}") for q in (10, 50, 95))
    assert worst > middle > best and small < larger < largest


@given(quality=st.integers(10, 100), full=st.booleans())
def test_names_are_canonical(quality, full):
    name = f"jpeg{quality}{'-444' if full else ''}"
    assert parse_rendition(name) == Rendition(name, quality, full)


@pytest.mark.parametrize("name", ["", "PNG", "jpeg", "jpeg9", "jpeg101", "jpeg090", "jpeg90-420", "webp"])
def test_unknown_renditions_are_refused_with_those_that_exist(name):
    with pytest.raises(UsageError, match="png, jpeg10 to jpeg100"):
        parse_rendition(name)


def test_renditions_that_are_not_made_of_the_8_bit_image():
    assert parse_rendition("given").given and parse_rendition("camera").in_camera
    assert parse_rendition("camera").quality == 92


def test_png16_is_the_pixels_themselves(srgb):
    rendition = parse_rendition("png16")
    assert rendition == Rendition("png16", bits=16) and parse_rendition("png").bits == 8
    pixels, carrier_bytes = apply_rendition(srgb.astype(np.uint16) * 257, rendition)
    assert pixels.dtype == np.uint16 and carrier_bytes is None
    np.testing.assert_array_equal(pixels, srgb * 257.0)


def test_the_camera_rendition_is_a_jpeg_of_its_own_pixels(srgb):
    from rawbench.camera.develop import develop_pixels
    from rawbench.simulate.cameras import find_camera

    raw16 = srgb.astype(np.uint16) * 257
    matrix = tuple(find_camera("olympus-e-pl6").xyz_to_camera.ravel())
    pixels, carrier_bytes = develop(raw16, matrix, parse_rendition("camera"))
    expected = apply_rendition(develop_pixels(raw16, matrix), parse_rendition("jpeg92"))
    np.testing.assert_array_equal(pixels, expected[0])
    assert carrier_bytes == expected[1]
