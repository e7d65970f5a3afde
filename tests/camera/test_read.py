from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from types import SimpleNamespace

import imagecodecs
import numpy as np
import pytest
import rawpy
import tifffile
from PIL import Image

from rawbench.camera import read as module
from rawbench.camera.read import read_camera_file, read_camera_info
from rawbench.camera.tiff import Tiff
from rawbench.errors import SampleError
from rawbench.simulate.cameras import find_camera
from rawbench.simulate.cfa_dng import _tags, cfa_dng_bytes, write_cfa_dng
from rawbench.simulate.sensor import Shot, take_picture
from tests.camera_files import rendered, write_dng


@pytest.fixture
def image(panorama):
    camera = find_camera("olympus-e-pl6")
    return take_picture(panorama[40:88, :64], camera, Shot(), np.random.default_rng(0))


@pytest.fixture
def photo(tmp_path, image):
    path = tmp_path / "photo.dng"
    write_cfa_dng(path, image)
    return path


def test_both_renditions_are_the_fields(photo):
    file = read_camera_file(photo)
    with rawpy.imread(str(photo)) as raw:
        expected = raw.postprocess(
            output_color=rawpy.ColorSpace.raw,
            use_camera_wb=True,
            use_auto_wb=False,
            no_auto_bright=True,
            output_bps=16,
            gamma=(1, 1),
        )
        rendered = raw.postprocess(use_camera_wb=True, half_size=False, no_auto_bright=True)
    np.testing.assert_array_equal(file.raw16, expected)
    np.testing.assert_array_equal(file.srgb8, rendered)
    assert file.raw16.dtype == np.uint16 and file.srgb8.dtype == np.uint8


def test_libraws_8_bits_are_its_16_cut_off(photo):
    file, deep = read_camera_file(photo), read_camera_file(photo, srgb_bits=16)
    with rawpy.imread(str(photo)) as raw:
        expected = raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16)
    np.testing.assert_array_equal(deep.srgb(16), expected)
    np.testing.assert_array_equal(deep.srgb8, file.srgb8)
    np.testing.assert_array_equal(deep.raw16, file.raw16)
    assert deep.srgb(16).dtype == np.uint16 and file.srgb16 is None and file.srgb(8) is file.srgb8


@pytest.mark.parametrize("name", ["olympus-e-pl6_sunset_1", "rawpipe_chart_1", "sony-slt-a57_night_1"])
def test_the_rendition_is_libraws_to_the_bit(name):
    """On whole photographs: with highlights, a real camera's, and dark."""
    path = Path(module.__file__).parents[1] / "datasets" / "sample" / f"{name}.dng"
    with rawpy.imread(str(path)) as raw:
        wanted = raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16)
    np.testing.assert_array_equal(read_camera_file(path, srgb_bits=16).srgb16, wanted)


def test_a_camera_without_a_matrix_is_rendered_as_libraw_does(tmp_path):
    path = write_dng(tmp_path / "a.dng", change={50721: None, 271: (2, 0, "Nobody"), 272: (2, 0, "Nothing")})
    np.testing.assert_array_equal(read_camera_file(path).srgb8, rendered(path))


def test_the_digest_is_the_files(photo):
    info = read_camera_info(photo)
    assert info.digest == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert info == read_camera_file(photo).info


def test_a_compressed_file_is_read_as_the_other(tmp_path, photo, image):
    """Lossless JPEG (ITU-T T.81, process 14), as DNG converters write it."""
    path = tmp_path / "compressed.dng"
    coded = imagecodecs.ljpeg_encode(image.mosaic, bitspersample=16)
    height, width = image.mosaic.shape
    tifffile.imwrite(path, iter([coded]), shape=(height, width), dtype="uint16", compression=7, photometric=32803,
                     rowsperstrip=height, metadata=None, byteorder="<", extratags=_tags(image))  # fmt: skip
    assert path.stat().st_size < photo.stat().st_size
    plain, compressed = read_camera_file(photo), read_camera_file(path)
    assert np.array_equal(compressed.raw16, plain.raw16) and np.array_equal(compressed.srgb8, plain.srgb8)


@pytest.mark.parametrize(("orientation", "turned"), [(1, False), (3, False), (6, True), (8, True)])
def test_both_renditions_are_turned_alike(tmp_path, image, orientation, turned):
    data = cfa_dng_bytes(image)
    upright = struct.pack("<HHIHH", 274, 3, 1, 1, 0)
    assert data.count(upright) == 1
    path = tmp_path / "turned.dng"
    path.write_bytes(data.replace(upright, struct.pack("<HHIHH", 274, 3, 1, orientation, 0)))
    file = read_camera_file(path)
    size = image.mosaic.shape[::-1] if turned else image.mosaic.shape
    assert file.raw16.shape[:2] == file.srgb8.shape[:2] == (file.info.height, file.info.width) == size


def bad_files(photo):
    good = photo.read_bytes()
    yield "empty.dng", b""
    yield "text.dng", b"not a picture\n" * 40
    yield "cut.dng", good[: len(good) // 2]
    yield "header.dng", good[:100]


@pytest.mark.parametrize("reader", [read_camera_info, read_camera_file])
def test_bad_files_are_named_in_one_line(tmp_path, photo, reader):
    for name, data in bad_files(photo):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(SampleError) as caught:
            reader(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", [read_camera_info, read_camera_file])
def test_missing_files_folders_and_pictures_are_refused(tmp_path, reader):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    for path, message in (
        (tmp_path / "no.dng", "No such file"),
        (tmp_path, "directory"),
        (tmp_path / "a.png", "not a camera file"),
    ):
        with pytest.raises(SampleError, match=message):
            reader(path)


class Sensor:
    """What LibRaw says of a sensor, as far as it is asked."""

    raw_type = rawpy.RawType.Flat
    raw_pattern = np.array([[0, 1], [3, 2]])
    num_colors = 3
    color_desc = b"RGBG"
    sizes = SimpleNamespace(pixel_aspect=1.0)
    black_level_per_channel = (512,) * 4
    white_level = 16300


@pytest.mark.parametrize(
    ("fact", "value", "message"),
    [
        ("raw_pattern", np.zeros((6, 6), int), "X-Trans"),
        ("raw_pattern", None, "Foveon"),
        ("raw_type", rawpy.RawType.Stack, "Foveon"),
        ("num_colors", 4, "4 colours"),
        ("sizes", SimpleNamespace(pixel_aspect=2.0), "not square"),
        ("white_level", 512, "not below the white level"),
    ],
)
def test_other_sensors_are_not_supported(fact, value, message):
    sensor = Sensor()
    assert module._unsupported(sensor, Tiff()) == ""
    setattr(sensor, fact, value)
    assert message in module._unsupported(sensor, Tiff())


def test_renditions_of_two_sizes_are_refused(tmp_path):
    raw, srgb = np.zeros((4, 6, 3), np.uint16), np.zeros((6, 4, 3), np.uint8)
    with pytest.raises(SampleError, match=r"a\.dng: raw and sRGB differ in size \(6x4 and 4x6\)"):
        module._check_renditions(tmp_path / "a.dng", raw, srgb)


def test_filters_of_another_order_are_refused(tmp_path):
    path = write_dng(tmp_path / "a.dng", change={33422: (1, 4, bytes((0, 1, 1, 1)))})
    with pytest.raises(SampleError, match="a.dng: a colour filter order RGGG"):
        read_camera_info(path)
