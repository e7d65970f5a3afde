"""``fivek``: camera files by their numbers, in frozen splits."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import torch

from rawbench.datasets.fivek import FiveKDataset
from rawbench.datasets.prepared import read_split
from rawbench.errors import SampleError
from rawbench.options import build_options


def dataset(root, **options) -> FiveKDataset:
    return FiveKDataset(build_options(FiveKDataset.Options, {"root": str(root), **options}, "dataset fivek"))


def test_images_and_splits(fivek_tree, tmp_path):
    opened = dataset(tmp_path / "root")
    opened.prepare(fivek_tree, tmp_path / "root")
    assert opened.ids("test") == ["a0002-_MG_2", "a0016-_MG_16"]
    assert len(opened.ids("train")) + len(opened.ids("validation")) == 3
    assert opened.verify(opened.root) == []
    sample = opened.load("a0002-_MG_2")
    xyz = dataset(opened.root, raw_space="xyz").load("a0002-_MG_2")
    assert xyz.info.raw_space == "xyz" and xyz.raw.shape == sample.raw.shape
    assert not torch.equal(xyz.raw, sample.raw) and torch.equal(xyz.srgb, sample.srgb)
    assert xyz.info.source_digest != sample.info.source_digest
    assert opened.manifest.entries[0].cfa == "GBRG"


def test_the_frozen_splits_are_those_of_the_lists_and_the_seed():
    splits = read_split("fivek")
    assert sorted(splits) == list(range(1, 5001))
    assert Counter(splits.values()) == {"test": 200, "validation": 100, "train": 4700}
    others = [number for number, split in splits.items() if split != "test"]
    drawn = set(random.Random("rawbench fivek validation 1").sample(others, 100))
    assert {number for number, split in splits.items() if split == "validation"} == drawn


def test_other_folders(tmp_path):
    with pytest.raises(SampleError, match="no camera file with a number"):
        dataset(tmp_path / "root").prepare(tmp_path, tmp_path / "root")
