"""Many photographs at once: one that fails takes no other with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import imagecodecs
import numpy as np
import pytest
import tifffile

from rawbench.camera.read import read_camera_file
from rawbench.simulate.cfa_dng import _tags
from tests.camera_files import frame, jpeg, linear, psnr, rendered, write_dng

POLY = ("--method", "poly", "--rate-point", "0")


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "d" / "inner").mkdir(parents=True)
    return [write_dng(tmp_path / "d" / name, frame(seed=seed)) for seed, name in enumerate(("a.dng", "inner/b.DNG"))]


def test_a_folder_is_packed_side_by_side(call, photos, tmp_path):
    (tmp_path / "d" / "cut.dng").write_bytes(photos[0].read_bytes()[:3000])
    (tmp_path / "d" / "._a.dng").write_bytes(b"\0\5\x16\7" + bytes(99))
    ended = call("pack", "d", "--out", "packed", "-j", "2", *POLY)
    assert ended.code == 4 and ended.out.count("the raw comes back") == 2
    lines = ended.err.strip().splitlines()
    assert "cut.dng: " in lines[-2] and lines[-1] == "rawbench: 1 of 3 photographs were not packed"
    assert sorted(path.name for path in (tmp_path / "packed").iterdir()) == ["a.rb.jpg", "b.rb.jpg"]
    for photo, name in zip(photos, "ab", strict=True):
        assert call("unpack", f"packed/{name}.rb.jpg", "-o", "x.npy").code == 0
        assert psnr(np.load(tmp_path / "x.npy").transpose(1, 2, 0), linear(photo)) > 30


def test_each_photograph_finds_the_jpeg_of_its_name(call, photos, tmp_path):
    (tmp_path / "jpegs").mkdir()
    for photo in photos:
        (tmp_path / "jpegs" / f"{photo.stem}.JPG").write_bytes(jpeg(rendered(photo)))
    command = ("pack", *photos, "--out", "packed", "--carrier", "jpegs", *POLY)
    ended = call(*command)
    assert ended.code == 0 and ended.out.count("raw and JPEG fit by") == 2
    (tmp_path / "jpegs" / "b.JPG").unlink()
    ended = call(*command)
    assert ended.code == 4 and "holds no JPEG of the name b" in ended.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("pack", "d/a.dng", "d/inner/b.DNG", "-o", "x.jpg"), "is for one photograph, there are 2"),
        (("pack", "d/a.dng", "-o", "x.jpg", "--out", "packed"), "give either -o"),
        (("pack", "d/a.dng"), "give either -o"),
        (("pack", "d/a.dng", "d/inner/a.dng", "--out", "packed"), "would both become"),
        (("pack", "d/a.dng", "d/inner/b.DNG", "--out", "packed", "--carrier", "one.jpg"), "one JPEG for 2 photographs"),
    ],
)
def test_what_cannot_be_meant_is_refused(call, photos, tmp_path, arguments, line):
    shutil.copy(photos[0], tmp_path / "d" / "inner" / "a.dng")
    ended = call(*arguments)
    assert ended.code == 2 and line in ended.err


def test_names_that_are_no_utf_8(call, photos, tmp_path):
    odd = photos[0].with_name(b"caf\xe9.dng".decode("utf-8", "surrogateescape"))
    photos[0].rename(odd)
    ended = call("pack", odd, "-o", "x.rb.jpg", *POLY)
    assert ended.code == 0, ended.err
    # With outputs of its own, as a shell gives them: the name is shown, whatever the outputs' encoding is.
    command = [sys.executable, "-m", "rawbench", "pack", "d", "--out", "packed", *POLY]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0 and "Traceback" not in ran.stderr and "packed/caf\\udce9.rb.jpg: poly" in ran.stdout


@pytest.mark.parametrize("tiled", [False, True])
def test_a_compressed_camera_file_goes_the_same_way(call, tmp_path, tiled):
    """Lossless JPEG, as DNG converters write it: in one strip, or in tiles of two columns side by side."""
    image = frame(96, 128)
    path, plain = tmp_path / "a.dng", write_dng(tmp_path / "plain.dng", image)
    tiles = [image.mosaic[:, :64], image.mosaic[:, 64:]] if tiled else [image.mosaic]
    coded = [imagecodecs.ljpeg_encode(np.ascontiguousarray(tile), bitspersample=16) for tile in tiles]
    place = {"tile": (96, 64)} if tiled else {"rowsperstrip": 96}
    tifffile.imwrite(path, iter(coded), shape=(96, 128), dtype="uint16", compression=7, photometric=32803,
                     metadata=None, byteorder="<", extratags=_tags(image), **place)  # fmt: skip
    assert np.array_equal(read_camera_file(path).raw16, read_camera_file(plain).raw16)
    ended = call("pack", path, "-o", "x.rb.jpg", "--rate-point", "lossless")
    assert ended.code == 0 and "the raw comes back exactly" in ended.out
    assert call("unpack", "x.rb.jpg", "-o", "x.dng", "--cfa").code == 0
    assert psnr(linear(tmp_path / "x.dng"), linear(path)) > 60


def test_verification_may_be_left_out_and_says_what_it_found(call, photos):
    quiet = call("pack", photos[0], "-o", "x.rb.jpg", "--no-verify", *POLY)
    assert quiet.code == 0 and "comes back" not in quiet.out
    told = call("pack", photos[0], "-o", "x.rb.jpg", *POLY).out
    assert "the raw comes back with PSNR" in told and "edited by +2 EV" in told
    assert json.loads(call("inspect", "x.rb.jpg", "--json").out)["pixels"] == "unchanged"


def test_a_decoder_that_fails_keeps_the_file_from_being_written(call, photos, tmp_path, monkeypatch):
    from rawbench_parametric.poly import Poly

    def broken(self, payload, srgb):
        raise ValueError("nonsense")

    monkeypatch.setattr(Poly, "decode", broken)
    ended = call("pack", photos[0], "-o", "x.rb.jpg", *POLY)
    assert ended.code == 4 and "ValueError: nonsense" in ended.err and "Traceback" not in ended.err
    assert not (tmp_path / "x.rb.jpg").exists()
