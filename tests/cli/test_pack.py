"""``rawbench pack`` and ``unpack``: a photograph and its raw in one JPEG."""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from dataclasses import replace

import numpy as np
import pytest
import rawpy
import tifffile
from PIL import Image

from rawbench.camera.carrier import decode_jpeg, remove, segments
from rawbench.camera.read import read_camera_file
from rawbench.camera.renditions import jpeg_bytes
from rawbench.simulate.cameras import find_camera
from rawbench.simulate.cfa_dng import _tags, write_cfa_dng
from rawbench.simulate.sensor import Shot, take_picture

METHODS = ["poly", "residual", "learned"]


def scene(height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(1)
    field = random.normal(0, 0.05, (height, width, 3)).cumsum(axis=0).cumsum(axis=1)
    return field - field.min() + 0.1


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.dng"
    image = take_picture(scene(96, 128), find_camera("sony-slt-a57"), Shot(), np.random.default_rng(2))
    write_cfa_dng(path, image)
    return path


@pytest.fixture
def carrier(photo):
    """The camera's JPEG: with Exif, an ICC profile, and a border that it does not show."""
    path = photo.with_name("camera.jpg")
    exif = Image.Exif()
    exif[271], exif[272], exif[306] = "SONY", "SLT-A57", "2024:01:02 03:04:05"
    exif.get_ifd(34665)[34855] = 200
    srgb = read_camera_file(photo).srgb8[4:-4, 2:-2]
    Image.fromarray(srgb).save(path, quality=88, exif=exif, icc_profile=b"profile" * 9)
    return path


def linear(path) -> np.ndarray:
    with rawpy.imread(str(path)) as raw:
        return raw.postprocess(
            output_color=rawpy.ColorSpace.raw, use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=(1, 1)
        )


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return -10 * np.log10(np.mean((a / 65535 - b / 65535) ** 2))


@pytest.mark.parametrize("method", ["mean", "poly", "residual", "learned"])
def test_the_dng_has_the_psnr_that_run_measures(call, photo, method):
    config = ("run", "--methods", method, "--rate-points", "1", "--metrics", "psnr", "--out", "measured")
    ended = call(*config, "--dataset", f"folder:root={photo.parent}:rendition=jpeg95")
    assert ended.code == 0, ended.err
    assert call("export", "measured", "rows.json").code == 0
    rows = json.loads((photo.parent / "rows.json").read_text())["rows"]
    measured = next(row["value"] for row in rows if row["metric"] == "psnr")
    assert call("pack", photo, "-o", "x.rb.jpg", "--method", method, "--rate-point", "1").code == 0
    assert call("unpack", "x.rb.jpg", "-o", "x.dng").code == 0
    assert call("unpack", "x.rb.jpg", "-o", "x.npy").code == 0
    reference = read_camera_file(photo).raw16.astype(np.float64)
    decoded = np.load(photo.with_name("x.npy")).transpose(1, 2, 0) * 65535.0
    assert psnr(reference, decoded) == pytest.approx(measured, abs=1e-4)
    assert psnr(reference, linear(photo.with_name("x.dng"))) == pytest.approx(measured, abs=0.01)
    plain = jpeg_bytes(read_camera_file(photo).srgb8, 95)
    assert np.array_equal(decode_jpeg(photo.with_name("x.rb.jpg").read_bytes()), decode_jpeg(plain))


@pytest.mark.parametrize("method", METHODS)
def test_the_carrier_stays_as_it_was(call, photo, carrier, method):
    ended = call("pack", photo, "--carrier", carrier, "-o", "x.rb.jpg", "--method", method, "--rate-point", "2")
    assert ended.code == 0 and "cropped" in ended.out
    packed, plain = photo.with_name("x.rb.jpg").read_bytes(), carrier.read_bytes()
    assert remove(packed) == plain
    assert np.array_equal(decode_jpeg(packed), decode_jpeg(plain))
    assert f"{len(packed) - len(plain)} bytes added to {len(plain)}" in ended.out
    assert call("unpack", "x.rb.jpg", "-o", "x.dng").code == 0
    reference = read_camera_file(photo).raw16[4:-4, 2:-2]
    assert psnr(reference.astype(float), linear(photo.with_name("x.dng"))) > 25
    found = json.loads(call("inspect", "x.rb.jpg", "--json").out)
    assert found["camera"] == "SONY SLT-A57" and found["pixels"] == "unchanged"
    assert found["added_bytes"] == len(packed) - len(plain) == sum(
        found[f"{part}_bytes"] for part in ("stream", "facts", "segment")
    )  # fmt: skip


def test_lossless_and_the_filters_again(call, photo):
    assert call("pack", photo, "-o", "x.rb.jpg", "--rate-point", "lossless").code == 0
    assert call("unpack", "x.rb.jpg", "-o", "x.npy").code == 0
    reference = read_camera_file(photo).raw16
    exact = np.load(photo.with_name("x.npy")).transpose(1, 2, 0) * np.float32(65535)
    assert np.array_equal(np.rint(exact).astype(np.uint16), reference)
    assert call("unpack", "x.rb.jpg", "-o", "x.dng", "--cfa").code == 0
    with rawpy.imread(str(photo)) as camera, rawpy.imread(str(photo.with_name("x.dng"))) as again:
        a, b = camera.raw_image_visible.astype(int), again.raw_image_visible.astype(int)
        assert camera.black_level_per_channel == again.black_level_per_channel
        assert np.array_equal(camera.raw_pattern, again.raw_pattern)
        assert (np.abs(a - b) <= 1).mean() > 0.9


@pytest.mark.parametrize("corner", [(0, 4), (1, 3)])
@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_an_active_area_and_a_black_level_a_filter_come_back(call, tmp_path, cfa, corner):
    """The order of the filters counts from the active area's corner, which LibRaw moves to even rows and columns."""
    order = "".join(np.roll(np.array(list(cfa)).reshape(2, 2), corner, (0, 1)).ravel())
    image = take_picture(scene(49, 66), find_camera("olympus-e-pl6"), Shot(cfa=order), np.random.default_rng(2))
    area = (50829, 4, 4, (*corner, 49, 66), True)
    blacks = [(50713, 3, 2, (2, 2), True), (50714, 4, 4, tuple(image.black + n for n in (0, 3, 6, 9)), True)]
    tags = [tag for tag in _tags(replace(image, cfa=cfa)) if tag[0] not in (50713, 50714)]
    tifffile.imwrite(tmp_path / "area.dng", image.mosaic, photometric=32803, metadata=None, byteorder="<",
                     extratags=[*tags, *blacks, area])  # fmt: skip
    assert call("pack", "area.dng", "-o", "x.rb.jpg", "--rate-point", "lossless").code == 0
    assert call("unpack", "x.rb.jpg", "-o", "x.dng", "--cfa").code == 0
    assert call("unpack", "x.rb.jpg", "-o", "linear.dng").code == 0
    with rawpy.imread(str(tmp_path / "area.dng")) as camera, rawpy.imread(str(tmp_path / "x.dng")) as again:
        seen, rebuilt = camera.raw_image_visible.astype(int), again.raw_image_visible.astype(int)
        assert np.array_equal(camera.raw_pattern, again.raw_pattern)
        black = np.array(camera.black_level_per_channel)[camera.raw_colors_visible]
        floor = min(again.black_level_per_channel)
    assert len(np.unique(black)) == 4 and rebuilt.shape == seen.shape
    unclipped = (seen > black) & (seen < 0.4 * image.white)
    assert unclipped.mean() > 0.2
    assert (np.abs(seen - black - (rebuilt - floor))[unclipped] <= 1).mean() > 0.95
    reference = read_camera_file(tmp_path / "area.dng").raw16
    assert psnr(reference.astype(float), linear(tmp_path / "linear.dng")) > 70


@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 3), (8, 1)])
def test_a_turned_camera_file_comes_back_upright(call, tmp_path, orientation, turns):
    """Of odd width, so that the filters' order depends on the turn."""
    image = take_picture(scene(48, 65), find_camera("olympus-e-pl6"), Shot(cfa="GRBG"), np.random.default_rng(2))
    path = tmp_path / "turned.dng"
    write_cfa_dng(path, image)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags[274].overwrite(orientation)
    assert call("pack", path, "-o", "x.rb.jpg", "--rate-point", "lossless").code == 0
    assert call("unpack", "x.rb.jpg", "-o", "x.dng", "--cfa").code == 0
    again, upright = tifffile.imread(tmp_path / "x.dng"), np.rot90(image.mosaic, turns)
    assert again.shape == upright.shape == decode_jpeg((tmp_path / "x.rb.jpg").read_bytes()).shape[:2]
    unclipped = upright < 0.4 * image.white  # what white balance did not cut off
    assert unclipped.mean() > 0.2
    assert (np.abs(again.astype(int) - upright)[unclipped] <= 1).mean() > 0.95


def test_max_bytes(call, photo):
    sizes = {}
    for limit in (240, 270, 65000):
        ended = call("pack", photo, "-o", f"{limit}.jpg", "--method", "poly", "--max-bytes", str(limit))
        assert ended.code == 0, ended.err
        packed = photo.with_name(f"{limit}.jpg").read_bytes()
        found = json.loads(call("inspect", f"{limit}.jpg", "--json").out)
        exif = next(s.end - s.start for s in segments(packed) if s.marker == 0xE1)
        sizes[limit] = found["added_bytes"] + exif
        assert sizes[limit] <= limit
    assert sizes[240] < sizes[270] < sizes[65000]
    ended = call("pack", photo, "-o", "y.jpg", "--method", "poly", "--max-bytes", "20")
    assert ended.code == 2 and "bytes, more than 20" in ended.err
    assert not photo.with_name("y.jpg").exists()


@pytest.mark.parametrize(("method", "limit"), [("poly", 270), ("poly", 65000), ("residual", 1500), ("residual", 6000)])
def test_blocks_of_a_large_image_lead_to_the_same_point(call, tmp_path, monkeypatch, method, limit):
    """Where no rate in between is looked for; and with fewer trials."""
    from rawbench.codec import Codec
    from rawbench.photo import budget

    image = take_picture(scene(256, 384), find_camera("sony-slt-a57"), Shot(iso=800), np.random.default_rng(2))
    write_cfa_dng(tmp_path / "photo.dng", image)
    tried, pack_photo = [], budget.pack_photo
    monkeypatch.setattr(budget, "pack_photo", lambda *a: tried.append(a[3].name) or pack_photo(*a))
    monkeypatch.setattr(budget._Search, "at", _listed_alone)
    assert Codec.between(None, None, None, 0.5) is None
    command = ("pack", "photo.dng", "-o", "x.jpg", "--method", method, "--max-bytes", limit)
    small = call(*command).out
    before = len(tried)
    monkeypatch.setattr(budget, "_BLOCK", 32)
    assert call(*command).out == small
    assert method == "poly" or len(tried) - before <= before, tried


def _listed_alone(search, position):
    return (search.options, search.points[int(position)]) if int(position) == position else None


def test_a_saved_anew_jpeg_is_refused_unless_forced(call, photo):
    call("pack", photo, "-o", "x.rb.jpg", "--method", "poly", "--rate-point", "1")
    from rawbench.camera.carrier import extract, insert

    packed = photo.with_name("x.rb.jpg")
    edited = photo.with_name("edited.jpg")
    with Image.open(packed) as image:
        image.save(edited, quality=80)
    ended = call("unpack", "edited.jpg", "-o", "y.dng")
    assert ended.code == 4 and "edited.jpg: holds no rawbench metadata" in ended.err
    edited.write_bytes(insert(edited.read_bytes(), extract(packed.read_bytes())))
    ended = call("unpack", "edited.jpg", "-o", "y.dng")
    assert ended.code == 4 and "pixels were changed since they were packed; --force" in ended.err
    assert not photo.with_name("y.dng").exists()
    assert "changed since" in call("inspect", "edited.jpg").out
    ended = call("unpack", "edited.jpg", "-o", "y.dng", "--force")
    assert ended.code == 0 and "warning: edited.jpg: the pixels were changed" in ended.err
    assert linear(photo.with_name("y.dng")).shape == (96, 128, 3)
    assert call("unpack", "x.rb.jpg", "-o", "z.dng", "--force").err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("pack", "none.dng", "-o", "x.jpg"), 4, "none.dng: cannot be read"),
        (("pack", "photo.dng", "-o", "x.png"), 2, "x.png: the output is a .jpg"),
        (("pack", "photo.dng", "-o", "no/x.jpg"), 2, "there is no folder"),
        (("pack", "photo.dng", "-o", "x.jpg", "--rendition", "png"), 2, "the carrier is a JPEG"),
        (("pack", "photo.dng", "-o", "x.jpg", "--carrier", "none.jpg"), 4, "cannot read none.jpg"),
        (("pack", "photo.dng", "-o", "x.jpg", "--carrier", "photo.dng"), 4, "photo.dng: not a JPEG file"),
        (("pack", "photo.dng", "-o", "x.jpg", "--carrier", "small.jpg"), 4, "small.jpg: the sRGB has 20x20 pixels"),
        (("pack", "photo.dng", "-o", "x.jpg", "--carrier", "turned.jpg"), 4, "turned by 90 degrees"),
        (("pack", "photo.dng", "-o", "x.jpg", "--carrier", "other.jpg"), 4, "does not show the same picture"),
        (("pack", "photo.dng", "-o", "x.jpg", "--rate-point", "0", "--max-bytes", "9"), 2, "give either"),
        (("unpack", "small.jpg", "-o", "x.dng"), 4, "small.jpg: holds no rawbench metadata"),
        (("unpack", "photo.dng", "-o", "x.dng"), 4, "photo.dng: not a JPEG file"),
        (("unpack", "small.jpg", "-o", "x.gif"), 2, "x.gif: the output is .dng, .tif, .tiff, .npy"),
        (("unpack", "small.jpg", "-o", "x.npy", "--cfa"), 2, "--cfa writes a .dng"),
    ],
)
def test_bad_input(call, photo, arguments, code, line):
    Image.new("RGB", (20, 20)).save(photo.with_name("small.jpg"))
    upright = Image.fromarray(read_camera_file(photo).srgb8)
    upright.transpose(Image.Transpose.ROTATE_90).save(photo.with_name("turned.jpg"))
    upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(photo.with_name("other.jpg"))
    ended = call(*arguments)
    assert ended.code == code and line in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not photo.with_name("x.jpg").exists()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool (libimage-exiftool-perl) is not installed")
def test_exiftool_reads_both_without_a_warning(call, photo, method):
    call("pack", photo, "-o", "x.rb.jpg", "--method", method, "--rate-point", "2")
    call("unpack", "x.rb.jpg", "-o", "x.dng")
    command = ["exiftool", "-a", "-G", "x.rb.jpg", "x.dng"]
    told = subprocess.run(command, cwd=photo.parent, capture_output=True, text=True, check=True)
    assert "Warning" not in told.stdout + told.stderr
    assert told.stdout.count("SLT-A57") >= 2 and "simulated" in told.stdout


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.skipif(shutil.which("djpeg") is None, reason="djpeg (libjpeg-turbo-progs) is not installed")
def test_djpeg_sees_the_pixels_that_the_method_saw(call, photo, method):
    call("pack", photo, "-o", "x.rb.jpg", "--method", method, "--rate-point", "2")
    told = subprocess.run(["djpeg", "-outfile", "x.ppm", "x.rb.jpg"], cwd=photo.parent, capture_output=True, check=True)
    assert not told.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Image.open(photo.with_name("x.ppm")) as seen, Image.open(photo.with_name("x.rb.jpg")) as packed:
            assert np.array_equal(np.asarray(seen), np.asarray(packed))
            assert np.array_equal(np.asarray(seen), decode_jpeg(photo.with_name("x.rb.jpg").read_bytes()))
