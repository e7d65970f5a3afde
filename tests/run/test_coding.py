"""From a file's bytes to a raw: what is of another method, version or rate point is refused before it is decoded."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rawbench.errors import StreamError
from rawbench.plugins import load_plugins
from rawbench.run.coding import decode_stream, encode_stream
from rawbench.stream import read_stream, write_stream
from rawbench.types import Sample, SampleInfo

SRGB = (torch.arange(3 * 24 * 32) % 251).to(torch.uint8).reshape(3, 24, 32)
CATALOGUE = load_plugins(())


def coded(method: str) -> bytes:
    codec = CATALOGUE.methods.load(method)
    sample = Sample(SampleInfo("a", "", "png", "camera", 24, 32, ""), SRGB.float() / 255, SRGB)
    return encode_stream(codec, codec.Options(), codec.rate_points(codec.Options())[0], sample, "cpu", 0).stream


@pytest.mark.parametrize("method", ["lut", "poly", "residual", "sam", "uniform", "unprocess", "rawjxl"])
@pytest.mark.parametrize("index", [77, 200, 255])
def test_a_rate_point_that_is_not_there(method, index):
    header, payload = read_stream(coded(method), SRGB)
    strange = write_stream(replace(header, rate_point=index), payload, SRGB)
    with pytest.raises(StreamError, match=f"of rate point {index}, which {method} does not have"):
        decode_stream(CATALOGUE.methods.load(method), {}, strange, SRGB, "cpu")


def test_one_between_those_that_are_listed():
    codec = CATALOGUE.methods.load("hybrid")
    options = codec.Options(quality=0.37)
    (point,) = codec.rate_points(options)
    assert point.index not in {listed.index for listed in codec.rate_points(codec.Options())}
    sample = Sample(SampleInfo("a", "", "png", "camera", 24, 32, ""), SRGB.float() / 255, SRGB)
    stream = encode_stream(codec, options, point, sample, "cpu", 0).stream
    assert decode_stream(codec, {}, stream, SRGB, "cpu").raw.shape == SRGB.shape
