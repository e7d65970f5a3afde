"""Rebuilt raws as DNG files: what LibRaw and exiftool read of them."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import rawpy
import tifffile

from rawbench.camera.cfa import CFA_ORDERS, mosaic_of
from rawbench.camera.facts import CameraFacts
from rawbench.camera.linear_dng import Rebuilt, native_strips, write_cfa_again, write_linear_dng
from rawbench.camera.read import open_camera_file, read_camera_file
from rawbench.camera.tiff import ASCII, RATIONAL, SHORT, Tiff, Value, numbers, rationals, text
from rawbench.simulate.cameras import find_camera
from rawbench.simulate.cfa_dng import write_cfa_dng
from rawbench.simulate.sensor import Shot, take_picture

MATRIX = tuple(float(v) for v in find_camera("sony-slt-a57").xyz_to_camera.ravel())
FACTS = CameraFacts("RGGB", (512,) * 4, 16300, (2.125, 1.0, 1.5), MATRIX, "Sony", "SLT-A57")


def rebuilt(raw: np.ndarray, facts: CameraFacts = FACTS, order: str = "<") -> Rebuilt:
    exif = {
        33434: rationals(RATIONAL, (0.004,), 1_000_000, order),
        33437: rationals(RATIONAL, (2.8,), 1_000_000, order),
        34855: numbers(SHORT, (400,), order),
        37386: rationals(RATIONAL, (50.0,), 1_000_000, order),
        36867: text("2024:01:02 03:04:05", order),
        42036: text("A lens", order),
    }
    image = {306: text("2024:01:02 03:04:05", order), 315: Value(ASCII, b"J\xf8rgen\0", order)}
    return Rebuilt(raw, facts, Tiff(order, image, exif))


def noise(height: int = 150, width: int = 41, top: float = 1.0) -> np.ndarray:
    raw = np.random.default_rng(3).random((3, height, width)).astype(np.float32) * np.float32(top)
    raw[:, 2:6, 2:6] = top
    return raw


def linear(path) -> np.ndarray:
    with rawpy.imread(str(path)) as raw:
        pixels = raw.postprocess(
            output_color=rawpy.ColorSpace.raw, use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=(1, 1)
        )
    return pixels.transpose(2, 0, 1) / 65535


@pytest.mark.parametrize("gains", [(2.125, 1.0, 1.5), (0.8, 1.0, 1.2), (1.0, 1.0, 1.0)])
@pytest.mark.parametrize("top", [1.0, 0.5])
def test_libraw_reads_the_raw_back(tmp_path, gains, top):
    raw = noise(top=top)
    write_linear_dng(tmp_path / "x.dng", rebuilt(raw, CameraFacts("RGGB", (0,) * 4, 4095, gains, MATRIX, "A", "B")))
    # Rounded before the gain is applied, cut down to an integer after it.
    assert np.abs(linear(tmp_path / "x.dng") - raw).max() < (max(gains) / min(gains) / 2 + 1.1) / 65535


def test_a_raw_that_misses_white_by_little_is_not_brightened(tmp_path):
    raw = noise(top=0.9)
    write_linear_dng(tmp_path / "x.dng", rebuilt(raw))
    difference = np.abs(linear(tmp_path / "x.dng") - raw)
    assert np.median(difference) < 2 / 65535
    assert (difference > 3 / 65535).sum() <= 1


@pytest.mark.parametrize("order", "<>")
def test_what_libraw_says(tmp_path, order):
    write_linear_dng(tmp_path / "x.dng", rebuilt(noise(), order=order))
    assert b"J\xf8rgen\0" in (tmp_path / "x.dng").read_bytes()
    with rawpy.imread(str(tmp_path / "x.dng")) as raw:
        assert raw.num_colors == 3 and raw.raw_image_visible.shape == (150, 41, 4)
        assert raw.camera_whitebalance[:3] == pytest.approx([2.125, 1.0, 1.5], rel=1e-5)
        assert raw.black_level_per_channel == [0, 0, 0, 0] and raw.white_level == 65535
        assert raw.rgb_xyz_matrix[:3].ravel() == pytest.approx(MATRIX, abs=1e-4)
        assert raw.other.iso_speed == 400 and raw.other.aperture == pytest.approx(2.8)


@pytest.mark.parametrize("cfa", CFA_ORDERS)
def test_the_filters_again(tmp_path, cfa):
    """A camera file's own mosaic comes back from its demosaiced image, where LibRaw keeps the measured values."""
    random = np.random.default_rng(1)
    scene = np.cumsum(random.random((70, 64, 3)), axis=1) / 40
    image = take_picture(scene, find_camera("olympus-e-pl6"), Shot(cfa=cfa, clipped=0.2), random)
    write_cfa_dng(tmp_path / "camera.dng", image)
    camera = read_camera_file(tmp_path / "camera.dng")
    with open_camera_file(tmp_path / "camera.dng") as file:
        facts = file.facts()
    raw = camera.raw16.transpose(2, 0, 1).astype(np.float32) / np.float32(65535)
    write_cfa_again(tmp_path / "again.dng", rebuilt(raw, facts))
    again = tifffile.imread(tmp_path / "again.dng").astype(int)
    unclipped = mosaic_of(camera.raw16, cfa) < 65535
    assert unclipped.mean() > 0.5
    assert np.abs(again - image.mosaic)[unclipped].max() <= 1
    info = read_camera_file(tmp_path / "again.dng").info
    assert (info.cfa, info.white, min(info.black)) == (cfa, facts.white, image.black)
    assert info.camera == "Olympus E-PL6" and info.iso == 400 and not info.simulated


def test_strips_are_the_whole():
    raw = noise(height=129)
    assert np.concatenate(list(native_strips(rebuilt(raw)))).shape == (129, 41, 3)


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool (libimage-exiftool-perl) is not installed")
@pytest.mark.parametrize("write", [write_linear_dng, write_cfa_again])
@pytest.mark.parametrize("order", "<>")
def test_exiftool_finds_no_fault(tmp_path, write, order):
    path = tmp_path / "x.dng"
    write(path, rebuilt(noise(), order=order))
    told = subprocess.run(
        ["exiftool", "-validate", "-warning", "-error", "-a", "-s", "-LensModel", "-ISO", "-ExposureTime", str(path)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert told.split("\n")[:4] == [
        "Validate                        : OK",
        "LensModel                       : A lens",
        "ISO                             : 400",
        "ExposureTime                    : 1/250",
    ]
