from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_learned.autoregressive import SerialCoder
from rawbench_learned.coding import Coder, KnownLatents, bits_worth, economical, untimed
from rawbench_learned.networks import LATENTS, SerialContext, lattice
from rawbench_learned.range_coder import SymbolEncoder
from rawbench_learned.tables import gaussian_tables
from rawbench_learned.weights import read_weights

from rawbench.errors import SampleError, StreamError

from .conftest import scene


@pytest.fixture(scope="module", params=[Coder, SerialCoder])
def coder(request, weights):
    return request.param(weights)


def test_each_step_gathers_the_context_that_training_sees(weights):
    context, (height, width) = weights.networks.context, (6, 9)
    z_hat = torch.randint(-400, 400, (1, LATENTS, height, width)) / 8
    known, order = KnownLatents(weights.networks, height, width, z_hat.device), lattice(height, width, 4, z_hat.device)
    for step in range(4):
        mask = (order < step).float()[None, None]
        expected = torch.cat(context(z_hat * mask, mask, step), 1)[0].flatten(1)
        positions = (order.flatten() == step).nonzero()[:, 0]
        assert torch.equal(torch.cat(known.context(positions, step), 1), expected[:, positions].T)
        known.add(positions, *known.embedded(z_hat[0].flatten(1).T[positions]))


def test_the_serial_coder_gathers_what_its_training_sees(weights):
    networks, (height, width) = weights.networks, (4, 7)
    context = SerialContext(networks.config.model_copy(update={"serial": True})).requires_grad_(False)
    context.embed.load_state_dict(networks.context.embed.state_dict())
    context.deconvolve[0].load_state_dict(networks.context.deconvolve[0].state_dict())
    z_hat = torch.randint(-400, 400, (1, LATENTS, height, width)) / 8
    expected = torch.cat(context(z_hat, torch.ones(1, 1, height, width)), 1)[0].flatten(1)
    known = KnownLatents(weights.networks, height, width, z_hat.device)
    for position in torch.arange(height * width).split(1):
        assert torch.equal(torch.cat(known.context(position, 0), 1), expected[:, position].T)
        known.add(position, *known.embedded(z_hat[0].flatten(1).T[position]))


@pytest.mark.parametrize("quality", [0, 100, 255])
def test_round_trip(coder, quality):
    raw, srgb = scene(32, 48, 3)
    stream, encoder = coder.encode(raw, srgb, quality, untimed)
    assert coder.encode(raw, srgb, quality, untimed)[0] == stream
    written = coder.write(coder.analyse(raw, srgb, quality), srgb, quality, SymbolEncoder(), untimed)
    read = coder.read(stream, srgb, quality, untimed)
    assert torch.equal(written.z_hat, read.z_hat) and torch.equal(written.means, read.means)
    assert torch.equal(written.order, read.order) and written.gain == read.gain
    decoded = coder.decode(stream, srgb, quality, untimed)
    assert decoded.shape == raw.shape and decoded.dtype == torch.float32
    assert decoded.min() >= 0 and decoded.max() <= 1
    estimate = encoder.ideal_bits / 8 + 2
    assert abs(len(stream) - estimate) <= 0.02 * estimate + 16


def test_more_quality_is_more_bytes_and_less_error(weights):
    coder = Coder(weights)
    raw, srgb = scene(64, 64, 1)
    sizes, errors = [], []
    for quality in (0, 128, 255):
        stream, _ = coder.encode(raw, srgb, quality, untimed)
        sizes.append(len(stream))
        errors.append(float((coder.decode(stream, srgb, quality, untimed) - raw).square().mean()))
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    assert errors[-1] < errors[0]


@settings(max_examples=12, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_any_size(weights, height, width):
    coder = Coder(weights)
    raw, srgb = scene(height, width, 2)
    stream, _ = coder.encode(raw, srgb, 200, untimed)
    assert coder.decode(stream, srgb, 200, untimed).shape == (3, height, width)


def test_tiles_and_whole_are_the_same(weights):
    raw, srgb = scene(208, 304, 5)
    streams = {tile: Coder(weights, tile).encode(raw, srgb, 230, untimed)[0] for tile in (64, 112, 4096)}
    assert len(set(streams.values())) == 1
    whole = Coder(weights, 4096).decode(streams[64], srgb, 230, untimed)
    tiled = Coder(weights, 64).decode(streams[64], srgb, 230, untimed)
    assert (whole - tiled).abs().max() <= 1e-5


def test_analysis_tiles_do_not_show(weights, monkeypatch):
    import rawbench_learned.coding as coding

    raw, srgb = scene(160, 160, 6)
    coder = Coder(weights)
    whole = coder.analyse(raw, srgb, 128)
    monkeypatch.setattr(coding, "ANALYSIS_TILE", 64)
    tiled = coder.analyse(raw, srgb, 128)
    assert (whole.z - tiled.z).abs().max() < 1e-4 and (whole.v - tiled.v).abs().max() < 1e-4


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 200), flips=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 255)), max_size=3))
def test_damaged_payloads_decode_or_raise_stream_error(weights, cut, flips):
    coder = Coder(weights)
    raw, srgb = scene(24, 24, 7)
    stream = bytearray(coder.encode(raw, srgb, 255, untimed)[0])
    for place, change in flips:
        stream[place % len(stream)] ^= change
    try:
        decoded = coder.decode(bytes(stream[: len(stream) - cut % len(stream)]), srgb, 255, untimed)
    except StreamError as error:
        assert "\n" not in str(error)
        return
    assert decoded.shape == raw.shape and bool(torch.isfinite(decoded).all())


def test_a_stream_of_other_weights_is_refused(weights):
    coder = Coder(weights)
    raw, srgb = scene(16, 16)
    stream, _ = coder.encode(raw, srgb, 0, untimed)
    other = bytes([stream[0] ^ 1]) + stream[1:]
    for damaged in (other, b"", stream[:1]):
        with pytest.raises(StreamError, match="other weights"):
            coder.decode(damaged, srgb, 0, untimed)


def test_impossible_sizes_are_refused(weights):
    coder = Coder(weights)
    with pytest.raises(SampleError, match="nothing"):
        coder.encode(torch.zeros(3, 0, 4), torch.zeros(3, 0, 4, dtype=torch.uint8), 0, untimed)
    large = torch.zeros(1, dtype=torch.uint8).expand(3, 30000, 30000)
    with pytest.raises(SampleError, match="2\\^31"):
        coder.encode(torch.zeros(1).expand(3, 30000, 30000), large, 0, untimed)


def test_diagnostics_sum_to_the_stream(weights):
    coder = Coder(weights)
    raw, srgb = scene(64, 64, 4)
    stream, _ = coder.encode(raw, srgb, 255, untimed)
    maps = coder.diagnostics(raw, srgb, 255)
    assert maps["bits_per_latent"].shape == maps["order_mask"].shape == (16, 16)
    assert set(maps["order_mask"].unique().tolist()) <= {0, 1, 2, 3}
    assert abs(maps["bits_per_latent"].sum() / 8 - len(stream)) < 60
    assert np.isfinite(maps["bits_per_latent"].numpy()).all()


def test_extreme_images_round_trip(weights):
    coder = Coder(weights)
    srgb = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    for raw in (torch.zeros(3, 32, 32), torch.ones(3, 32, 32), torch.rand(3, 32, 32)):
        stream, _ = coder.encode(raw, srgb, 255, untimed)
        coder.decode(stream, srgb, 255, untimed)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), worth=st.sampled_from([1e-6, 0.1, 3.0, 1e12]))
def test_economical_symbols_are_the_nearest_or_one_nearer_to_zero(seed, worth):
    generator = np.random.Generator(np.random.PCG64(seed))
    ratios = generator.normal(0, 2, (20, 48))
    numbers = generator.integers(0, 64, (20, 48)).astype(np.uint8)
    nearest = np.rint(ratios).astype(np.int64)
    chosen = economical(ratios, numbers, np.full(48, worth), gaussian_tables())
    smaller = nearest - np.sign(nearest)
    assert ((chosen == nearest) | (chosen == smaller)).all()
    if worth == 1e12:
        assert np.array_equal(chosen, nearest)


def test_bits_are_worth_less_at_low_quality():
    worths = [bits_worth(q) for q in range(256)]
    assert worths == sorted(worths) and worths[0] > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_streams_pass_between_devices(weights_file):
    raw, srgb = scene(64, 80, 3)
    here, there = Coder(read_weights(weights_file)), Coder(read_weights(weights_file, "cuda"))
    stream, _ = there.encode(raw.cuda(), srgb.cuda(), 230, untimed)
    assert torch.equal(here.latents(stream, srgb, 230), there.latents(stream, srgb.cuda(), 230).cpu())
    decoded = there.decode(stream, srgb.cuda(), 230, untimed).cpu()
    assert (decoded - here.decode(stream, srgb, 230, untimed)).abs().max() <= 1e-5
