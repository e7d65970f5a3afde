from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.errors import SampleError
from rawbench.simulate import scenes as module
from rawbench.simulate.scenes import (
    heal_holes,
    list_scenes,
    panorama_coordinates,
    panorama_view,
    picture_view,
    read_scene,
    scene_view,
)


def test_a_radiance_file_comes_back(tmp_path, panorama):
    path = tmp_path / "scene.hdr"
    path.write_bytes(imagecodecs.rgbe_encode(panorama))
    scene = read_scene(path)
    assert scene.dtype == np.float32 and scene.shape == panorama.shape
    np.testing.assert_allclose(scene, heal_holes(panorama), rtol=0.02, atol=0.02)


def test_an_openexr_file_comes_back_without_negatives(tmp_path, panorama):
    openexr = pytest.importorskip("OpenEXR")
    panorama[0, 0] = -0.01
    path = tmp_path / "scene.exr"
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    with openexr.File(header, {"RGB": panorama}) as file:
        file.write(str(path))
    scene = read_scene(path)
    assert scene.min() >= 0
    np.testing.assert_allclose(scene[1:], heal_holes(np.maximum(panorama, 0))[1:], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.hdr", b"no scene", "not a readable Radiance file"),
        ("a.hdr", b"", "not a readable Radiance file"),
        ("a.exr", b"no scene", "not a readable OpenEXR file|needs OpenEXR"),
        ("a.png", b"no scene", "not a scene-linear file"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SampleError, match=message) as caught:
        read_scene(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_files_and_empty_folders_are_refused(tmp_path):
    for call, path in ((read_scene, tmp_path / "no.hdr"), (list_scenes, tmp_path / "no"), (list_scenes, tmp_path)):
        with pytest.raises(SampleError, match=str(path)):
            call(path)


def test_values_that_are_not_finite_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.hdr"
    path.write_bytes(b"")
    monkeypatch.setattr(module, "_read_radiance", lambda path: np.full((4, 8, 3), np.inf, np.float32))
    with pytest.raises(SampleError, match="not finite"):
        read_scene(path)


def test_holes_beside_lamps_are_healed_and_details_kept():
    scene = np.full((16, 32, 3), 0.5, np.float32)
    scene[4, 4] = 0.0
    scene[8, 8] = 0.1
    healed = heal_holes(scene)
    np.testing.assert_array_equal(healed[4, 4], 0.5)
    np.testing.assert_array_equal(healed[8, 8], scene[8, 8])


@given(yaw=st.floats(-180, 180), pitch=st.floats(-60, 60), fov=st.floats(20, 120), height=st.sampled_from([64, 512]))
def test_the_middle_of_a_view_looks_where_it_should(yaw, pitch, fov, height):
    rows, columns = panorama_coordinates(height, yaw, pitch, fov, 5, 7)
    assert rows[2, 3] == pytest.approx((0.5 - pitch / 180) * height - 0.5, abs=1e-6)
    turned = (columns[2, 3] + 0.5) / (2 * height) * 360 - 180
    assert (turned - yaw + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)


def test_the_edges_of_a_view_lie_at_its_angle():
    _, columns = panorama_coordinates(512, 0, 0, 90, 400, 400)
    span = (columns[200, -1] - columns[200, 0]) / 1024 * 360
    assert span == pytest.approx(90, abs=0.5)


def test_right_is_right_and_up_is_up():
    panorama = np.full((128, 256, 3), 0.1, np.float32)
    panorama[:, 150:] *= 2  # right of the middle
    panorama[:48] *= 3  # above the horizon
    view = panorama_view(panorama, 0, 0, 100, 30, 40)
    assert view.shape == (30, 40, 3) and view.dtype == np.float32
    assert view[15, 35, 0] > view[15, 5, 0] * 1.5 and view[2, 5, 0] > view[27, 5, 0] * 2


def test_views_across_the_seam_have_no_seam():
    panorama = np.full((64, 128, 3), 0.5, np.float32)
    np.testing.assert_allclose(panorama_view(panorama, 180, 10, 90, 24, 32), 0.5, rtol=1e-4)


def test_a_sun_leaves_no_negative_ring(panorama):
    for yaw in range(-180, 180, 60):
        view = panorama_view(panorama, yaw, 40, 90, 24, 32)
        assert np.isfinite(view).all() and view.min() >= 0


def test_flat_pictures_are_cropped():
    picture = np.linspace(0.1, 1, 90 * 60 * 3, dtype=np.float32).reshape(60, 90, 3)
    left, right = (picture_view(picture, place, 0.5, 0.5, 15, 20) for place in (0, 1))
    assert left.shape == (15, 20, 3) and (right[..., 0] > left[..., 0]).all()
    whole = scene_view(picture, 0, 0, 100, 60, 80)
    np.testing.assert_allclose(whole, picture[:, 5:85], rtol=0.05, atol=0.01)


def test_an_impossible_angle_is_refused(panorama):
    with pytest.raises(ValueError, match="between 0 and 170"):
        panorama_view(panorama, 0, 0, 180, 8, 8)
