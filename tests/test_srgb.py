"""Both depths of the sRGB, told by the type of its pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rawbench.srgb import bits_of, code_step, full_scale, pick, to_unit


@pytest.mark.parametrize(("kind", "bits", "full", "step"), [("uint8", 8, 255, 1), ("uint16", 16, 65535, 257)])
def test_the_type_tells_depth_and_full_scale(kind, bits, full, step):
    for srgb in (torch.zeros(3, 2, 2, dtype=getattr(torch, kind)), np.zeros((2, 2, 3), kind)):
        assert (bits_of(srgb), full_scale(srgb), code_step(srgb)) == (bits, full, step)


@pytest.mark.parametrize("kind", [torch.uint8, torch.uint16])
def test_picking_is_indexing(kind):
    codes = (torch.arange(60, dtype=torch.int32).reshape(3, 20) * 4 + 5).to(kind)
    rows, mask = torch.tensor([4, 0, 19]), torch.arange(20) % 3 == 0
    for image in (codes, codes[:, 1:]):
        assert torch.equal(pick(image, slice(None), rows - 1).int(), image.int()[:, rows - 1])
    assert torch.equal(pick(codes, slice(None), mask).int(), codes.int()[:, mask])
    assert torch.equal(pick(codes.T, rows).int(), codes.int().T[rows])
    assert torch.equal(pick(codes.T, slice(None), [0, 2]).int(), codes.int().T[:, [0, 2]])
    assert pick(codes.T, slice(None), []).shape == (20, 0) and pick(codes, slice(None), rows).dtype == kind


def test_every_code_of_8_bits_is_the_same_light_at_16():
    codes = torch.arange(256, dtype=torch.uint8)
    deep = (codes.int() * 257).to(torch.uint16)
    assert torch.equal(to_unit(codes), codes.float() / 255)
    assert torch.allclose(to_unit(deep), to_unit(codes), atol=1e-7)
    assert to_unit(deep)[0] == 0 and to_unit(deep)[-1] == 1 and to_unit(deep).dtype == torch.float32
