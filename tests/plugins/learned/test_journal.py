from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_learned import cost
from rawbench_learned.exact import STEP
from rawbench_learned.journal import (
    STEPS,
    complexity,
    journal_coder,
    quantisation_step,
    run,
    table_shift,
)
from rawbench_learned.journal_networks import JournalNetworks, OrderStep
from rawbench_learned.paper_blocks import reflected
from rawbench_learned.paper_systems import SIZES, dropped_steps, gamma, tag_of
from rawbench_learned.rate import scale_table

from rawbench.errors import StreamError

from .conftest import scene


def test_the_reference_has_the_published_size():
    networks = JournalNetworks(*SIZES["reference"])
    parts = {
        "analysis": 0.552e6,
        "synthesis": 0.738e6,
        "hyper_analysis": 0.124e6,
        "hyper": 0.527e6,
    }
    for name, published in parts.items():
        assert cost.parameters(getattr(networks, name)) == pytest.approx(published, rel=5e-3), name
    for level in networks.levels:
        assert cost.parameters(level.order) == pytest.approx(0.071e6, rel=1e-2)
        assert cost.parameters(level.parameters_of) == pytest.approx(0.043e6, rel=1e-2)
        assert cost.parameters(level.context) == pytest.approx(0.104e6, rel=5e-3)
    assert cost.parameters(networks) == pytest.approx(2.38e6, rel=2e-3)


def test_the_reference_costs_what_is_published():
    count, encode, decode = complexity("reference")
    assert count == 2376084
    # Published: 0.74 M at full resolution in the synthesis alone, 0.85 M for a forward pass through everything, in
    # which the entropy networks count once; encode and decode both run them.
    networks = JournalNetworks(*SIZES["reference"]).to("meta")
    with cost.counted(networks.synthesis) as synthesis:
        run(networks, encode=False)
    assert sum(synthesis) / cost.SIDE**2 == pytest.approx(0.737e6, rel=1e-2)
    assert encode + sum(synthesis) / cost.SIDE**2 / 1000 == pytest.approx(851, rel=0.05)
    assert decode > sum(synthesis) / cost.SIDE**2 / 1000


@pytest.mark.parametrize("encode", [True, False])
def test_all_tensors_are_made_on_the_device_of_the_networks(encode):
    networks = JournalNetworks(*SIZES["small"]).to("meta")
    assert run(networks, encode).device.type == "meta"


@pytest.mark.parametrize("quality", [0, 100, 255])
def test_round_trip_and_dropped_steps(quality):
    coder = journal_coder("small", 512, "cpu")
    raw, srgb = scene(40, 52, 9)
    stream, encoder = coder.encode(raw, srgb, quality)
    assert coder.encode(raw, srgb, quality)[0] == stream
    decoded = coder.decode(stream, srgb, quality)
    assert decoded.shape == raw.shape and decoded.min() >= 0 and decoded.max() <= 1
    estimate = encoder.ideal_bits / 8 + 2
    assert abs(len(stream) - estimate) <= 0.02 * estimate + 16


def test_quality_drops_steps():
    assert [dropped_steps(q) for q in (0, 63, 64, 128, 255)] == [3, 3, 2, 1, 0]
    assert [gamma(q) for q in (0, 3, 4, 63, 64, 255)] == [15, 15, 14, 0, 15, 0]
    coder = journal_coder("small", 512, "cpu")
    raw, srgb = scene(48, 48, 9)
    sizes = [len(coder.encode(raw, srgb, q)[0]) for q in (0, 63, 64, 127, 191, 192, 224, 255)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[1] and sizes[-3] < sizes[-2] < sizes[-1]


def test_a_larger_step_falls_to_the_table_of_its_scale():
    scales = scale_table()
    for coarser in range(16):
        shifted = scales[20] / 2 ** (coarser / 4)
        assert scales[20 - table_shift(coarser)] == pytest.approx(shifted, rel=0.07)


@pytest.mark.parametrize("quality", [150, 255])
def test_tiles_change_no_bit(quality):
    raw, srgb = scene(200, 280, 9)
    [(first, _), (second, _)] = [journal_coder("small", t, "cpu").encode(raw, srgb, quality) for t in (64, 512)]
    assert first == second
    latents = [journal_coder("small", tile, "cpu").latents(first, srgb, quality) for tile in (64, 128)]
    assert torch.equal(*latents)
    decoded = [journal_coder("small", tile, "cpu").decode(first, srgb, quality) for tile in (64, 512)]
    assert (decoded[0] - decoded[1]).abs().max() <= 1e-5


def test_borders_are_reflected():
    x = torch.arange(6.0).view(1, 1, 2, 3)
    assert reflected(x)[0, 0].tolist() == [
        [4.0, 3.0, 4.0, 5.0, 4.0],
        [1.0, 0.0, 1.0, 2.0, 1.0],
        [4.0, 3.0, 4.0, 5.0, 4.0],
        [1.0, 0.0, 1.0, 2.0, 1.0],
    ]
    assert reflected(x[..., :1, :1]).unique().tolist() == [0.0]


def test_every_latent_has_one_step():
    coder = journal_coder("small", 512, "cpu")
    maps = coder.diagnostics(*scene(64, 48, 9), 255)
    assert maps["order_mask"].shape == (16, 12)
    assert set(maps["order_mask"].unique().tolist()) <= set(range(STEPS + 1))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_order_steps_take_only_what_is_left(seed):
    torch.manual_seed(seed)
    order = OrderStep(8, 2).requires_grad_(False)
    phi = torch.randint(-128, 128, (1, 4, 6, 6)) * STEP
    srgb = torch.randint(-128, 128, (1, 3, 6, 6)) * STEP
    taken = (torch.rand(1, 1, 6, 6) < 0.5).float()
    new = order(phi, taken, srgb)
    assert (new * taken).sum() == 0 and set(new.unique().tolist()) <= {0.0, 1.0}


def test_quantisation_steps_are_powers_of_a_fourth_root():
    steps = quantisation_step(torch.arange(-32.0, 33.0))
    expected = torch.exp2(torch.arange(-32.0, 33.0).double() / 4)
    assert torch.allclose(steps.double(), expected, rtol=1e-7)
    assert quantisation_step(torch.tensor([-4.0, 0.0, 8.0])).tolist() == [0.5, 1.0, 4.0]


def test_foreign_streams_are_refused():
    coder = journal_coder("small", 512, "cpu")
    _, srgb = scene(16, 16)
    with pytest.raises(StreamError, match="other weights"):
        coder.decode(tag_of(2, "reference"), srgb, 255)
    decoded = coder.decode(tag_of(2, "small"), srgb, 255)  # a stream of zeros
    assert torch.isfinite(decoded).all()
