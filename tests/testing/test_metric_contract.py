"""The contract of metrics: all built-in ones keep it, and each fault is told."""

from __future__ import annotations

import itertools

import pytest

import rawbench
from rawbench.metrics import BUILT_IN
from rawbench.plugins import load_plugins
from rawbench.testing import check_metric


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_metrics_keep_it(name):
    assert [r for r in check_metric(name) if r.status == "fail"] == []


class Error(rawbench.Metric):
    summary = "mean squared error"
    higher_is_better = False

    def compute(self, reference, decoded, sample):
        return float((reference - decoded).square().mean())


class Undeclared(Error):
    version, unit = 0, ""


class Backwards(Error):
    higher_is_better = True


class Text(Error):
    def compute(self, reference, decoded, sample):
        return "0.1 dB"


class Restless(Error):
    count = itertools.count()

    def compute(self, reference, decoded, sample):
        return super().compute(reference, decoded, sample) + 1e-9 * next(self.count)


class Scribbling(Error):
    def compute(self, reference, decoded, sample):
        decoded -= reference
        return float(decoded.square().mean())


class EvenOnly(Error):
    def compute(self, reference, decoded, sample):
        if reference.shape[1] % 2:
            raise ValueError("sides must be even")
        return super().compute(reference, decoded, sample)


class Dividing(Error):
    def compute(self, reference, decoded, sample):
        return super().compute(reference, decoded, sample) / float(reference.mean())


class EightBits(Error):
    def compute(self, reference, decoded, sample):
        weight = sample.srgb.float().mean() / 255
        return float("nan") if weight > 1 else super().compute(reference, decoded, sample)


@pytest.mark.parametrize(
    ("metric", "article", "sentence"),
    [
        (Undeclared, "declaration", "version is 0"),
        (Backwards, "direction", "higher should be better"),
        (Text, "number", "compute returned str"),
        (Restless, "again", "the same pair gives"),
        (Scribbling, "inputs", "changes the decoded"),
        (EvenOnly, "sizes", "an image of 17x33 raised ValueError: sides must be even"),
        (Dividing, "plain", "an image that is black raised ZeroDivisionError"),
        (EightBits, "depth", "nan beside an sRGB of 16 bits"),
    ],
)
def test_each_fault_is_told(metric, article, sentence):
    catalogue = load_plugins()
    catalogue.metrics.add("under-test", type(metric.__name__, (metric,), {"name": "under-test"}), "", "test")
    found = {r.name: r.sentence for r in check_metric("under-test", catalogue) if r.status != "pass"}
    assert sentence in found[article]


def test_the_command(call):
    ended = call("metrics", "check", "psnr")
    assert ended.code == 0 and "psnr: 8 pass" in ended.out
    assert call("metrics", "check", "psnrr").code == 2
