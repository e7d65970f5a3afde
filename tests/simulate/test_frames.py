from __future__ import annotations

import csv
import hashlib

import imagecodecs
import numpy as np
import pytest

from rawbench.errors import UsageError
from rawbench.executors.process import Process
from rawbench.simulate.frames import (
    SAME_SCENE_CORRELATION,
    scene_correlation,
    scene_signature,
    simulate_training_frames,
)
from tests.panoramas import make_panorama


def rows_of(manifest):
    with manifest.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_scene_is_recognised_turned_mirrored_and_developed_otherwise():
    scene = make_panorama(0, 256)
    signature = scene_signature(scene)
    turned = np.roll(scene, 131, axis=1)
    for other in (turned, turned[:, ::-1], 7 * scene, scene[::2, ::2], np.round(scene, 2)):
        assert scene_correlation(signature, scene_signature(other)) > 0.9


def test_other_scenes_are_not_taken_for_the_same():
    signatures = [scene_signature(make_panorama(seed, 256)) for seed in range(6)]
    values = [scene_correlation(a, b) for i, a in enumerate(signatures) for b in signatures[:i]]
    assert max(values) < SAME_SCENE_CORRELATION


def test_frames_are_written_split_by_scene_and_listed(scenes, tmp_path):
    out = tmp_path / "frames"
    manifest = simulate_training_frames(scenes, out, 4, size=(48, 64), seed=2, validation_count=2, validation_scenes=1)
    rows = rows_of(manifest)
    assert [row["split"] for row in rows] == ["train"] * 4 + ["validation"] * 2
    splits = {split: {row["scene"] for row in rows if row["split"] == split} for split in ("train", "validation")}
    assert len(splits["train"]) == 3 and len(splits["validation"]) == 1
    assert not splits["train"] & splits["validation"]
    for row in rows:
        raw, srgb = (np.load(out / row["split"] / f"{kind}_{int(row['frame']):05d}.npy") for kind in ("raw", "srgb"))
        assert raw.shape == srgb.shape == (48, 64, 3) and (raw.dtype, srgb.dtype) == (np.uint16, np.uint8)
        developed = np.load(out / row["split"] / f"developed_{int(row['frame']):05d}.npy")
        assert developed.shape == (48, 64, 3) and developed.dtype == np.uint8
        assert hashlib.sha256(developed.tobytes()).hexdigest() == row["developed_sha256"]
        assert not np.array_equal(developed, srgb)
        assert hashlib.sha256(raw.tobytes()).hexdigest() == row["raw_sha256"]
        assert hashlib.sha256(srgb.tobytes()).hexdigest() == row["srgb_sha256"]


def test_frames_follow_the_seed(scenes, tmp_path):
    digests = [
        [row["raw_sha256"] for row in rows_of(simulate_training_frames(scenes, tmp_path / n, 2, (32, 48), seed=s))]
        for n, s in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_several_processes_write_the_same_frames(scenes, tmp_path):
    one, two = (
        simulate_training_frames(
            scenes, tmp_path / str(jobs), 3, (32, 48), validation_count=1, validation_scenes=1, executor=executor
        )
        for jobs, executor in ((1, None), (2, Process(2)))
    )
    assert one.read_bytes() == two.read_bytes()
    assert sorted(p.name for p in one.parent.rglob("*.npy")) == sorted(p.name for p in two.parent.rglob("*.npy"))


def test_scenes_of_test_images_are_left_out_by_their_pixels(scenes, tmp_path):
    tested = tmp_path / "tested"
    tested.mkdir()
    copy = np.roll(make_panorama(1), 77, axis=1)[:, ::-1] * 3
    (tested / "another-name.hdr").write_bytes(imagecodecs.rgbe_encode(np.ascontiguousarray(copy)))
    manifest = simulate_training_frames(
        scenes, tmp_path / "out", 3, (32, 48), exclude=tested, leave_out={"desert.hdr": "too dry"}
    )
    rows = rows_of(manifest)
    notes = {row["scene"]: row["note"] for row in rows if row["split"] == "excluded"}
    assert set(notes) == {"beach.hdr", "desert.hdr"}
    assert notes["beach.hdr"].startswith("same scene as another-name.hdr") and notes["desert.hdr"] == "too dry"
    assert {row["scene"] for row in rows if row["split"] == "train"} == {"alley.hdr", "cellar.hdr"}


def test_a_split_without_scenes_is_refused(scenes, tmp_path):
    with pytest.raises(UsageError, match="no usable scene for train .0 scenes and 1 frames of train, 4 scenes"):
        simulate_training_frames(scenes, tmp_path, 1, validation_count=1, validation_scenes=4)
    with pytest.raises(UsageError, match="no usable scene for validation has the name 'moon.hdr'"):
        simulate_training_frames(scenes, tmp_path, 1, validation_count=1, validation_scenes=["beach.hdr", "moon.hdr"])


def test_scenes_of_any_name_can_be_set_aside(scenes, tmp_path):
    def set_aside(name):
        rows = rows_of(simulate_training_frames(scenes, tmp_path / name, 1, (32, 48), validation_count=2))
        return {row["scene"] for row in rows if row["split"] == "validation"}

    drawn = set_aside("drawn")
    assert len(drawn) == 1
    (scenes / "alley.hdr").rename(scenes / "venice.hdr")
    assert set_aside("known") == {"venice.hdr"}
