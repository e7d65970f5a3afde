from __future__ import annotations

import pytest
import torch
from rawbench_sampling.global_map import fit_global_map
from rawbench_sampling.grid import STEPS, Grid
from rawbench_sampling.uniform import Uniform

from ..conftest import psnr


@pytest.mark.parametrize("name", ["scene-a", "17x33", "7x12", "1x1", "black", "saturated", "unrelated-noise"])
@pytest.mark.parametrize("step", [4, 64])
def test_samples_come_back_exactly(codec, scenes, name, step):
    raw, srgb = scenes[name]
    payload = codec(Uniform, f"step={step}").encode(raw, srgb)
    decoded = codec(Uniform, f"step={step}").decode(payload, srgb)
    grid = Grid(*raw.shape[1:], step)
    assert decoded.shape == raw.shape and decoded.dtype == torch.float32
    assert torch.allclose(grid.take(decoded), grid.take(raw), atol=1e-7)


def test_bytes_grow_as_the_step_shrinks_and_samples_never_hurt(codec, scenes):
    raw, srgb = scenes["medium"]
    payloads = {point.name: codec(Uniform, point.name).encode(raw, srgb) for point in Uniform.rate_points(None)}
    sizes = [len(payload) for payload in payloads.values()]
    assert sizes == sorted(sizes) and len(set(sizes)) == len(STEPS)
    for (name, payload), step in zip(payloads.items(), STEPS, strict=True):
        grid = Grid(raw.shape[1], raw.shape[2], step)
        alone = fit_global_map(raw, srgb, grid.rows * grid.columns).polynomial()(srgb).clamp(0, 1)
        assert psnr(raw, codec(Uniform, name).decode(payload, srgb)) > psnr(raw, alone)


def test_step_8_costs_less_than_48_bits_a_sample_and_beats_step_64(codec, scenes):
    raw, srgb = scenes["medium"]
    payloads = {step: codec(Uniform, f"step={step}").encode(raw, srgb) for step in (8, 64)}
    values = {s: psnr(raw, codec(Uniform, f"step={s}").decode(p, srgb)) for s, p in payloads.items()}
    assert 8 * len(payloads[8]) / srgb[0].numel() < 0.6
    assert values[8] > values[64]


def test_damaged_payloads(codec, scenes, check_damage):
    raw, srgb = scenes["17x33"]
    check_damage(codec(Uniform, "step=4"), codec(Uniform, "step=4").encode(raw, srgb), srgb)


@pytest.mark.parametrize("size", [(1, 1), (7, 12), (16, 16), (17, 33), (100, 64)])
@pytest.mark.parametrize("step", [4, 8, 64])
def test_grids_are_centred_and_never_empty(size, step):
    grid = Grid(*size, step)
    image = torch.arange(size[0] * size[1]).reshape(1, *size)
    taken = grid.take(image)
    assert taken.shape == (1, grid.rows, grid.columns) and taken.numel() > 0
    row, column = grid.nearest(torch.device("cpu"))
    y = torch.arange(size[0])
    assert int((grid.first_row + row * step - y).abs().max()) <= step // 2 + (step if grid.rows == 1 else step // 2)
    assert len(row) == size[0] and len(column) == size[1]
    canvas = torch.zeros_like(image)
    grid.put(canvas, taken)
    assert torch.equal(grid.take(canvas), taken)
