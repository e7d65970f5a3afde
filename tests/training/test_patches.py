from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rawbench.errors import UsageError
from rawbench.training.config import Renditions
from rawbench.training.frames import Frames
from rawbench.training.patches import FramePatches, jpeg_patch, prefetched
from rawbench.training.seeds import VALIDATION_PATCHES

from .tiny import SIZE, frame, write_frames

EIGHT_BIT = Renditions(eight_bit=1.0)


@pytest.fixture
def frames(frames_folder) -> Frames:
    return Frames(frames_folder, "train")


def first_batches(patches: FramePatches, workers: int, start: int = 0) -> list[dict[str, np.ndarray]]:
    with prefetched(lambda step: patches.batch(step, 3), start, workers) as batches:
        return [next(batches) for _ in range(5)]


def same(first: list[dict[str, np.ndarray]], second: list[dict[str, np.ndarray]]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(a[name], b[name]) for a, b in pairs for name in ("raw", "srgb"))


def test_a_batch_has_the_promised_form(frames):
    batch = FramePatches(frames, 32, Renditions(), 0).batch(0, 5)
    assert batch["raw"].shape == batch["srgb"].shape == (5, 3, 32, 32)
    assert batch["raw"].dtype == np.float32 and batch["srgb"].dtype == np.uint8
    assert 0 <= batch["raw"].min() < batch["raw"].max() <= 1


def test_pixels_of_the_whole_frame_come_beside_a_patch(frames):
    plain, more = (FramePatches(frames, 32, Renditions(), 5, samples=count) for count in (0, 24))
    batch, beside = plain.batch(3, 4), more.batch(3, 4)
    assert np.array_equal(batch["raw"], beside["raw"]) and np.array_equal(batch["srgb"], beside["srgb"])
    assert beside["frame_raw"].shape == beside["frame_srgb"].shape == (4, 3, 24, 24)
    assert beside["frame_raw"].dtype == np.float32 and beside["frame_srgb"].dtype == np.uint8
    whole = {tuple(frames[k].raw[0, 0] / np.float32(65535)) for k in range(len(frames))}
    assert {tuple(corner) for corner in beside["frame_raw"][:, :, 0, 0]} <= whole


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_do_not_depend_on_the_workers(frames, workers):
    patches = FramePatches(frames, 32, Renditions(), 7)
    assert same(first_batches(patches, workers), first_batches(patches, 0))


def test_batches_depend_on_the_place_in_the_run_alone(frames):
    patches = FramePatches(frames, 32, Renditions(), 7)
    assert same(first_batches(patches, 1)[2:], first_batches(patches, 1, start=2)[:3])
    whole, second = patches.batch(4, 6), patches.batch(4, 3, first=3)
    assert np.array_equal(whole["srgb"][3:], second["srgb"])


def test_developed_renditions_come_as_often_as_wanted(tmp_path, frames):
    write_frames(tmp_path, developed=True)
    wanted = Renditions(developed=0.5, eight_bit=1.0)
    patches = FramePatches(Frames(tmp_path, "train"), 32, wanted, 3)
    drawn = [patches.patch(step, 0) for step in range(60)]
    # A negative falls where raw rises.
    negative = [np.corrcoef(raw.ravel(), srgb.ravel())[0, 1] < 0 for raw, srgb in drawn]
    assert 15 < sum(negative) < 45
    with pytest.raises(UsageError, match="renditions.developed needs frames with developed_NNNNN.npy"):
        FramePatches(frames, 32, wanted, 3)


def test_seeds_and_purposes_give_other_batches(frames):
    batches = [
        FramePatches(frames, 32, Renditions(), 7).batch(0, 4),
        FramePatches(frames, 32, Renditions(), 8).batch(0, 4),
        FramePatches(frames, 32, Renditions(), 7, VALIDATION_PATCHES).batch(0, 4),
    ]
    assert len({batch["raw"].tobytes() for batch in batches}) == 3


def test_raw_and_srgb_stay_a_true_pair(frames):
    # The frames' raw is a function of their sRGB, up to its rounding.
    batch = FramePatches(frames, 48, EIGHT_BIT, 3).batch(0, 20)
    light = (batch["srgb"].astype(np.float64) + 0.5) / 255
    assert np.abs(light**2.2 - batch["raw"]).max() < 0.005


def test_all_eight_turns_and_all_frames_occur(frames):
    side = SIZE[0]  # a patch is as high as the frame: a run of its columns
    places = {}
    for number in range(3):
        srgb = frame(number)[1]
        for x in range(SIZE[1] - side + 1):
            for turns in range(4):
                turned = np.rot90(srgb[:, x : x + side], turns)
                places[turned.tobytes()] = (number, turns, False)
                places[turned[:, ::-1].tobytes()] = (number, turns, True)
    patches = FramePatches(frames, side, EIGHT_BIT, 0)
    found = {places[patches.patch(0, index)[1].tobytes()] for index in range(300)}
    assert len(found) == 3 * 8


def test_the_rendition_is_drawn_as_configured(frames):
    def exact(renditions: Renditions) -> float:
        patches = FramePatches(frames, 32, renditions, 0)
        plain = FramePatches(frames, 32, EIGHT_BIT, 0)
        # A JPEG takes more draws, so the turns differ; histograms know no turns.
        pairs = [(patches.patch(0, i)[1], plain.patch(0, i)[1]) for i in range(100)]
        return np.mean([np.array_equal(np.bincount(a.ravel()), np.bincount(b.ravel())) for a, b in pairs])

    assert exact(EIGHT_BIT) == 1.0
    assert exact(Renditions(eight_bit=0.0)) == 0.0
    assert 0.3 < exact(Renditions(eight_bit=0.5)) < 0.7


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(40, 120),
    width=st.integers(40, 120),
    quality=st.integers(10, 95),
    sampling=st.sampled_from(["4:2:0", "4:4:4"]),
    data=st.data(),
)
def test_a_jpeg_patch_is_what_the_whole_image_as_a_jpeg_shows(height, width, quality, sampling, data):
    image = frame(1, (128, 128))[1][:height, :width]
    y = data.draw(st.integers(0, height - 32))
    x = data.draw(st.integers(0, width - 32))
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=sampling)
    whole = np.asarray(Image.open(file))
    patch = jpeg_patch(image, y, x, 32, quality, sampling)
    assert np.array_equal(patch, whole[y : y + 32, x : x + 32])


def test_frames_smaller_than_a_patch(frames):
    with pytest.raises(UsageError, match="patches of 81 px from a frame of 80 px"):
        FramePatches(frames, 81, EIGHT_BIT, 0)


def test_an_error_in_a_worker_reaches_the_loop():
    def fail(step: int) -> int:
        if step == 2:
            raise ValueError("step 2")
        return step

    with pytest.raises(ValueError, match="step 2"), prefetched(fail, 0, 1) as batches:
        assert [next(batches), next(batches)] == [0, 1]
        next(batches)
