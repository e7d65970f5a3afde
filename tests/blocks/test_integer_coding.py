from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawbench import StreamError
from rawbench.blocks import integer_coding
from rawbench.blocks.bits import BitReader, BitWriter


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 200),
    st.sampled_from([0.01, 1, 200, 40000]),
    st.sampled_from([0.2, 1, 30]),
)
def test_values_come_back(seed, count, scale, wrong):
    rng = np.random.default_rng(seed)
    sigma = scale * np.exp(rng.normal(size=count))
    integers = np.clip(np.rint(rng.laplace(0, sigma * wrong)), -131071, 131071).astype(np.int64)
    spread = integer_coding.measure_spread(integers, sigma)
    coder = integer_coding.RangeEncoder()
    integer_coding.encode_values(coder, integers, sigma, spread)
    decoder = integer_coding.start(integer_coding.finish(coder), count)
    assert np.array_equal(integer_coding.decode_values(decoder, sigma, spread), integers)


@given(st.integers(-32, 31), st.integers(0, 2))
def test_spreads_come_back_from_a_byte(offset, shape):
    bits = BitWriter()
    integer_coding.Spread(offset, shape).write(bits)
    assert len(bits.to_bytes()) == 1
    assert integer_coding.Spread.read(BitReader(bits.to_bytes())) == integer_coding.Spread(offset, shape)


def test_an_unknown_shape_is_refused():
    with pytest.raises(StreamError, match="distribution"):
        integer_coding.Spread.read(BitReader(b"\xff"))


def test_a_wrong_scale_is_measured():
    rng = np.random.default_rng(1)
    sigma = np.full(5000, 40.0)
    normal = np.rint(rng.normal(0, 160, 5000)).astype(np.int64)
    flat = rng.integers(-70, 71, 5000)
    assert integer_coding.measure_spread(normal, sigma) == integer_coding.Spread(8, 1)
    assert integer_coding.measure_spread(flat, sigma).shape == 2


def test_the_cost_is_near_the_entropy():
    rng = np.random.default_rng(2)
    integers = np.rint(rng.normal(0, 50, 20000)).astype(np.int64)
    sigma = np.full(20000, 50.0)
    coder = integer_coding.RangeEncoder()
    integer_coding.encode_values(coder, integers, sigma, integer_coding.Spread(0, 1))
    entropy = 0.5 * np.log2(2 * np.pi * np.e * 50**2)
    assert 8 * len(integer_coding.finish(coder)) / 20000 < entropy + 0.03


def test_frequencies_are_the_same_on_every_machine():
    tables = [integer_coding._frequencies(index, shape) for index in range(80) for shape in range(3)]
    digest = hashlib.sha256(b"".join(table.astype(np.int64).tobytes() for table in tables)).hexdigest()
    assert digest == "2ab74635525d360a17f81bca58cca6078e704f73e7d57a8d916a9101a8dec944"


def test_too_many_bytes_are_refused():
    with pytest.raises(StreamError, match="more than"):
        integer_coding.start(bytes(1000), 10)
