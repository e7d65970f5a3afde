"""Frames to train on from a prepared dataset: which images, and what they hold."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from rawbench.datasets.extract import choose_images, write_training_frames
from rawbench.datasets.nus import NusDataset
from rawbench.errors import SampleError, UsageError
from rawbench.options import build_options
from rawbench.training.frames import Frames


def prepared(source, root, **options) -> NusDataset:
    opened = NusDataset(build_options(NusDataset.Options, {"root": str(root), **options}, "dataset nus"))
    opened.prepare(source, root)
    return opened


def nothing(done: int, total: int) -> None:
    pass


def test_frames_are_the_images_of_their_splits(nus_tree, tmp_path):
    dataset = prepared(nus_tree, tmp_path / "root")
    assert write_training_frames(dataset, tmp_path / "frames", nothing) == {"train": 4, "validation": 2, "left out": 0}
    for split in ("train", "validation"):
        frames = Frames(tmp_path / "frames", split)
        assert [row["note"] for row in frames.rows] == dataset.ids(split)
        for number, id in enumerate(dataset.ids(split)):
            sample = dataset.load(id)
            raw = frames[number].raw.astype(np.float32) / np.float32(65535)
            assert torch.equal(torch.from_numpy(raw).permute(2, 0, 1), sample.raw)
            assert torch.equal(torch.from_numpy(frames[number].srgb.copy()).permute(2, 0, 1), sample.srgb)


def test_a_scene_that_is_tested_on_another_camera_is_left_out(nus_tree, tmp_path):
    for kind in ("raw", "sRGB"):
        folder = nus_tree / "SonyA57" / "train" / kind
        (folder / "SonyA57_0002.tif").rename(folder / "SonyA57_0004b.tif")
        (folder / "SonyA57_0001.tif").rename(folder / "SonyA57_0003b.tif")
    (nus_tree / "SonyA57" / "test" / "raw" / "SonyA57_0004.tif").rename(nus_tree / "SonyA57/test/raw/SonyA57_0009.tif")
    dataset = prepared(nus_tree, tmp_path / "root")
    tested, chosen = choose_images(dataset)
    assert tested == {"scene 4", "scene 9"}
    assert chosen["train"] == [f"SamsungNX2000/train/SamsungNX2000_000{n}" for n in (1, 2)]
    # Scene 4 is Samsung's test image, scene 3 is validated on with both; Sony alone has scene 4 to train on.
    _, alone = choose_images(prepared(nus_tree, tmp_path / "root", camera="sony"))
    assert alone["train"] == ["SonyA57/train/SonyA57_0004b"]
    counts = write_training_frames(dataset, tmp_path / "frames", nothing)
    assert counts == {"train": 2, "validation": 2, "left out": 2}


def test_training_refuses_a_frame_of_a_tested_scene(nus_tree, tmp_path):
    write_training_frames(prepared(nus_tree, tmp_path / "root"), tmp_path / "frames", nothing)
    manifest = tmp_path / "frames" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("train,scene 1", "train,scene 4"))
    with pytest.raises(SampleError, match="scene 4 is excluded from training"):
        Frames(tmp_path / "frames", "train")


def test_original_camera_files(nus_camera_files, tmp_path):
    dataset = prepared(nus_camera_files, tmp_path / "root")
    write_training_frames(dataset, tmp_path / "frames", nothing)
    scenes = {
        split: {row["scene"] for row in Frames(tmp_path / "frames", split).rows} for split in ("train", "validation")
    }
    tested = {dataset.scene_of(id) for id in dataset.ids("test")}
    assert len(scenes["train"] | scenes["validation"] | tested) == 8
    assert sum(map(len, (*scenes.values(), tested))) == 8


def test_what_cannot_be_written(nus_tree, tmp_path):
    dataset = prepared(nus_tree, tmp_path / "root")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(UsageError, match="not empty"):
        write_training_frames(dataset, tmp_path / "full", nothing)
    shutil.rmtree(nus_tree / "SonyA57" / "train")
    shutil.rmtree(nus_tree / "SamsungNX2000" / "train")
    with pytest.raises(SampleError, match="no image to train on"):
        write_training_frames(prepared(nus_tree, tmp_path / "root"), tmp_path / "frames", nothing)
