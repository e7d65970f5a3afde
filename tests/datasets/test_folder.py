from __future__ import annotations

import shutil

import pytest
import torch

from rawbench.datasets.embedded import SampleDataset, sample_folder
from rawbench.datasets.folder import FolderDataset
from rawbench.errors import SampleError, UsageError
from rawbench.options import build_options


def dataset(root, **options) -> FolderDataset:
    return FolderDataset(build_options(FolderDataset.Options, {"root": str(root), **options}, "dataset folder"))


@pytest.fixture
def photos(tmp_path):
    """A folder as photographers have them: camera files at two levels, and other things."""
    (tmp_path / "trip").mkdir()
    shutil.copy(sample_folder() / "sony-slt-a57_sunrise_1.dng", tmp_path / "B.DNG")
    shutil.copy(sample_folder() / "olympus-e-pl6_city_2.dng", tmp_path / "trip" / "a.dng")
    (tmp_path / "a.jpg").write_bytes(b"no camera file")
    return tmp_path


def test_camera_files_are_found_at_every_level(photos):
    assert dataset(photos).ids() == ["B.DNG", "trip/a.dng"]


def test_images_are_those_of_the_embedded_dataset(photos):
    own, sample = dataset(photos), SampleDataset(SampleDataset.Options())
    loaded, expected = own.load("B.DNG"), sample.load("sony-slt-a57_sunrise_1")
    assert torch.equal(loaded.raw, expected.raw) and torch.equal(loaded.srgb, expected.srgb)
    assert loaded.info.source_digest == expected.info.source_digest
    assert dataset(photos, rendition="jpeg50").info("B.DNG").source_digest != expected.info.source_digest


def test_a_bad_file_is_named_and_the_others_work(photos):
    (photos / "bad.dng").write_bytes((photos / "B.DNG").read_bytes()[:1000])
    own = dataset(photos)
    for call in (own.info, own.load):
        with pytest.raises(SampleError, match=str(photos / "bad.dng")):
            call("bad.dng")
    assert own.info("B.DNG").camera == "Sony SLT-A57"
    (problem,) = own.verify(photos)
    assert problem.where == "bad.dng" and "LibRaw" in problem.what


def test_pairs_that_do_not_fit_are_found_without_a_manifest(nus_tree):
    root = nus_tree / "SonyA57"
    first, second = (root / "train" / "sRGB" / f"SonyA57_000{number}.tif" for number in (1, 2))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    own = dataset(root)
    problems = own.verify(own.root)
    assert [p.where for p in problems] == ["train/raw/SonyA57_0001.tif", "train/raw/SonyA57_0002.tif"]
    assert all("same picture" in p.what or "turned" in p.what for p in problems)


def test_a_file_that_goes_away_is_named(photos):
    own = dataset(photos)
    own.ids()
    (photos / "B.DNG").unlink()
    with pytest.raises(SampleError, match="B.DNG: cannot be read"):
        own.load("B.DNG")


def test_folders_without_camera_files_are_refused(tmp_path):
    with pytest.raises(SampleError, match="holds no camera file"):
        dataset(tmp_path).ids()
    with pytest.raises(SampleError, match="is no folder"):
        dataset(tmp_path / "no").ids()


def test_the_root_is_required():
    with pytest.raises(UsageError, match="dataset folder: option root"):
        build_options(FolderDataset.Options, {}, "dataset folder")


def test_the_image_beside_a_camera_file(photos):
    from PIL import Image

    own = dataset(photos, rendition="given")
    srgb = dataset(photos).load("B.DNG").srgb.permute(1, 2, 0).numpy()
    Image.fromarray(srgb[2:-2, 4:-4].copy()).save(photos / "b.png")
    sample = own.load("B.DNG")
    assert (sample.info.height, sample.info.width) == (srgb.shape[0] - 4, srgb.shape[1] - 8)
    assert torch.equal(sample.srgb, dataset(photos).load("B.DNG").srgb[:, 2:-2, 4:-4])
    assert torch.equal(sample.raw, dataset(photos).load("B.DNG").raw[:, 2:-2, 4:-4])
    assert own.info("B.DNG") == sample.info
    with pytest.raises(SampleError, match="no image of this name beside it"):
        dataset(photos, rendition="given").load("trip/a.dng")


def test_other_renditions_and_spaces(photos):
    plain, camera = dataset(photos).load("B.DNG"), dataset(photos, rendition="camera").load("B.DNG")
    xyz = dataset(photos, raw_space="xyz").load("B.DNG")
    assert torch.equal(plain.raw, camera.raw) and not torch.equal(plain.srgb, camera.srgb)
    assert camera.info.facts["carrier_bytes"] > 1000
    assert torch.equal(plain.srgb, xyz.srgb) and not torch.equal(plain.raw, xyz.raw)
    assert xyz.info.raw_space == "xyz" and "xyz_to_camera" not in xyz.info.facts
    assert len({s.info.source_digest for s in (plain, camera, xyz)}) == 3


def test_pairs_are_matched_by_name(nus_tree):
    root = nus_tree / "SamsungNX2000"
    own = dataset(root)
    assert len(own.ids()) == 4
    sample = own.load("train/raw/SamsungNX2000_0001.tif")
    assert sample.raw.shape == sample.srgb.shape == (3, 48, 64)
    assert own.info("train/raw/SamsungNX2000_0001.tif") == sample.info
    assert dataset(root, rendition="jpeg50").load("train/raw/SamsungNX2000_0001.tif").info.facts["carrier_bytes"]
    assert [(p.where, p.what.partition(": ")[2]) for p in own.verify(root)] == [
        ("test/raw/SamsungNX2000_0004.tif", "the sRGB has 64x48 pixels, the raw 48x64: turned by 90 degrees")
    ]
    (root / "train" / "sRGB" / "SamsungNX2000_0001.png").unlink()
    with pytest.raises(SampleError, match="no image of this name in a folder sRGB"):
        dataset(root).load("train/raw/SamsungNX2000_0001.tif")
    with pytest.raises(SampleError, match="not from pairs"):
        dataset(root, rendition="camera").load("train/raw/SamsungNX2000_0002.tif")
