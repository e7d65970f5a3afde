from __future__ import annotations

import pytest
import torch
from rawbench_parametric.poly import Poly

from ..conftest import psnr


@pytest.mark.parametrize("name", ["scene-a", "17x33", "7x12", "1x1", "black", "saturated", "unrelated-noise"])
@pytest.mark.parametrize("point", ["degree=1", "degree=5"])
def test_any_image_comes_back_as_raw(codec, scenes, name, point):
    raw, srgb = scenes[name]
    payload = codec(Poly, point).encode(raw, srgb)
    decoded = codec(Poly, point).decode(payload, srgb)
    assert decoded.shape == raw.shape and decoded.dtype == torch.float32
    assert len(payload) <= 400 and float(decoded.min()) >= 0 and float(decoded.max()) <= 1


def test_bytes_and_psnr_grow_with_the_degree(codec, scenes):
    raw, srgb = scenes["medium"]
    payloads = [codec(Poly, f"degree={d}").encode(raw, srgb) for d in range(1, 6)]
    values = [psnr(raw, codec(Poly, f"degree={d}").decode(p, srgb)) for d, p in enumerate(payloads, 1)]
    sizes = [len(p) for p in payloads]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    assert values == sorted(values) and sizes[0] >= 20 and sizes[-1] <= 400


def test_damaged_payloads(codec, scenes, check_damage):
    raw, srgb = scenes["17x33"]
    check_damage(codec(Poly, "degree=3"), codec(Poly, "degree=3").encode(raw, srgb), srgb)
