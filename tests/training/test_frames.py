from __future__ import annotations

import numpy as np
import pytest

from rawbench.errors import SampleError
from rawbench.training.frames import Frames

from .tiny import SIZE, frame, read_manifest, write_frames, write_manifest


def test_a_split_holds_its_own_frames_and_no_others(frames_folder):
    frames = Frames(frames_folder, "validation")
    assert len(frames) == 3
    assert {row["scene"] for row in frames.rows} == {f"validation-{n}.hdr" for n in range(3)}
    assert frames.smallest_side == min(SIZE)
    raw, srgb = frame(1)
    assert np.array_equal(frames[1].raw, raw) and np.array_equal(frames[1].srgb, srgb)
    assert not frames[1].raw.flags.writeable


def change(folder, edit) -> None:
    rows = read_manifest(folder)
    edit(rows)
    write_manifest(folder, rows)


def test_a_frame_of_another_split_is_refused(own_frames):
    change(own_frames, lambda rows: rows[4].update(split="test"))
    for split in ("train", "validation"):
        with pytest.raises(SampleError, match="line 6: split 'test' has no place"):
            Frames(own_frames, split)


def test_a_file_that_the_manifest_gives_to_another_split_is_refused(own_frames):
    change(own_frames, lambda rows: rows.pop(0))
    with pytest.raises(SampleError, match="raw_00000.npy: the manifest does not list it as train"):
        Frames(own_frames, "train")


def test_a_scene_in_both_splits_is_refused(own_frames):
    change(own_frames, lambda rows: rows[5].update(scene="Train-0.exr"))
    with pytest.raises(SampleError, match="scene Train-0.exr is in both splits"):
        Frames(own_frames, "train")


def test_scenes_that_the_manifest_excludes_are_no_frames_and_must_have_none(own_frames):
    rows = read_manifest(own_frames)
    write_manifest(own_frames, [{"frame": "", "split": "excluded", "scene": "sunset.hdr"}, *rows])
    assert len(Frames(own_frames, "train")) == 3
    write_manifest(own_frames, [*rows, {"frame": "", "split": "excluded", "scene": "train-1.hdr"}])
    with pytest.raises(SampleError, match="scene train-1.hdr is excluded"):
        Frames(own_frames, "train")


def test_scenes_that_the_configuration_excludes(own_frames):
    with pytest.raises(SampleError, match="scene validation-2.hdr is excluded"):
        Frames(own_frames, "train", ["Validation-2"])


def test_a_split_without_frames(own_frames):
    change(own_frames, lambda rows: rows.__delitem__(slice(3, 6)))
    with pytest.raises(SampleError, match="lists no frame of the split validation"):
        Frames(own_frames, "validation")


@pytest.mark.parametrize("column", ["split", "scene", "frame"])
def test_a_row_without_a_needed_column(own_frames, column):
    change(own_frames, lambda rows: rows[0].update({column: ""}))
    with pytest.raises(SampleError, match="line 2: needs split, scene and frame"):
        Frames(own_frames, "train")


def test_no_manifest(tmp_path):
    with pytest.raises(SampleError, match="manifest.csv: cannot be read"):
        Frames(tmp_path, "train")


def test_a_frame_that_is_not_the_listed_one(own_frames):
    path = own_frames / "train" / "srgb_00001.npy"
    np.save(path, np.load(path) ^ 1)
    frames = Frames(own_frames, "train")
    assert frames[0].raw.shape == (*SIZE, 3)
    with pytest.raises(SampleError, match="srgb_00001.npy: is not the frame that the manifest lists"):
        frames[1]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((*SIZE, 3), np.float32), "not an array of uint16"),
        (np.zeros(SIZE, np.uint16), "not an array of uint16"),
        (np.zeros((*SIZE[::-1], 3), np.uint16), "its raw is"),
        (np.array([{}], object), "cannot be opened"),
        (None, "cannot be opened"),
    ],
)
def test_files_that_are_no_frames(own_frames, array, words):
    path = own_frames / "train" / "raw_00002.npy"
    path.unlink()
    if array is not None:
        np.save(path, array, allow_pickle=True)
    with pytest.raises(SampleError, match=words):
        Frames(own_frames, "train")


def test_a_developed_rendition_is_checked_as_the_others(tmp_path):
    write_frames(tmp_path, developed=True)
    frames = Frames(tmp_path, "train")
    assert frames.all_developed and np.array_equal(frames[0].developed, 255 - frames[0].srgb)
    path = tmp_path / "train" / "developed_00001.npy"
    np.save(path, np.load(path) ^ 1)
    with pytest.raises(SampleError, match="developed_00001.npy: is not the frame that the manifest lists"):
        Frames(tmp_path, "train")[1]
    path.unlink()
    with pytest.raises(SampleError, match="developed_00001.npy"):
        Frames(tmp_path, "train")
