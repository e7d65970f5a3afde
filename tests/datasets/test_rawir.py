"""``rawir``: planes and sRGB of smartphones."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch

from rawbench.camera.images import demosaic_rggb, read_srgb8, read_srgb16
from rawbench.datasets.rawir import RawIrDataset, hashed_split
from rawbench.errors import SampleError
from rawbench.options import build_options


def dataset(root, **options) -> RawIrDataset:
    return RawIrDataset(build_options(RawIrDataset.Options, {"root": str(root), **options}, "dataset rawir"))


def test_images_and_splits(rawir_tree, tmp_path):
    opened = dataset(tmp_path / "root")
    opened.prepare(rawir_tree, tmp_path / "root")
    assert opened.ids("test") == ["iphone-x/test/3", "samsung-s9/test/3"]
    assert len(opened.ids("train")) == 4 and opened.ids("validation") == []
    assert opened.verify(opened.root) == []
    sample = opened.load("iphone-x/test/3")
    assert sample.info.camera == "iphone-x"
    planes = np.load(rawir_tree / "iphone-x" / "test" / "3.npz")["raw"]
    assert torch.allclose(sample.raw[0, ::2, ::2], torch.from_numpy(planes[..., 0] / 4095).float(), atol=1e-5)
    assert torch.allclose(sample.raw[2, 1::2, 1::2], torch.from_numpy(planes[..., 3] / 4095).float(), atol=1e-5)


def test_an_even_grey_stays_even():
    assert np.ptp(demosaic_rggb(np.full((5, 6, 4), 0.25))) == 0


@pytest.mark.parametrize(
    ("planes", "what"),
    [
        (np.zeros((4, 4)), "is needed"),
        (np.full((24, 32, 4), 5000, np.uint16), "more than the white level"),
        (np.full((24, 32, 4), np.nan), "more than the white level"),
        (np.array(["a"], dtype=object), "no planes of a raw"),
    ],
)
def test_other_arrays_are_listed(rawir_tree, tmp_path, planes, what):
    np.save(rawir_tree / "samsung-s9" / "test" / "3.npy", planes, allow_pickle=True)
    opened = dataset(tmp_path / "root")
    opened.prepare(rawir_tree, tmp_path / "root")
    assert [left.path for left in opened.manifest.left_out] == ["samsung-s9/test/3.npy"]
    assert what in opened.manifest.left_out[0].reason


def test_a_missing_image_is_named(rawir_tree, tmp_path):
    (rawir_tree / "iphone-x" / "train" / "1.png").unlink()
    opened = dataset(tmp_path / "root")
    opened.prepare(rawir_tree, tmp_path / "root")
    assert opened.verify(opened.root)[0].what == "not used: no sRGB of this name beside it"


def test_hashed_splits_are_stable():
    assert hashed_split("iphone-x/1") == hashed_split("iphone-x/1")
    parts = [hashed_split(str(number)) for number in range(1000)]
    assert 60 < parts.count("test") < 140 and 60 < parts.count("validation") < 140


def test_sixteen_bits_round_to_the_nearest_of_eight(tmp_path):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    tifffile.imwrite(tmp_path / "x.tif", np.stack([values] * 3, axis=2))
    assert np.array_equal(read_srgb8(tmp_path / "x.tif")[..., 0], np.rint(values / 257).astype(np.uint8))


def test_sixteen_bits_are_given_as_they_are_and_eight_are_refused(tmp_path):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = np.stack([values, values[::-1], values.T], axis=2)
    tifffile.imwrite(tmp_path / "x.tif", pixels)
    (tmp_path / "x.png").write_bytes(imagecodecs.png_encode(pixels))
    (tmp_path / "y.png").write_bytes(imagecodecs.png_encode((pixels >> 8).astype(np.uint8)))
    for name in ("x.tif", "x.png"):
        assert np.array_equal(read_srgb16(tmp_path / name), pixels)
    with pytest.raises(SampleError, match="y.png: an sRGB of uint8; rendition png16 needs 16 bits"):
        read_srgb16(tmp_path / "y.png")
    with pytest.raises(SampleError, match="z.jpg: a JPEG has 8 bits"):
        read_srgb16(tmp_path / "z.jpg")


def test_other_folders(tmp_path):
    with pytest.raises(SampleError, match="holds no planes"):
        dataset(tmp_path / "root").prepare(tmp_path, tmp_path / "root")
