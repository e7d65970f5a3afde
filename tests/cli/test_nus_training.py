"""From a `nus` tree to a figure of a method that was trained on it: prepare, verify, extract, train, run."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from rawbench.simulate.cameras import find_camera
from rawbench.simulate.scenes import scene_view
from rawbench.simulate.sensor import Shot, take_picture
from rawbench.training.frames import Frames
from tests.datasets.conftest import read, sixteen_bits
from tests.panoramas import make_panorama

SIZE = (80, 112)
SPLITS = {"train": (1, 2, 3), "val": (4,), "test": (5, 6)}
CONFIG = """\
[task]
crop = 32
[task.architecture]
width = 8
exact_width = 16
phi = 8
context = 8
embedding = 4
base = 3
[data]
frames = "frames"
patch = 64
batch = 2
validation_batches = 1
[fit]
steps = 4
validate_every = 2
log_every = 2
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Six scenes by two cameras in the prepared layout."""
    root = tmp_path_factory.mktemp("nus")
    for folder, name in (("SonyA57", "sony-slt-a57"), ("OlympusEPL6", "olympus-e-pl6")):
        for split, numbers in SPLITS.items():
            for kind in ("raw", "sRGB"):
                (root / "tree" / folder / split / kind).mkdir(parents=True)
            for number in numbers:
                light = scene_view(make_panorama(number), 40.0 * number, 0.0, 80.0, *SIZE)
                shot = take_picture(light, find_camera(name), Shot(), np.random.default_rng(number))
                picture = read(root, shot)
                file = f"{folder}_{number:04d}.tif"
                tifffile.imwrite(root / "tree" / folder / split / "raw" / file, picture.raw16)
                tifffile.imwrite(root / "tree" / folder / split / "sRGB" / file, sixteen_bits(picture.srgb8))
    return root / "tree"


def test_from_the_tree_to_a_figure(call, tree, tmp_path):
    assert call("datasets", "prepare", "nus", "--from", tree, "--root", "r").code == 0
    assert call("datasets", "verify", "nus", "--root", "r").out == "dataset nus: all is well\n"

    # What training never opens need not be there.
    away = {camera: tmp_path / f"away-{camera}" for camera in ("SonyA57", "OlympusEPL6")}
    for camera, place in away.items():
        shutil.move(tree / camera / "test", place)
    ended = call("datasets", "extract", "nus", "--root", "r", "--out", "frames")
    assert ended.out.endswith("manifest.csv: 6 train, 2 validation, 0 left out\n"), ended.err
    (tmp_path / "config.toml").write_text(CONFIG)
    ended = call("train", "learned", "--config", "config.toml", "--out", "trained")
    assert ended.code == 0 and "4 steps in" in ended.out, ended.err
    for camera, place in away.items():
        shutil.move(place, tree / camera / "test")

    splits = ("train", "validation")
    frames = {split: Frames(tmp_path / "frames", split) for split in splits}
    entries = json.loads((tmp_path / "r" / "manifest.json").read_text())["entries"]
    trained = {row["note"] for split in splits for row in frames[split].rows}
    assert trained == {entry["id"] for entry in entries if entry["split"] != "test"}
    tested = [tifffile.imread(tree / e["raw"]["path"]) for e in entries if e["split"] == "test"]
    assert len(tested) == 4
    for split in splits:
        for number in range(len(frames[split])):
            assert not any(np.array_equal(frames[split][number].raw, raw) for raw in tested)

    methods = "learned:weights=trained/weights.safetensors,poly"
    ended = call(
        "run", "--methods", methods, "--dataset", f"nus:root={tmp_path}/r", "--metrics", "psnr", "--out", "measured"
    )
    assert ended.code == 0, ended.err
    assert call("export", "measured", "rows.json").code == 0
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert {row["image"] for row in rows} == {entry["id"] for entry in entries if entry["split"] == "test"}
    figures = [row["value"] for row in rows if row["metric"] == "psnr" and row["method"].startswith("learned")]
    assert len(figures) >= 4 * 8 and min(figures) > 10


def test_there_must_be_a_training_split(call, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    ended = call("datasets", "extract", "folder:root=.", "--out", "frames")
    assert ended.code == 2 and "dataset folder: has no training split" in ended.err
    ended = call("datasets", "extract", "nus", "--root", "none", "--out", "frames")
    assert ended.code == 4 and "rawbench datasets prepare nus" in ended.err
