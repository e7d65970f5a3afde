from __future__ import annotations

import pytest
import torch
from rawbench_learned.codec import Learned, LearnedSerial
from rawbench_learned.paper_systems import tag_of

import rawbench
from rawbench.errors import StreamError, UsageError
from rawbench.options import build_options

from .conftest import scene


def made(method, point=None, **values):
    options = build_options(method.Options, values, method.name)
    point = point or method.rate_points(options)[-1]
    codec = method(options, point)
    codec.setup(rawbench.Context())
    return codec


def test_rate_points_rise_and_any_quality_is_one():
    points = Learned.rate_points(Learned.Options())
    assert len(points) >= 6 and [p.index for p in points] == sorted({p.index for p in points})
    [point] = Learned.rate_points(build_options(Learned.Options, {"quality": "0.37"}, "learned"))
    assert (point.index, point.name) == (94, "q=0.37")
    four = Learned.rate_points(Learned.Options(generation=2))
    assert [p.name for p in four] == [f"untrained beta={beta}" for beta in (3, 2, 1, 0)]
    trained = Learned.rate_points(Learned.Options(generation=2, weights="x"))
    assert [p.name for p in trained] == ["beta=3", "beta=2", "beta=1", "beta=0"]
    [only] = Learned.rate_points(Learned.Options(size="reference"))
    assert only.name == "untrained one rate"


def test_untrained_weights_are_declared():
    for values, untrained in (
        ({}, False),
        ({"weights": "x"}, False),
        ({"generation": 2}, True),
        ({"size": "reference"}, True),
        ({"generation": 2, "weights": "x"}, False),
    ):
        assert Learned.capabilities_of(Learned.Options(**values)).untrained is untrained


def test_impossible_options_are_refused():
    for values, words in (
        ({"quality": "1.5"}, "quality"),
        ({"size": "reference", "quality": "0.5"}, "one rate"),
        ({"tile": "100"}, "tile"),
    ):
        with pytest.raises(UsageError, match=words):
            build_options(Learned.Options, values, "learned")


def test_round_trip_through_the_interface(weights_file):
    raw, srgb = scene(30, 50, 10)
    codec = made(Learned, weights=weights_file)
    payload = codec.encode(raw, srgb)
    assert abs(codec.context.recorded["bits_estimated"] / 8 - len(payload)) <= 0.02 * len(payload) + 16
    decoded = made(Learned, codec.rate_point, weights=weights_file).decode(payload, srgb)
    assert decoded.shape == raw.shape
    assert set(codec.diagnostics(raw, srgb)) == {"bits_per_latent", "order_mask"}


def test_generation_2_decodes_with_default_options(weights_file):
    raw, srgb = scene(20, 20, 10)
    codec = made(Learned, generation=2)
    payload = codec.encode(raw, srgb)
    assert payload[:2] == tag_of(2, "small")
    plain = made(Learned, codec.rate_point, weights=weights_file)
    assert torch.equal(plain.decode(payload, srgb), codec.decode(payload, srgb))


def test_threads_seeds_and_flags_are_left_as_found(weights_file):
    raw, srgb = scene(20, 20)
    before = torch.get_num_threads(), torch.random.get_rng_state(), torch.get_default_dtype()
    codec = made(Learned, weights=weights_file)
    codec.decode(codec.encode(raw, srgb), srgb)
    made(Learned, generation=2).encode(raw, srgb)
    assert before[0] == torch.get_num_threads() and before[2] == torch.get_default_dtype()
    assert torch.equal(before[1], torch.random.get_rng_state())
    assert torch.is_grad_enabled()


def test_complexity_is_counted(weights_file):
    figures = Learned.complexity(Learned.Options(weights=weights_file))
    assert 0 < figures["parameters"] <= 1e6 and 0 < figures["decode_kmac_per_pixel"] <= 25
    reference = Learned.complexity(Learned.Options(generation=2, size="reference"))
    assert reference["parameters"] == 2376084


def test_serial_weights_are_told_apart(weights_file):
    raw, srgb = scene(16, 16)
    payload = made(Learned, weights=weights_file).encode(raw, srgb)
    with pytest.raises(rawbench.RawbenchError, match="serial"):
        made(LearnedSerial, weights=weights_file)
    with pytest.raises(StreamError):
        made(Learned, weights=weights_file).decode(payload[1:], srgb)


@pytest.mark.parametrize("options", [{}, {"generation": 2}])
def test_progress_rises_to_the_end(options):
    raw, srgb = scene(64, 64)
    told = []
    point = Learned.rate_points(Learned.Options(**options))[0]
    codec = Learned(Learned.Options(**options), point)
    codec.setup(rawbench.Context("cpu", advance=lambda done, total: told.append(done / total)))
    payload = codec.encode(raw, srgb)
    encoding, told[:] = list(told), []
    codec.decode(payload, srgb)
    for heard in (encoding, told):
        assert heard and heard == sorted(heard) and heard[-1] < 1
