"""``rawbench datasets simulate`` and ``frames``: from scene-linear light to camera files and training frames."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from rawbench.camera.read import read_camera_info

imagecodecs = pytest.importorskip("imagecodecs")


@pytest.fixture
def scenes(tmp_path):
    """Three small scenes, as Radiance files."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    for number in range(3):
        random = np.random.default_rng(number)
        light = np.kron(random.random((12, 16, 3)) ** 3, np.ones((8, 8, 1))).astype(np.float32)
        rgbe = to_rgbe(light)
        head = f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {light.shape[0]} +X {light.shape[1]}\n".encode()
        (folder / f"scene{number}.hdr").write_bytes(head + rgbe.tobytes())
    return folder


def to_rgbe(light: np.ndarray) -> np.ndarray:
    exponent = np.frexp(light.max(axis=2))[1]
    mantissas = np.floor(light / np.exp2(exponent - 8.0)[..., None]).clip(0, 255)
    return np.concatenate([mantissas, (exponent + 128)[..., None]], axis=2).astype(np.uint8)


def test_simulate_writes_camera_files(call, scenes, tmp_path):
    ended = call("datasets", "simulate", scenes, "--camera", "olympus-e-pl6", "--out", "dng")
    assert ended.code == 0, ended.err
    written = sorted((tmp_path / "dng").glob("*.dng"))
    assert len(written) == 3
    info = read_camera_info(written[0])
    assert info.simulated and "E-PL6" in info.camera


def test_frames_are_split_by_scene_and_say_what_is_left_out(call, scenes, tmp_path):
    ended = call(
        "datasets", "frames", scenes, "--count", "2", "--validation-count", "1", "--validation-scenes", "scene1.hdr",
        "--leave-out", "scene2.hdr=a test scene", "--out", "frames",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "manifest.csv: 2 train, 1 validation, 1 left out" in ended.out
    rows = list(csv.DictReader((tmp_path / "frames/manifest.csv").open()))
    assert {(row["split"], row["scene"]) for row in rows} == {
        ("train", "scene0.hdr"), ("validation", "scene1.hdr"), ("excluded", "scene2.hdr"),
    }  # fmt: skip
    assert "a test scene" in next(row["note"] for row in rows if row["split"] == "excluded")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("simulate", "scenes", "--out", "dng"), "give either --camera or --recipe"),
        (("simulate", "scenes", "--camera", "nikon", "--out", "dng"), "nikon"),
        (("simulate", "nothing", "--camera", "olympus-e-pl6", "--out", "dng"), "nothing"),
    ],
)
def test_bad_input(call, scenes, arguments, line):
    ended = call("datasets", *arguments)
    assert ended.code in (2, 4) and line in ended.err and len(ended.err.strip().splitlines()) == 1


@pytest.mark.parametrize("counts", [("--count", "0"), ("--count", "1", "--validation-count", "-1")])
def test_counts_of_frames_are_counts(call, scenes, counts):
    ended = call("datasets", "frames", scenes, *counts, "--out", "frames")
    assert ended.code == 2 and "is not in the range" in ended.err
