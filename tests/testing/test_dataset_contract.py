"""The contract of datasets: on an honest one, and on one that breaks each article."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rawbench
from rawbench.plugins import load_plugins
from rawbench.testing import check_dataset
from rawbench.testing.dataset_contract import spread
from tests.tiny_plugin import Tiny


class Well(Tiny):
    """All that a dataset must do."""

    def info(self, id):
        if id not in self.ids():
            raise rawbench.SampleError(f"no image {id!r}")
        return super().info(id)

    def verify(self, root):
        return []


class Twice(Well):
    def ids(self, split="test"):
        return ["image0", "image0"]


class Leaking(Well):
    def ids(self, split="test"):
        return ["image0", "image1"]


class Nameless(Well):
    def info(self, id):
        return replace(super().info(id), id="other", source_digest="")


class Restless(Well):
    def __init__(self, options):
        super().__init__(options)
        self.number = id(self)

    def info(self, id):
        return replace(super().info(id), source_digest=f"{id}{self.number}")


class Integer(Well):
    def load(self, id):
        sample = super().load(id)
        return replace(sample, raw=(sample.raw * 255).int())


class Larger(Well):
    def load(self, id):
        sample = super().load(id)
        return replace(sample, raw=sample.raw[:, 1:], srgb=sample.srgb[:, 1:])


class Noisy(Well):
    def load(self, id):
        import torch

        sample = super().load(id)
        return replace(sample, raw=torch.rand(sample.raw.shape))


class Broken(Well):
    def verify(self, root):
        return [rawbench.Problem("image1.dng", "is missing")]


def failed(dataset) -> dict[str, str]:
    catalogue = load_plugins()
    named = type(dataset.__name__, (dataset,), {"name": "under-test"})
    catalogue.datasets.add("under-test", named, "", "test")
    return {r.name: r.sentence for r in check_dataset("under-test", catalogue) if r.status != "pass"}


def test_an_honest_dataset_passes():
    assert failed(Well) == {}


@pytest.mark.parametrize(
    ("dataset", "article", "sentence"),
    [
        (Twice, "ids", "'image0' stands twice"),
        (Leaking, "splits", "image 'image0' is in test and in train"),
        (Nameless, "info", "info('image0') calls itself 'other'"),
        (Restless, "digest", "another instance gives another source_digest"),
        (Integer, "sample", "raw is torch.int32"),
        (Larger, "size", "info says 24 x 40, the raw has 23 x 40"),
        (Noisy, "pixels", "another instance gives other pixels"),
        (Broken, "verify", "image1.dng: is missing"),
        (Tiny, "unknown_id", "raised ValueError"),
        (Tiny, "verify", "has no verify"),
    ],
)
def test_each_fault_is_told(dataset, article, sentence):
    assert sentence in failed(dataset)[article]


def test_images_are_spread_over_the_split():
    ids = [str(i) for i in range(10)]
    assert spread(ids, 3) == ["0", "4", "9"] and spread(ids, 1) == ["0"]
    assert spread(ids, None) == spread(ids, 11) == ids


def test_the_command(call):
    ended = call("datasets", "check", "sample", "--limit", "1")
    assert ended.code == 0 and "sample: 10 pass" in ended.out
    ended = call("datasets", "check", "tiny", "--json")
    assert ended.code == 4 and '"unknown_id"' in ended.out
    assert call("datasets", "check", "smaple").code == 2
