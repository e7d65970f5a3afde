from __future__ import annotations

import pytest
import torch
from rawbench_sampling.grid import Grid
from rawbench_sampling.implicit import SIZES, trained_and_evaluated
from rawbench_sampling.inf import STEPS, Inf

from rawbench import Context, StreamError

from ..conftest import psnr


@pytest.mark.parametrize("name", ["17x33", "7x12", "1x1", "black", "unrelated-noise"])
def test_samples_come_back_exactly(codec, scenes, name):
    raw, srgb = scenes[name]
    decoded = codec(Inf, "step=8").decode(codec(Inf, "step=8").encode(raw, srgb), srgb)
    grid = Grid(*raw.shape[1:], 8)
    assert decoded.shape == raw.shape and decoded.dtype == torch.float32
    assert torch.allclose(grid.take(decoded), grid.take(raw), atol=1e-7)


def test_bytes_grow_as_the_step_shrinks(codec, scenes):
    raw, srgb = scenes["medium"]
    sizes = [len(codec(Inf, point.name).encode(raw, srgb)) for point in Inf.rate_points(None)]
    assert sizes == sorted(sizes) and len(set(sizes)) == len(STEPS)


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
    payload = codec(Inf, "step=8", size="reference").encode(raw, srgb)
    with pytest.raises(StreamError, match="size=small"):
        codec(Inf, "step=8").decode(payload, srgb)


def test_damaged_payloads(codec, scenes, check_damage):
    raw, srgb = scenes["7x12"]
    check_damage(codec(Inf, "step=8"), codec(Inf, "step=8").encode(raw, srgb), srgb, count=6)
