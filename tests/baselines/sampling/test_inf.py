from __future__ import annotations

import pytest
import torch
from rawbench_sampling.grid import Grid
from rawbench_sampling.implicit import SIZES, trained_and_evaluated
from rawbench_sampling.inf import STEPS, Inf
from rawbench_sampling.shrinkage import CODES

from rawbench import Context, StreamError

from ..conftest import psnr


@pytest.mark.parametrize("name", ["17x33", "7x12", "1x1", "black", "unrelated-noise"])
def test_samples_come_back_exactly(codec, scenes, name):
    raw, srgb = scenes[name]
    decoded = codec(Inf, "step=8").decode(codec(Inf, "step=8").encode(raw, srgb), srgb)
    grid = Grid(*raw.shape[1:], 8)
    assert decoded.shape == raw.shape and decoded.dtype == torch.float32
    assert torch.allclose(grid.take(decoded), grid.take(raw), atol=1e-7)


def test_bytes_and_psnr_grow_as_the_step_shrinks(codec, scenes):
    raw, srgb = scenes["medium"]
    payloads = {point.name: codec(Inf, point.name).encode(raw, srgb) for point in Inf.rate_points(None)}
    sizes = [len(payload) for payload in payloads.values()]
    assert sizes == sorted(sizes) and len(set(sizes)) == len(STEPS)
    values = [psnr(raw, codec(Inf, name).decode(payload, srgb)) for name, payload in payloads.items()]
    assert values == sorted(values), values


def test_every_kind_of_network_has_a_head_of_its_own(codec):
    heads = [size * CODES + code for size in range(2) for code in range(CODES)] + [0x78, 0xF0, 0x69, 0xE1]
    assert len(set(heads)) == len(heads)
    known = {size: codec(Inf, "step=8", size=size)._weights for size in ("small", "reference")}
    assert [known["small"](bytes([head])) for head in (0, CODES - 1, 0x78, 0xF0)] == [0, CODES - 1, CODES - 1, None]
    assert [known["reference"](bytes([head])) for head in (CODES, 0x69, 0xE1)] == [0, CODES - 1, None]
    with pytest.raises(StreamError, match="kind of network"):
        known["small"](b"\x99")


def test_skip_reaches_the_decoder_in_the_payload(codec, scenes):
    raw, srgb = scenes["scene-a"]
    found = {}
    for skip in (True, False):
        payload = codec(Inf, "step=8", skip=skip).encode(raw, srgb)
        found[skip] = psnr(raw, codec(Inf, "step=8").decode(payload, srgb))
    assert found[True] > found[False] + 3


def test_networks_learn_a_function_of_colour_that_no_polynomial_is():
    generator = torch.Generator().manual_seed(0)
    base = torch.randint(0, 255, (1, 3, 6, 8), generator=generator).float()
    srgb = torch.nn.functional.interpolate(base, size=(64, 96), mode="bilinear")[0].to(torch.uint8)
    raw = torch.sin(srgb.double() / 40)
    grid = Grid(64, 96, 4)
    out = trained_and_evaluated(grid.take(raw), srgb, grid, SIZES["small"], Context().part)
    assert float((out - raw).square().mean()) < 0.5 * float(raw.square().mean())


def test_streams_of_another_size_are_refused_by_name(codec, scenes):
    raw, srgb = scenes["17x33"]
    payload = bytes([CODES]) + codec(Inf, "step=8").encode(raw, srgb)[1:]
    with pytest.raises(StreamError, match="size=small"):
        codec(Inf, "step=8").decode(payload, srgb)


def test_damaged_payloads(codec, scenes, check_damage):
    raw, srgb = scenes["7x12"]
    check_damage(codec(Inf, "step=8"), codec(Inf, "step=8").encode(raw, srgb), srgb, count=6)
