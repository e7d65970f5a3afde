from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_learned.coder import DIGEST_BYTES
from rawbench_learned.coding import Coder
from rawbench_learned.range_coder import SymbolEncoder
from rawbench_learned.serial import SerialCoder
from rawbench_learned.weights import read_weights

from rawbench.errors import SampleError, StreamError

from .conftest import scene


@pytest.fixture(scope="module", params=[Coder, SerialCoder])
def coder(request, weights):
    return request.param(weights)


@pytest.mark.parametrize("quality", [0, 100, 255])
def test_round_trip(coder, quality):
    raw, srgb = scene(32, 48, 3)
    stream, encoder = coder.encode(raw, srgb, quality)
    assert coder.encode(raw, srgb, quality)[0] == stream
    with torch.no_grad():
        image = coder.of(srgb, quality)
        written, read = image.write(image.analyse(raw), SymbolEncoder()), image.read(stream[DIGEST_BYTES:])
    assert torch.equal(written.z_hat, read.z_hat) and written.gain == read.gain
    assert torch.equal(written.order, read.order)
    assert np.array_equal(written.coefficients.integers, read.coefficients.integers)
    decoded = coder.decode(stream, srgb, quality)
    assert decoded.shape == raw.shape and decoded.dtype == torch.float32
    assert decoded.min() >= 0 and decoded.max() <= 1
    estimate = encoder.ideal_bits / 8 + 2
    assert abs(len(stream) - estimate) <= 0.02 * estimate + 16


def test_more_quality_is_more_bytes_and_less_error(weights):
    coder = Coder(weights)
    raw, srgb = scene(64, 64, 1)
    sizes, errors = [], []
    for quality in (0, 128, 255):
        stream, _ = coder.encode(raw, srgb, quality)
        sizes.append(len(stream))
        errors.append(float((coder.decode(stream, srgb, quality) - raw).square().mean()))
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    assert errors[-1] < errors[0]


@settings(max_examples=12, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_any_size(weights, height, width):
    coder = Coder(weights)
    raw, srgb = scene(height, width, 2)
    stream, _ = coder.encode(raw, srgb, 200)
    assert coder.decode(stream, srgb, 200).shape == (3, height, width)


def test_tiles_and_whole_are_the_same(weights):
    raw, srgb = scene(208, 304, 5)
    streams = {tile: Coder(weights, tile).encode(raw, srgb, 230)[0] for tile in (64, 112, 4096)}
    assert len(set(streams.values())) == 1
    whole = Coder(weights, 4096).decode(streams[64], srgb, 230)
    tiled = Coder(weights, 64).decode(streams[64], srgb, 230)
    assert (whole - tiled).abs().max() <= 1e-5


def test_analysis_tiles_do_not_show(weights, monkeypatch):
    import rawbench_learned.coding as coding

    raw, srgb = scene(160, 160, 6)
    coder = Coder(weights)
    image = coder.of(srgb, 128)
    with torch.no_grad():
        whole = image.analyse(raw)
        monkeypatch.setattr(coding, "ANALYSIS_TILE", 64)
        tiled = image.analyse(raw)
    assert (whole.z - tiled.z).abs().max() < 1e-4


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 200), flips=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 255)), max_size=3))
def test_damaged_payloads_decode_or_raise_stream_error(weights, cut, flips):
    coder = Coder(weights)
    raw, srgb = scene(24, 24, 7)
    stream = bytearray(coder.encode(raw, srgb, 255)[0])
    for place, change in flips:
        stream[place % len(stream)] ^= change
    try:
        decoded = coder.decode(bytes(stream[: len(stream) - cut % len(stream)]), srgb, 255)
    except StreamError as error:
        assert "\n" not in str(error)
        return
    assert decoded.shape == raw.shape and bool(torch.isfinite(decoded).all())


def test_a_stream_of_other_weights_is_refused(weights):
    coder = Coder(weights)
    raw, srgb = scene(16, 16)
    stream, _ = coder.encode(raw, srgb, 0)
    other = bytes([stream[0] ^ 1]) + stream[1:]
    for damaged in (other, b"", stream[:1]):
        with pytest.raises(StreamError, match="other weights"):
            coder.decode(damaged, srgb, 0)


def test_impossible_sizes_are_refused(weights):
    coder = Coder(weights)
    with pytest.raises(SampleError, match="nothing"):
        coder.encode(torch.zeros(3, 0, 4), torch.zeros(3, 0, 4, dtype=torch.uint8), 0)
    large = torch.zeros(1, dtype=torch.uint8).expand(3, 30000, 30000)
    with pytest.raises(SampleError, match="2\\^31"):
        coder.encode(torch.zeros(1).expand(3, 30000, 30000), large, 0)


def test_diagnostics_sum_to_the_stream(weights):
    coder = Coder(weights)
    raw, srgb = scene(64, 64, 4)
    stream, _ = coder.encode(raw, srgb, 255)
    maps = coder.diagnostics(raw, srgb, 255)
    assert maps["bits_per_latent"].shape == maps["order_mask"].shape == (16, 16)
    assert set(maps["order_mask"].unique().tolist()) <= {0, 1, 2, 3}
    assert abs(maps["bits_per_latent"].sum() / 8 - len(stream)) < 60
    assert np.isfinite(maps["bits_per_latent"].numpy()).all()


def test_extreme_images_round_trip(weights):
    coder = Coder(weights)
    srgb = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    for raw in (torch.zeros(3, 32, 32), torch.ones(3, 32, 32), torch.rand(3, 32, 32)):
        stream, _ = coder.encode(raw, srgb, 255)
        coder.decode(stream, srgb, 255)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_streams_pass_between_devices(weights_file):
    raw, srgb = scene(64, 80, 3)
    here, there = Coder(read_weights(weights_file)), Coder(read_weights(weights_file, "cuda"))
    stream, _ = there.encode(raw.cuda(), srgb.cuda(), 230)
    assert torch.equal(here.latents(stream, srgb, 230), there.latents(stream, srgb.cuda(), 230).cpu())
    decoded = there.decode(stream, srgb.cuda(), 230).cpu()
    assert (decoded - here.decode(stream, srgb, 230)).abs().max() <= 1e-5
