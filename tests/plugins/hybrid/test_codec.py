from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from rawbench_hybrid import encoder, range_coding, tiles
from rawbench_hybrid.bands import BandCoder, Choice, rimmed
from rawbench_hybrid.codec import BASE, EXACT, Hybrid
from rawbench_hybrid.decoder import pack_bias, unpack_bias
from rawbench_hybrid.model import unlearned

import rawbench
from rawbench.errors import SampleError, StreamError, UsageError
from rawbench.options import build_options
from rawbench.run.coding import encode_stream
from rawbench.stream import Header, write_stream

from .conftest import scene

NOTHING = np.zeros((0, 0), np.int32)


def made(point=None, **values):
    options = build_options(Hybrid.Options, values, "hybrid")
    codec = Hybrid(options, point or Hybrid.rate_points(options)[0])
    codec.setup(rawbench.Context())
    return codec


def at(index):
    return made(next(p for p in Hybrid.rate_points(Hybrid.Options()) if p.index == index))


def header(srgb):
    """How many bytes the file's own takes."""
    return len(write_stream(Header(1, 1, 0, *srgb.shape[1:]), b"", srgb))


def decibels(raw, decoded):
    return -10 * math.log10(max(float(((raw.double() - decoded.double()) ** 2).mean()), 1e-12))


def test_rate_points_rise_from_few_bytes_to_exact():
    raw, srgb = scene(96, 128)
    sizes, quality = [], []
    for point in Hybrid.rate_points(Hybrid.Options()):
        codec = made(point)
        payload = codec.encode(raw, srgb)
        sizes.append(len(payload))
        quality.append(decibels(raw, codec.decode(payload, srgb)))
    assert sizes == sorted(sizes) and sizes[0] < 100
    assert all(b > a - 0.05 for a, b in zip(quality, quality[1:], strict=False))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("shape", [(1, 1), (7, 12), (33, 61)])
def test_lossless_is_exact(shape, bits):
    raw, srgb = scene(*shape, bits=bits)
    codec = at(EXACT)
    decoded = codec.decode(codec.encode(raw, srgb), srgb)
    assert torch.equal(torch.round(decoded.double() * 65535), torch.round(raw.double() * 65535))


def test_lossless_holds_whatever_the_srgb_says():
    random = torch.Generator().manual_seed(0)
    raw = torch.randint(0, 65536, (3, 20, 30), generator=random).double().div(65535).float()
    srgb = torch.randint(0, 256, (3, 20, 30), generator=random).to(torch.uint8)
    codec = at(EXACT)
    decoded = codec.decode(codec.encode(raw, srgb), srgb)
    assert torch.equal(torch.round(decoded.double() * 65535), torch.round(raw.double() * 65535))


def test_tiles_code_the_same_image(monkeypatch):
    raw, srgb = scene(70, 90)
    codec = at(144)
    whole = codec.decode(codec.encode(raw, srgb), srgb)
    monkeypatch.setattr(tiles, "SIDE", 40)
    assert len(tiles.windows(70, 90)) == 6
    parts = codec.decode(codec.encode(raw, srgb), srgb)
    assert abs(decibels(raw, parts) - decibels(raw, whole)) < 0.6
    exact = at(EXACT)
    assert torch.equal(torch.round(exact.decode(exact.encode(raw, srgb), srgb).double() * 65535).long(), tiles_of(raw))


def tiles_of(raw):
    return torch.from_numpy(tiles.raw16(raw)).permute(2, 0, 1).long()


@pytest.mark.parametrize("most", [200, 700, 5000, 10**6])
def test_a_budget_is_met(most):
    raw, srgb = scene(96, 128, seed=2)
    codec = made(max_bytes=most)
    payload = codec.encode(raw, srgb)
    size = len(payload) + header(srgb)
    assert size <= most
    if most < 10**6:
        assert size >= 0.98 * most
    else:
        assert decibels(raw, codec.decode(payload, srgb)) > 110


def test_a_budget_is_never_exceeded_by_the_whole_file():
    """Sides that take two bytes of the header each, and as many budgets as there are ways to end just below one."""
    raw, srgb = scene(130, 130, seed=3)
    sample = rawbench.Sample(rawbench.SampleInfo("a", "", "png", "camera", 130, 130, ""), raw, srgb)
    for most in (300, 301, 302, 500, 501, 1000, 1001, 1003):
        options = Hybrid.Options(max_bytes=most)
        stream = encode_stream(Hybrid, options, Hybrid.rate_points(options)[0], sample, "cpu", 0).stream
        assert 0.97 * most <= len(stream) <= most


def test_a_budget_of_a_larger_image_is_met_from_samples(monkeypatch):
    monkeypatch.setattr(encoder, "_SAMPLED_PIXELS", 5000)
    monkeypatch.setattr(encoder, "_SAMPLE_SIDE", 32)
    raw, srgb = scene(96, 128, seed=2)
    size = len(made(max_bytes=3000).encode(raw, srgb)) + header(srgb)
    assert 0.9 * 3000 <= size <= 3000


def test_a_budget_that_holds_nothing_is_refused():
    raw, srgb = scene(16, 16)
    with pytest.raises(UsageError, match="max_bytes"):
        made(max_bytes=10)
    try:
        assert len(made(max_bytes=40).encode(raw, srgb)) + header(srgb) <= 40
    except SampleError as error:
        assert "40 bytes" in str(error)


def test_the_polynomial_alone_where_nothing_is_left():
    _, srgb = scene(40, 40)
    raw = torch.zeros(3, 40, 40)
    assert len(at(48).encode(raw, srgb)) < 60


def test_quality_is_a_rate_point():
    [point] = Hybrid.rate_points(build_options(Hybrid.Options, {"quality": "0.5"}, "hybrid"))
    assert (point.index, point.name) == (120, "q=0.5")
    [exact] = Hybrid.rate_points(Hybrid.Options(quality=1.0))
    assert exact.index == EXACT
    assert Hybrid.rate_points(Hybrid.Options(quality=0.0))[0].index == BASE


def test_bytes_that_follow_or_are_missing_are_told():
    raw, srgb = scene(40, 50)
    codec = at(128)
    payload = codec.encode(raw, srgb)
    with pytest.raises(StreamError, match="follow"):
        codec.decode(payload + bytes(40) + b"x", srgb)
    base = at(BASE).encode(raw, srgb)
    for rest in (b"\xf5abcde", b"\x10", b"\xff", b"\xff\x07"):
        with pytest.raises(StreamError, match="sense"):
            codec.decode(base + rest, srgb)


def test_biases_are_a_byte():
    for one in range(-8, 8):
        assert unpack_bias(pack_bias((one, -one - 1))) == (one, -one - 1)


@pytest.mark.parametrize("point", [{"quality": "0.5"}, {"quality": "1"}])
@pytest.mark.parametrize(
    "without", ["guide", "weighing", "adaptation", "learning", "guide+weighing+adaptation+learning"]
)
def test_an_ablation_is_decoded_by_any_decoder(without, point):
    raw, srgb = scene(96, 128)
    whole, less = made(**point).encode(raw, srgb), made(**point, without=without)
    payload = less.encode(raw, srgb)
    decoded = made().decode(payload, srgb)
    assert torch.equal(decoded, less.decode(payload, srgb))
    exact = point["quality"] == "1"
    assert decibels(raw, decoded) > (99 if exact else 40)
    parts = set(without.split("+"))
    assert (payload != whole) == (bool(parts & {"adaptation", "learning"}) or not exact)


def test_a_part_that_is_none_is_refused():
    with pytest.raises(UsageError, match="'guid' is no part; there are guide, weighing, adaptation, learning"):
        made(without="guid+weighing")


def test_threads_change_nothing_of_several_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "SIDE", 64)
    raw, srgb = scene(100, 150)
    found, threads = [], torch.get_num_threads()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            for index in (128, EXACT):
                codec = at(index)
                payload = codec.encode(raw, srgb)
                found.append((payload, codec.decode(payload, srgb)))
    finally:
        torch.set_num_threads(threads)
    for alone, several in zip(found[:2], found[2:], strict=True):
        assert alone[0] == several[0] and torch.equal(alone[1], several[1])


def test_a_segment_of_zeros_is_read_as_it_was_written():
    """Lone magnitudes far from each other, at the ends of rows and in rows shorter than a segment."""
    model = unlearned()
    random = np.random.default_rng(0)
    for shape in ((1, 1), (5, 7), (40, 16), (9, 33), (64, 100)):
        q = (random.random(shape) < 0.01) * random.integers(-3, 4, shape)
        q[-1, -1] = 1
        known = (
            NOTHING,
            (NOTHING, NOTHING),
            (NOTHING, NOTHING),
            rimmed(np.zeros(shape, np.int32)),
            np.zeros(shape, np.uint8),
            1,
            3,
        )
        writer = BandCoder(model.copy(), range_coding.WRITE)
        plane = rimmed(q)
        writer.band(np.zeros((0, 0), np.float32), plane, known, 1, Choice())
        reader = BandCoder(model.copy(), range_coding.READ, writer.finish())
        found = np.zeros_like(plane)
        reader.band(np.zeros((0, 0), np.float32), found, known, 1, Choice())
        assert np.array_equal(found, rimmed(q))


def test_an_error_in_a_thread_is_told(monkeypatch):
    def items():
        yield 1
        raise StreamError("damaged")

    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    with pytest.raises(StreamError, match="damaged"):
        list(tiles.ahead(items(), 2))
