from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_image.rawjxl import RawJxl, image_size, naked

from rawbench import StreamError

from ..conftest import psnr


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 70), st.integers(1, 70))
def test_the_size_is_read_from_the_codestream(height, width):
    payload = imagecodecs.jpegxl_encode(np.zeros((height, width, 3), np.uint16), lossless=True, effort=1)
    assert image_size(naked(bytes(payload))) == (height, width)


@pytest.mark.parametrize("size", [(600, 800), (90, 160), (100, 200), (513, 8200), (8, 256)])
def test_larger_sizes_and_ratios_are_read(size):
    payload = imagecodecs.jpegxl_encode(np.zeros((*size, 3), np.uint16), lossless=True, effort=1)
    assert image_size(naked(bytes(payload))) == size


@pytest.mark.parametrize("name", ["scene-a", "17x33", "1x1", "black", "saturated", "noise"])
def test_the_last_point_is_exact(codec, scenes, name):
    raw, srgb = scenes[name]
    decoded = codec(RawJxl, "lossless").decode(codec(RawJxl, "lossless").encode(raw, srgb), srgb)
    assert torch.equal(torch.round(decoded.double() * 65535), torch.round(raw.double() * 65535))


def test_bytes_and_psnr_grow_and_the_srgb_does_not_matter(codec, scenes):
    raw, srgb = scenes["medium"]
    sizes, values = [], []
    for point in RawJxl.rate_points(None):
        payload = codec(RawJxl, point.name).encode(raw, srgb)
        sizes.append(len(payload))
        values.append(psnr(raw, codec(RawJxl, point.name).decode(payload, torch.zeros_like(srgb))))
    assert sizes == sorted(sizes) and len(set(sizes)) == len(sizes) >= 6
    assert values == sorted(values) and values[0] < values[-1]


def test_another_size_is_refused_before_decoding(codec, scenes):
    raw, srgb = scenes["17x33"]
    payload = codec(RawJxl, "lossless").encode(raw, srgb)
    with pytest.raises(StreamError, match="16 x 16"):
        codec(RawJxl, "lossless").decode(payload, srgb[:, :16, :16])
    with pytest.raises(StreamError, match="no JPEG XL"):
        codec(RawJxl, "lossless").decode(b"\x00\x00\x00\x0cJXL ", srgb)


@pytest.mark.parametrize("point", ["distance=1", "lossless"])
def test_damaged_payloads(codec, scenes, check_damage, point):
    raw, srgb = scenes["17x33"]
    check_damage(codec(RawJxl, point), codec(RawJxl, point).encode(raw, srgb), srgb)
