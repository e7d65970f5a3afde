"""A method at work on arrays in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rawbench
from rawbench.errors import SampleError, StreamError, UsageError
from rawbench.testing.scenes import kit_images

IMAGE = next(image for image in kit_images() if image.name == "pair-a")


def test_there_and_back():
    stream = rawbench.encode("poly", IMAGE.raw, IMAGE.srgb, rate_point=0)
    raw = rawbench.decode(stream, IMAGE.srgb)
    assert raw.dtype == np.float32 and raw.shape == IMAGE.raw.shape
    assert np.square(raw - IMAGE.raw).mean() < 1e-3
    assert rawbench.encode("poly", torch.from_numpy(IMAGE.raw), torch.from_numpy(IMAGE.srgb), 0) == stream


def test_lossless_is_lossless():
    stream = rawbench.encode("rawjxl", IMAGE.raw, IMAGE.srgb, "lossless")
    assert np.abs(rawbench.decode(stream, IMAGE.srgb) - IMAGE.raw).max() < 1e-6


def test_a_plugin_and_its_options(tiny_plugin):
    stream = rawbench.encode("mean:gain=2", IMAGE.raw, IMAGE.srgb, 1, plugins=[tiny_plugin])
    assert rawbench.decode(stream, IMAGE.srgb, plugins=[tiny_plugin]).shape == IMAGE.raw.shape
    with pytest.raises(StreamError, match="not installed here"):
        rawbench.decode(stream, IMAGE.srgb)
    with pytest.raises(UsageError, match="has no option 'gain'"):
        rawbench.decode(stream, IMAGE.srgb, plugins=[tiny_plugin], gain=2)


@pytest.mark.parametrize(
    ("raw", "srgb", "point", "error"),
    [
        (IMAGE.raw.astype(np.float64), IMAGE.srgb, 0, SampleError),
        (IMAGE.raw[:, 1:], IMAGE.srgb, 0, SampleError),
        (IMAGE.raw + 1, IMAGE.srgb, 0, SampleError),
        (IMAGE.raw.transpose(1, 2, 0), IMAGE.srgb.transpose(1, 2, 0), 0, SampleError),
        (IMAGE.raw, IMAGE.srgb, None, UsageError),
        (IMAGE.raw, IMAGE.srgb, 99, UsageError),
    ],
)
def test_what_cannot_be_encoded_is_refused(raw, srgb, point, error):
    with pytest.raises(error):
        rawbench.encode("poly", raw, srgb, point)


def test_another_image_or_a_damaged_stream_is_refused():
    stream = rawbench.encode("poly", IMAGE.raw, IMAGE.srgb, 0)
    with pytest.raises(StreamError):
        rawbench.decode(stream[:-1], IMAGE.srgb)
    with pytest.raises(StreamError):
        rawbench.decode(stream, IMAGE.srgb[:, ::-1])
