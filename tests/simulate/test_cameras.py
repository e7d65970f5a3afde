from __future__ import annotations

import numpy as np
import pytest

from rawbench.camera.color import camera_to_srgb
from rawbench.errors import UsageError
from rawbench.simulate.cameras import CAMERAS, find_camera


def test_there_are_eight_cameras_of_distinct_names():
    assert len({camera.slug for camera in CAMERAS}) == len({camera.name for camera in CAMERAS}) == 8


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.slug)
def test_levels_fit_the_bits_and_the_matrix_inverts(camera):
    for bits in (10, 12, 14):
        black, white = camera.levels(bits)
        assert 0 <= black < white < 2**bits
    assert camera.levels(camera.bits) == (camera.black, camera.white)
    assert np.isfinite(camera_to_srgb(camera.xyz_to_camera)).all()


def test_a_camera_is_found_by_slug_and_by_name():
    assert find_camera("sony-slt-a57") is find_camera("Sony SLT-A57")


def test_an_unknown_camera_is_refused_with_those_that_exist():
    with pytest.raises(UsageError, match="unknown camera 'leica'.*samsung-nx2000"):
        find_camera("leica")
