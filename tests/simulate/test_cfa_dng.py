from __future__ import annotations

import numpy as np
import pytest
import rawpy

from rawbench.camera.cfa import CFA_ORDERS
from rawbench.camera.color import SRGB_TO_XYZ, srgb_to_camera
from rawbench.camera.read import read_camera_file, read_camera_info
from rawbench.errors import RawbenchError
from rawbench.simulate.cameras import CAMERAS, find_camera
from rawbench.simulate.cfa_dng import cfa_dng_bytes, write_cfa_dng
from rawbench.simulate.sensor import CfaImage, Shot, take_picture

SONY = find_camera("sony-slt-a57")


def picture(camera=SONY, size=(48, 64), colour=(0.3, 0.3, 0.3), matrix=None, **settings) -> CfaImage:
    shot = Shot(**{"clipped": 0, "exposure_ev": -1.5, "shading": 0, **settings})
    scene = np.broadcast_to(colour, (*size, 3))
    return take_picture(scene, camera, shot, np.random.default_rng(0), xyz_to_camera=matrix)


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.slug)
@pytest.mark.parametrize("bits", [12, 14])
def test_libraw_reads_back_what_was_written(tmp_path, camera, bits):
    image = picture(camera, kelvin=4000, bits=bits, iso=1600)
    write_cfa_dng(tmp_path / "a.dng", image)
    with rawpy.imread(str(tmp_path / "a.dng")) as raw:
        np.testing.assert_array_equal(raw.raw_image, image.mosaic)
    info = read_camera_info(tmp_path / "a.dng")
    assert (info.camera, info.iso, info.simulated) == (camera.name, 1600, True)
    assert info.black == (image.black,) * 4 and info.white == image.white
    np.testing.assert_allclose(info.white_balance, 1 / np.array(image.as_shot_neutral), rtol=1e-4)
    matrix = np.array(info.xyz_to_balanced).reshape(3, 3)
    np.testing.assert_allclose(matrix @ SRGB_TO_XYZ, srgb_to_camera(camera.xyz_to_camera), atol=1e-3)


def test_the_files_matrix_counts_even_for_a_camera_that_libraw_knows(tmp_path):
    matrix = SONY.xyz_to_camera @ (np.eye(3) + 0.05 * np.array([[0, 1, 0], [0, 0, -1], [1, 0, 0]]))
    write_cfa_dng(tmp_path / "a.dng", picture(matrix=matrix))
    read = np.array(read_camera_info(tmp_path / "a.dng").xyz_to_balanced).reshape(3, 3)
    np.testing.assert_allclose(read @ SRGB_TO_XYZ, srgb_to_camera(matrix), atol=1e-3)


@pytest.mark.parametrize("cfa", CFA_ORDERS)
@pytest.mark.parametrize("size", [(48, 64), (47, 61), (64, 47)])
def test_all_orders_and_odd_sizes_give_neutral_greys(tmp_path, cfa, size):
    write_cfa_dng(tmp_path / "a.dng", picture(cfa=cfa, size=size, kelvin=3200))
    file = read_camera_file(tmp_path / "a.dng")
    assert file.info.cfa == cfa and file.raw16.shape == file.srgb8.shape == (*size, 3)
    assert (file.info.height, file.info.width) == size
    means = file.raw16[4:-4, 4:-4].mean(axis=(0, 1))
    np.testing.assert_allclose(means / means[1], 1, atol=0.01)
    rendered = file.srgb8[4:-4, 4:-4].mean(axis=(0, 1))
    assert np.ptp(rendered) < 2


def test_colours_come_back_in_the_rendition(tmp_path):
    """A saturated scene colour, through camera, file and LibRaw, is the same colour again."""
    from rawbench.camera.color import bt709_lut

    colour = np.array([0.6, 0.25, 0.1])
    write_cfa_dng(tmp_path / "a.dng", picture(colour=colour, kelvin=6000, bits=14, size=(96, 96)))
    file = read_camera_file(tmp_path / "a.dng")
    linear = bt709_lut()[file.srgb8[8:-8, 8:-8]].mean(axis=(0, 1))
    np.testing.assert_allclose(linear / linear[0], colour / colour[0], rtol=0.03)


def test_bytes_depend_on_the_frame_alone(tmp_path):
    image = picture()
    write_cfa_dng(tmp_path / "a.dng", image)
    assert (tmp_path / "a.dng").read_bytes() == cfa_dng_bytes(image)
    assert [path.name for path in tmp_path.iterdir()] == ["a.dng"]


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(RawbenchError, match=str(tmp_path / "no" / "a.dng")):
        write_cfa_dng(tmp_path / "no" / "a.dng", picture())


def test_a_real_frame_is_not_called_simulated(tmp_path):
    from dataclasses import replace

    write_cfa_dng(tmp_path / "a.dng", replace(picture(), simulated=False))
    assert not read_camera_info(tmp_path / "a.dng").simulated
