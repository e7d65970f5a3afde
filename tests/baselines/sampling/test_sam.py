from __future__ import annotations

import pytest
import torch
from rawbench_sampling.grid import STEPS, Grid
from rawbench_sampling.sam import Sam, read_mark
from rawbench_sampling.thin_plate import SPREAD, interpolate, spread_over_colours

from rawbench import StreamError
from rawbench.codec import unwatched

from ..conftest import psnr


@pytest.mark.parametrize(
    "name", ["scene-a", "scene-a-16", "17x33", "7x12", "1x1", "black", "saturated", "unrelated-noise"]
)
@pytest.mark.parametrize("step", [4, 64])
def test_samples_come_back_exactly(codec, scenes, name, step):
    raw, srgb = scenes[name]
    decoded = codec(Sam, f"step={step}").decode(codec(Sam, f"step={step}").encode(raw, srgb), srgb)
    grid = Grid(*raw.shape[1:], step)
    assert decoded.shape == raw.shape and decoded.dtype == torch.float32
    assert torch.allclose(grid.take(decoded), grid.take(raw), atol=1e-7)


def test_bytes_and_psnr_grow_as_the_step_shrinks(codec, scenes):
    raw, srgb = scenes["medium"]
    payloads = {point.name: codec(Sam, point.name).encode(raw, srgb) for point in Sam.rate_points(None)}
    sizes = [len(payload) for payload in payloads.values()]
    assert sizes == sorted(sizes) and len(set(sizes)) == len(STEPS)
    values = [psnr(raw, codec(Sam, name).decode(payload, srgb)) for name, payload in payloads.items()]
    assert values[0] > 25 and values == sorted(values), values


def test_a_payload_without_weights_interpolates_raw_itself(codec, scenes):
    raw, srgb = scenes["scene-a"]
    payload = codec(Sam, "step=8").encode(raw, srgb)
    code, body = read_mark(payload)
    assert code is not None and read_mark(body) == (None, body) and len(body) == len(payload) - 1
    first_version = codec(Sam, "step=8").decode(body, srgb)
    grid = Grid(*raw.shape[1:], 8)
    expected = interpolate(grid.take(raw).double(), srgb, grid, 0.3, unwatched)
    grid.put(expected, grid.take(raw).double())
    assert float((first_version - expected.clamp(0, 1)).abs().max()) < 1e-5
    with pytest.raises(StreamError, match="weights"):
        codec(Sam, "step=8").decode(b"\xff" + body, srgb)


def test_the_paper_counts_48_bits_a_sample(codec, scenes):
    raw, srgb = scenes["17x33"]
    made = codec(Sam, "step=8", accounting="paper")
    payload = made.encode(raw, srgb)
    assert made.context.recorded == {"bits_paper": 48 * 3 * 5}
    assert payload == codec(Sam, "step=8").encode(raw, srgb)


def test_a_function_of_the_colour_is_interpolated():
    generator = torch.Generator().manual_seed(0)
    base = torch.randint(0, 200, (3, 8, 10), generator=generator).float()[None]
    srgb = torch.nn.functional.interpolate(base, scale_factor=8, mode="bilinear")[0].to(torch.uint8)
    raw = (srgb.double() / 255).flip(0) * 0.7 + 0.1
    grid = Grid(64, 80, 8)
    out = interpolate(grid.take(raw), srgb, grid, 0.3, unwatched)
    assert float((out - raw).abs().mean()) < 0.002


def test_an_affine_function_of_colour_and_position_comes_back():
    generator = torch.Generator().manual_seed(0)
    srgb = torch.randint(0, 256, (3, 50, 70), generator=generator).to(torch.uint8)
    y, x = torch.meshgrid(torch.arange(50), torch.arange(70), indexing="ij")
    raw = srgb.double().flip(0) / 400 + 0.002 * y - 0.001 * x
    grid = Grid(50, 70, 6)
    assert torch.allclose(interpolate(grid.take(raw), srgb, grid, 0.3, unwatched), raw, atol=1e-6)


def test_samples_are_spread_over_the_colours():
    codes = torch.zeros(3, 200, dtype=torch.uint8)
    codes[:, 100], codes[0, 150] = 255, 90
    picks = spread_over_colours(codes)
    assert picks[:3].tolist() == [0, 100, 150] and len(picks) == SPREAD
    assert len(spread_over_colours(codes[:, :5])) == 5


def test_damaged_payloads(codec, scenes, check_damage):
    raw, srgb = scenes["17x33"]
    check_damage(codec(Sam, "step=6"), codec(Sam, "step=6").encode(raw, srgb), srgb)
