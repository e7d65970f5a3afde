"""A JPEG on its side, or turned later by a viewer that changes the orientation alone: stored pixels count."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rawbench.camera.exif import orientation_of, tiff_place
from rawbench.camera.jpeg import turn
from rawbench.camera.tiff import read_tiff
from rawbench.photo.contents import turn_between
from tests.camera_files import jpeg, linear, psnr, rendered

BACK = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def carrier(photo, orientation: int):
    """The photograph's JPEG, stored so that this orientation makes it upright."""
    exif = Image.Exif()
    exif[274] = orientation
    path = photo.with_name("camera.jpg")
    path.write_bytes(jpeg(turn(rendered(photo), BACK[orientation]), exif=exif))
    return path


def orient(path, orientation: int) -> None:
    """What a viewer does to turn a picture."""
    data = bytearray(path.read_bytes())
    start, end = tiff_place(data)
    tiff = read_tiff(bytes(data[start:end]))
    place = start + tiff.image[274].place
    data[place : place + 2] = orientation.to_bytes(2, "little" if tiff.order == "<" else "big")
    path.write_bytes(data)
    assert orientation_of(bytes(data)) == orientation


@pytest.mark.parametrize("stored", range(1, 9))
def test_a_jpeg_on_its_side_meets_its_raw(call, packed, photo, stored):
    assert packed(photo, "--carrier", carrier(photo, stored)).code == 0
    assert call("unpack", "x.rb.jpg", "-o", "x.npy").code == 0
    raw = np.load(photo.with_name("x.npy")).transpose(1, 2, 0)
    assert raw.shape == linear(photo).shape and psnr(raw, linear(photo)) > 30


@pytest.mark.parametrize(("stored", "turned"), [(1, 6), (1, 3), (6, 1), (8, 3), (1, 2), (6, 5)])
def test_a_viewer_that_turns_changes_nothing(call, packed, photo, stored, turned):
    path = photo.with_name("x.rb.jpg")
    assert packed(photo, "--carrier", carrier(photo, stored)).code == 0
    assert call("unpack", "x.rb.jpg", "-o", "before.npy").code == 0
    orient(path, turned)
    assert "pixels: unchanged, but turned" in call("inspect", "x.rb.jpg").out
    for force in ((), ("--force",)):
        ended = call("unpack", "x.rb.jpg", "-o", "after.npy", *force)
        assert ended.code == 0 and not ended.err
    assert np.array_equal(np.load(photo.with_name("before.npy")), np.load(photo.with_name("after.npy")))
    assert call("unpack", "x.rb.jpg", "-o", "x.dng").code == 0
    shown = linear(photo.with_name("x.dng"))  # turned as the JPEG is now
    upright = np.load(photo.with_name("after.npy")).transpose(1, 2, 0)
    assert psnr(shown, turn(turn(upright, BACK[stored]), turned)) > 60


def test_turns_follow_each_other():
    pixels = np.arange(24).reshape(4, 6)
    for packed in range(1, 9):
        for said in range(1, 9):
            again = turn(turn(pixels, packed), turn_between(packed, said))
            assert np.array_equal(again, turn(pixels, said))
