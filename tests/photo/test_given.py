"""The image beside a raw: one reader and one fit for pack, encode, runs, pairs and verify."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.camera_files import LONG, frame, jpeg, linear, psnr, rendered, write_dng


@pytest.fixture
def folder(tmp_path, photo):
    (tmp_path / "d").mkdir()
    return photo.rename(tmp_path / "d" / "a.dng")


def ways(call, photo, image):
    """Every way in which the image meets its raw: name -> how it ended."""
    jpg = image.suffix == ".jpg"
    ended = {
        "encode": call("encode", "poly", photo, "--srgb", image, "-o", "x.rbs", "--rate-point", "3"),
        "verify": call("datasets", "verify", "folder:root=d:rendition=given", "--root", "none"),
    }  # fmt: skip
    if jpg:
        ended["pack"] = call(
            "pack", photo, "--carrier", image, "-o", "x.rb.jpg", "--method", "poly", "--rate-point", "3"
        )
    return ended


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[274] = orientation
    return found


def test_a_jpeg_on_its_side_and_with_a_border_is_read_by_all(call, folder):
    pixels = rendered(folder)[5:-4, 3:-2]
    image = folder.with_suffix(".jpg")
    image.write_bytes(jpeg(np.rot90(pixels), exif=exif(6)))
    for name, ended in ways(call, folder, image).items():
        assert ended.code == 0, (name, ended.err)
    assert call("decode", "x.rbs", "--srgb", image, "-o", "x.npy").code == 0
    raw = np.load("x.npy").transpose(1, 2, 0)
    assert psnr(raw, linear(folder)[5:-4, 3:-2]) > 30
    assert call("unpack", "x.rb.jpg", "-o", "y.npy").code == 0
    assert psnr(np.load("y.npy").transpose(1, 2, 0), linear(folder)[5:-4, 3:-2]) > 30


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_other_images_say_their_orientation_too(call, folder, suffix):
    image, pixels = folder.with_suffix(suffix), np.ascontiguousarray(np.rot90(rendered(folder)))
    if suffix == ".tif":
        tifffile.imwrite(image, pixels, photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    else:
        Image.fromarray(pixels).save(image, exif=exif(6))
    for name, ended in ways(call, folder, image).items():
        assert ended.code == 0, (name, ended.err)


@pytest.mark.parametrize("kind", ["another picture", "upside down", "smaller"])
def test_what_does_not_fit_is_refused_by_all(call, folder, tmp_path, kind):
    pixels = {
        "another picture": lambda: rendered(write_dng(tmp_path / "other.dng", frame(seed=5))),
        "upside down": lambda: rendered(folder)[::-1, ::-1],
        "smaller": lambda: rendered(folder)[:40, :50],
    }[kind]()
    said = {"another picture": "does not show the same picture", "upside down": "turned by 180", "smaller": "50x40"}
    image = folder.with_suffix(".jpg")
    image.write_bytes(jpeg(pixels))
    for name, ended in ways(call, folder, image).items():
        assert ended.code == 4 and said[kind] in ended.err + ended.out, (name, ended.err)


@pytest.mark.parametrize("place", [(24, 18), (17, 9)])
def test_the_raw_is_cut_where_the_jpeg_lies(call, tmp_path, place):
    """At the camera's margins, and at another place that fits better."""
    image = frame(160, 192)
    change = {50719: (LONG, 2, (24, 18)), 50720: (LONG, 2, (160, 136))}
    photo = write_dng(tmp_path / "a.dng", image, change)
    left, top = place
    carrier = tmp_path / "a.jpg"
    carrier.write_bytes(jpeg(rendered(photo)[top : top + 136, left : left + 160]))
    ended = call("pack", photo, "--carrier", carrier, "-o", "x.rb.jpg", "--rate-point", "lossless")
    assert ended.code == 0 and f"{top} rows and {left} columns in" in ended.out, ended.out + ended.err
    assert call("unpack", "x.rb.jpg", "-o", "x.npy").code == 0
    wanted = linear(photo)[top : top + 136, left : left + 160]
    assert psnr(np.load("x.npy").transpose(1, 2, 0), wanted) > 120
    assert call("unpack", "x.rb.jpg", "-o", "x.dng", "--cfa").code == 0
    mosaic = tifffile.imread(tmp_path / "x.dng").astype(int)
    seen = image.mosaic[top : top + 136, left : left + 160].astype(int)
    unclipped = seen < 0.4 * image.white
    assert (np.abs(mosaic - seen)[unclipped] <= 1).mean() > 0.95


def test_another_lens_correction_is_warned_of(call, packed, photo):
    bent = rendered(photo)
    bent = np.stack([np.roll(row, round(4 * np.sin(number / 9)), 0) for number, row in enumerate(bent)])
    carrier = photo.with_name("bent.jpg")
    carrier.write_bytes(jpeg(bent))
    ended = packed(photo, "--carrier", carrier)
    assert ended.code == 0 and "warning" in ended.err and "fit by 0." in ended.err


def test_pairs_of_few_bits_are_told(call, tmp_path):
    for name in ("raw", "sRGB"):
        (tmp_path / "d" / name).mkdir(parents=True)
    photo = write_dng(tmp_path / "a.dng")
    raw12 = np.rint(linear(photo) * 4095).astype(np.uint16)
    tifffile.imwrite(tmp_path / "d" / "raw" / "a.tif", raw12, photometric="rgb")
    (tmp_path / "d" / "sRGB" / "a.png").write_bytes(imagecodecs.png_encode(rendered(photo)))
    told = call("datasets", "verify", "folder:root=d", "--root", "none").out
    assert "12 bits of 16 are used" in told and "white=4095" in told
    assert call("datasets", "verify", "folder:root=d:white=65535", "--root", "none").code == 0
    assert call("datasets", "verify", "folder:root=d:white=4095", "--root", "none").code == 0
