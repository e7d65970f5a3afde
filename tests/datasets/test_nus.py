"""``nus``: both layouts, and what ``verify`` says when a file is not what it was."""

from __future__ import annotations

import random
import re
import shutil

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from rawbench.datasets.nus import NusDataset, split_of_fold
from rawbench.datasets.prepared import read_split
from rawbench.errors import SampleError, UsageError
from rawbench.options import build_options
from tests.datasets.conftest import SIZE, read, take


def dataset(root, **options) -> NusDataset:
    return NusDataset(build_options(NusDataset.Options, {"root": str(root), **options}, "dataset nus"))


@pytest.fixture
def prepared(nus_tree, tmp_path):
    opened = dataset(tmp_path / "root")
    opened.prepare(nus_tree, tmp_path / "root")
    return opened


def test_folders_are_splits(prepared):
    assert prepared.ids("test") == ["SamsungNX2000/test/SamsungNX2000_0004", "SonyA57/test/SonyA57_0004"]
    assert len(prepared.ids("train")) == 4 and len(prepared.ids("validation")) == 2
    assert dataset(prepared.root, camera="sony").ids() == ["SonyA57/test/SonyA57_0004"]
    with pytest.raises(UsageError, match="no camera's name holds 'canon'; there are .*Sony"):
        dataset(prepared.root, camera="canon").ids()
    with pytest.raises(UsageError, match="no split 'all'"):
        prepared.ids("all")


def test_images_are_those_of_the_camera(prepared, tmp_path):
    """16 bits of sRGB are rounded by 257, and the portrait on its side is turned back."""
    for id, seed, camera, size in (
        ("SonyA57/test/SonyA57_0004", 74, "sony-slt-a57", SIZE),
        ("SamsungNX2000/test/SamsungNX2000_0004", 134, "samsung-nx2000", SIZE[::-1]),
    ):
        picture, sample = read(tmp_path, take(seed, camera, size)), prepared.load(id)
        assert np.array_equal(sample.srgb.permute(1, 2, 0).numpy(), picture.srgb8)
        assert torch.equal(sample.raw, torch.from_numpy(picture.raw16.astype(np.float32)).permute(2, 0, 1) / 65535)
        assert (sample.info.height, sample.info.width) == size == tuple(sample.raw.shape[1:])
        assert prepared.info(id).source_digest == sample.info.source_digest
    entries = {entry.id: entry for entry in prepared.manifest.entries}
    assert entries["SamsungNX2000/test/SamsungNX2000_0004"].orientation == 270


def test_renditions(prepared):
    id = "SonyA57/test/SonyA57_0004"
    given, jpeg = dataset(prepared.root, rendition="given"), dataset(prepared.root, rendition="jpeg10")
    assert torch.equal(given.load(id).srgb, prepared.load(id).srgb)
    assert not torch.equal(jpeg.load(id).srgb, prepared.load(id).srgb)
    assert jpeg.info(id).facts["carrier_bytes"] > 100
    with pytest.raises(SampleError, match="rendition camera is made from camera files"):
        dataset(prepared.root, rendition="camera").load(id)


def test_png16_takes_16_bits_as_they_are_and_no_8(prepared, nus_tree):
    id, opened = "SonyA57/test/SonyA57_0004", dataset(prepared.root, rendition="png16")
    sample = opened.load(id)
    pixels = tifffile.imread(nus_tree / "SonyA57/test/sRGB/SonyA57_0004.tif")
    assert sample.srgb.dtype == torch.uint16
    assert np.array_equal(sample.srgb.permute(1, 2, 0).numpy(), pixels)
    assert torch.equal(sample.raw, prepared.load(id).raw)
    assert opened.info(id) == sample.info and sample.info.rendition == "png16"
    assert sample.info.source_digest != prepared.info(id).source_digest
    for call in (opened.info, opened.load):
        with pytest.raises(SampleError, match=r"SamsungNX2000_0004.png: an sRGB of uint8; rendition png16 needs 16"):
            call("SamsungNX2000/test/SamsungNX2000_0004")


def test_png16_of_camera_files_is_libraws(nus_camera_files, tmp_path):
    dataset(tmp_path / "root").prepare(nus_camera_files, tmp_path / "root")
    plain, deep = (dataset(tmp_path / "root", rendition=name) for name in ("png", "png16"))
    id = deep.ids()[0]
    sample = deep.load(id)
    assert deep.info(id) == sample.info
    assert np.array_equal(sample.srgb.numpy() >> 8, plain.load(id).srgb.numpy())


def test_a_copy_that_is_well_has_no_problems(prepared):
    assert prepared.verify(prepared.root) == []
    shutil.move(prepared.root, prepared.root.with_name("elsewhere"))
    assert dataset(prepared.root.with_name("elsewhere")).verify(prepared.root.with_name("elsewhere")) == []


def turn(path):
    with Image.open(path) as image:
        turned = image.transpose(Image.Transpose.ROTATE_180)
    turned.save(path)


def shrink(path):
    with Image.open(path) as image:
        smaller = image.resize((image.width // 2, image.height // 2))
    smaller.save(path)


PNG = "SamsungNX2000/train/sRGB/SamsungNX2000_0001.png"
OTHER = "SamsungNX2000/train/sRGB/SamsungNX2000_0002.png"
RAW = "SonyA57/test/raw/SonyA57_0004.tif"


@pytest.mark.parametrize(
    ("path", "harm", "what"),
    [
        (PNG, lambda path: path.unlink(), "missing"),
        (RAW, lambda path: path.unlink(), "missing"),
        (RAW, lambda path: path.write_bytes(path.read_bytes()[:3000]), "bytes, .* then; .*cannot be decoded"),
        (PNG, lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"), "another digest"),
        (PNG, turn, "changed since it was prepared.*; turned by 180 degrees"),
        (PNG, shrink, "changed since it was prepared: .* bytes, .* then; "),
        (RAW, lambda path: tifffile.imwrite(path, tifffile.imread(path).astype(np.uint8)), "16 bits are needed"),
    ],
)
def test_verify_names_the_file_and_the_reason(prepared, nus_tree, path, harm, what):
    harm(nus_tree / path)
    problems = prepared.verify(prepared.root)
    assert [problem.where for problem in problems] == [path]
    assert "\n" not in problems[0].what
    assert re.search(what, problems[0].what), problems[0].what


def test_verify_names_both_of_two_swapped_files(prepared, nus_tree):
    first, second = (nus_tree / path for path in (PNG, OTHER))
    first.rename(nus_tree / "x"), second.rename(first), (nus_tree / "x").rename(second)
    problems = prepared.verify(prepared.root)
    assert [problem.where for problem in problems] == [PNG, OTHER]
    assert all("changed since" in p.what and ("same picture" in p.what or "turned" in p.what) for p in problems)


def test_a_pair_that_never_fitted_is_found(nus_tree, tmp_path):
    turn(nus_tree / PNG)
    opened = dataset(tmp_path / "root")
    opened.prepare(nus_tree, tmp_path / "root")
    assert [(p.where, p.what) for p in opened.verify(opened.root)] == [
        (
            PNG.replace("/sRGB/", "/raw/").replace(".png", ".tif"),
            "not used: SamsungNX2000_0001.png: turned by 180 degrees to the left against its raw",
        )
    ]


def test_a_changed_file_is_not_loaded(prepared, nus_tree):
    (nus_tree / RAW).write_bytes((nus_tree / RAW).read_bytes() + b"x")
    with pytest.raises(SampleError, match=r"SonyA57_0004.tif: changed since .* datasets verify nus"):
        prepared.load("SonyA57/test/SonyA57_0004")


def test_an_image_in_two_splits_is_refused(nus_tree, tmp_path):
    source = nus_tree / "SonyA57" / "test"
    for kind in ("raw", "sRGB"):
        shutil.copy(source / kind / "SonyA57_0004.tif", nus_tree / "SonyA57" / "train" / kind / "SonyA57_9999.tif")
    with pytest.raises(SampleError, match="is the same image as"):
        dataset(tmp_path / "root").prepare(nus_tree, tmp_path / "root")


def test_original_camera_files(nus_camera_files, tmp_path):
    opened = dataset(tmp_path / "root")
    opened.prepare(nus_camera_files, tmp_path / "root")
    everything = {split: opened.ids(split) for split in ("train", "validation", "test")}
    assert sum(map(len, everything.values())) == 16
    for number in range(1, 9):  # the cameras photographed the same scenes: one scene, one split
        assert len({s for s, ids in everything.items() for id in ids if f"_{number:04d}" in id}) == 1
    entry = opened.manifest.entries[0]
    assert (entry.camera, entry.cfa, entry.black, entry.white) == ("Canon EOS 600D", "RGGB", (512,) * 4, 3826)
    assert opened.verify(opened.root) == []
    id = everything["test"][0]
    assert opened.load(id).info.simulated
    developed = dataset(opened.root, rendition="camera").load(id)
    assert not torch.equal(developed.srgb, opened.load(id).srgb)
    assert torch.equal(developed.raw, opened.load(id).raw)


def test_the_jpeg_beside_a_camera_file(nus_camera_files, tmp_path):
    dataset(tmp_path / "root").prepare(nus_camera_files, tmp_path / "root")
    given = dataset(tmp_path / "root", rendition="given")
    sample = given.load("SonyA57/SonyA57_0001.dng")
    assert tuple(sample.srgb.shape) == (3, SIZE[0] - 4, SIZE[1] - 8) == (3, sample.info.height, sample.info.width)
    assert sample.info.facts["carrier_bytes"] == (nus_camera_files / "SonyA57" / "SonyA57_0001.JPG").stat().st_size
    with pytest.raises(SampleError, match="no image beside it"):
        given.load("SonyA57/SonyA57_0005.dng")


def test_files_that_cannot_be_used_are_listed(nus_camera_files, tmp_path):
    (nus_camera_files / "SonyA57" / "SonyA57_0007.dng").write_bytes(b"no camera file")
    opened = dataset(tmp_path / "root")
    opened.prepare(nus_camera_files, tmp_path / "root")
    problems = opened.verify(opened.root)
    assert [p.where for p in problems] == ["SonyA57/SonyA57_0007.dng"]
    assert "not used: cut short, or no camera file" in problems[0].what


def test_the_frozen_folds_are_those_of_the_seed():
    numbers = list(range(400))
    random.Random("rawbench nus folds 1").shuffle(numbers)
    assert read_split("nus") == {number: str(1 + place % 5) for place, number in enumerate(numbers)}
    assert [split_of_fold(str(fold)) for fold in range(1, 6)] == ["test", "validation", "train", "train", "train"]


@pytest.mark.parametrize(("content", "what"), [(None, "rawbench datasets prepare nus --from DIR"), ("{}", "dataset: ")])
def test_no_manifest(tmp_path, content, what):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(SampleError, match=what):
        dataset(tmp_path).ids()


def test_no_dataset(tmp_path):
    with pytest.raises(SampleError, match="has neither a folder SonyA57"):
        dataset(tmp_path / "root").prepare(tmp_path, tmp_path / "root")
    with pytest.raises(SampleError, match="is no folder"):
        dataset(tmp_path / "root").prepare(tmp_path / "none", tmp_path / "root")
