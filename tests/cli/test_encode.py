"""``rawbench encode``, ``decode`` and ``inspect`` on camera files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from rawbench.simulate.cameras import find_camera
from rawbench.simulate.cfa_dng import write_cfa_dng
from rawbench.simulate.sensor import Shot, take_picture


@pytest.fixture
def photo(tmp_path) -> Path:
    random = np.random.default_rng(1)
    scene = np.cumsum(random.random((48, 64, 3)), axis=1) / 40
    path = tmp_path / "photo.dng"
    write_cfa_dng(path, take_picture(scene, find_camera("sony-slt-a57"), Shot(), random))
    return path


def test_two_processes_bring_the_raw_back(photo, tiny_plugin):
    def rawbench(*arguments: str) -> str:
        command = [sys.executable, "-m", "rawbench", "--plugin", tiny_plugin, *arguments]
        done = subprocess.run(command, cwd=photo.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    rawbench("encode", "mean", "photo.dng", "-o", "photo.rbs", "--rate-point", "bytes=2")
    rawbench("decode", "photo.rbs", "--srgb", "photo.dng", "-o", "photo.npy")
    rawbench("decode", "photo.rbs", "--srgb", "photo.dng", "-o", "photo.tiff")
    raw = np.load(photo.with_suffix(".npy"), allow_pickle=False)
    assert raw.dtype == np.float32 and raw.shape == (3, 48, 64) and raw.min() >= 0 and raw.max() <= 1
    pixels = tifffile.imread(photo.with_suffix(".tiff"))
    assert pixels.dtype == np.uint16
    assert np.abs(pixels / 65535 - raw.transpose(1, 2, 0)).max() <= 0.5 / 65535 + 1e-6


@pytest.mark.parametrize("name", ["given.png", "given.jpg"])
def test_a_given_srgb_is_what_the_decoder_needs(call, photo, name):
    from rawbench.camera.read import read_camera_file

    Image.fromarray(read_camera_file(photo).srgb8).save(photo.with_name(name))
    assert call("encode", "mean", photo, "--srgb", name, "-o", "x.rbs", "--rate-point", "0").code == 0
    assert call("decode", "x.rbs", "--srgb", name, "-o", "x.npy").code == 0
    if name.endswith("jpg"):
        ended = call("decode", "x.rbs", "--srgb", photo, "-o", "y.npy")
        assert ended.code == 4 and "x.rbs: the stream was written for another sRGB image" in ended.err
        assert not (photo.parent / "y.npy").exists()


def test_16_bits_of_srgb_from_a_file_or_the_photo(call, photo):
    from rawbench.camera.read import read_camera_file

    tifffile.imwrite(photo.with_name("deep.tif"), read_camera_file(photo, srgb_bits=16).srgb(16), photometric="rgb")
    Image.fromarray(read_camera_file(photo).srgb8).save(photo.with_name("plain.png"))
    encode = ("encode", "deep", photo, "-o", "x.rbs", "--rate-point", "0", "--rendition", "png16")
    assert call(*encode).code == 0
    first = photo.with_name("x.rbs").read_bytes()
    assert call(*encode, "--srgb", "deep.tif").code == 0
    assert photo.with_name("x.rbs").read_bytes() == first
    assert json.loads(call("inspect", "x.rbs", "--json").out)["srgb_bits"] == 16
    decode = ("decode", "x.rbs", "-o", "x.npy", "--srgb")
    for srgb in (photo, "deep.tif"):
        assert call(*decode, srgb, "--rendition", "png16").code == 0
    for srgb in (photo, "plain.png"):
        ended = call(*decode, srgb)
        assert ended.code == 4 and "x.rbs: the stream is for an sRGB of 16 bits (rendition png16)" in ended.err
    ended = call(*decode, "plain.png", "--rendition", "png16")
    assert ended.code == 4 and "plain.png: an sRGB of uint8; rendition png16 needs 16 bits" in ended.err
    ended = call("encode", "mean", photo, "-o", "y.rbs", "--rate-point", "0", "--rendition", "png16")
    assert ended.code == 2 and "mean takes an sRGB of 8 bits; this one has 16" in ended.err


def test_inspect(call, photo):
    call("encode", "mean", photo, "-o", "x.rbs", "--rate-point", "0")
    found = json.loads(call("inspect", "x.rbs", "--json").out)
    assert (found["method"], found["width"], found["height"], found["payload_bytes"]) == ("mean", 64, 48, 3)
    assert found["file_bytes"] == (photo.parent / "x.rbs").stat().st_size
    foreign = call("inspect", "x.rbs", plugin=None)
    assert foreign.code == 0 and "not installed here" in foreign.out


def test_damage_is_one_line(call, photo):
    call("encode", "mean", photo, "-o", "x.rbs", "--rate-point", "0")
    whole = (photo.parent / "x.rbs").read_bytes()
    for name, data, cause in [
        ("cut", whole[:-1], "is cut or damaged"),
        ("flipped", whole[:-1] + bytes([whole[-1] ^ 1]), "is cut or damaged"),
        ("empty", b"", "is empty"),
        ("text", b"hello, this is no stream", "not a rawbench stream"),
    ]:
        (photo.parent / f"{name}.rbs").write_bytes(data)
        ended = call("decode", f"{name}.rbs", "--srgb", photo, "-o", "y.npy")
        assert ended.code == 4, name
        assert f"{name}.rbs: " in ended.err and cause in ended.err and len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (
            ("encode", "mean", "photo.dng", "-o", "x.rbs"),
            2,
            "method mean: a rate point (--rate-point) is needed; there are 0 (bytes=1)",
        ),
        (("encode", "mean", "none.dng", "-o", "x.rbs", "--rate-point", "0"), 4, "none.dng: cannot be read"),
        (("encode", "mean", "photo.dng", "-o", "no/x.rbs", "--rate-point", "0"), 2, "no/x.rbs: there is no folder"),
        (("encode", "mean", "photo.dng", "-o", "x.rbs", "--rate-point", "7"), 2, "no rate point '7'"),
        (("encode", "mean", "photo.dng", "-o", "x.rbs", "--rate-point", "0", "--srgb", "none.png"), 4, "none.png: "),
        (
            ("encode", "mean", "photo.dng", "-o", "x.rbs", "--rate-point", "0", "--srgb", "small.png"),
            4,
            "small.png: the",
        ),
        (("encode", "mean", "photo.dng", "-o", "x.rbs", "--rate-point", "0", "--rendition", "gif"), 2, "'gif'"),
        (("decode", "none.rbs", "--srgb", "photo.dng", "-o", "x.npy"), 4, "cannot read none.rbs: No such file"),
        (("decode", "none.rbs", "--srgb", "photo.dng", "-o", "x.png"), 2, "x.png: the output is .npy, .tif, .tiff"),
        (("inspect", "photo.dng"), 4, "photo.dng: not a rawbench stream"),
    ],
)
def test_bad_input(call, photo, arguments, code, line):
    Image.new("RGB", (10, 10)).save(photo.with_name("small.png"))
    ended = call(*arguments)
    assert ended.code == code and line in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not (photo.parent / "x.rbs").exists()


def test_the_decoder_takes_no_options(call, photo):
    call("encode", "mean:gain=2", photo, "-o", "x.rbs", "--rate-point", "0")
    ended = call("decode", "x.rbs", "--srgb", photo, "-o", "x.npy", "--option", "gain=2")
    assert ended.code == 2 and "the decoder of mean finds what it needs in the stream" in ended.err


def test_coding_with_learned_imports_nothing_of_its_training(photo):
    command = [sys.executable, "-m", "rawbench", "encode", "learned", "photo.dng", "-o", "x.rbs", "--rate-point", "0"]
    timed = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}  # as -X importtime, and of processes that it starts too
    done = subprocess.run(command, cwd=photo.parent, capture_output=True, text=True, env=timed)
    assert done.returncode == 0, done.stderr[-500:]
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "torch" in imported and "rawbench_learned.rate" in imported
    assert not {name for name in imported if name.partition(".")[0] in ("compressai", "torch_geometric", "kornia")}
