from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rawbench import StreamError
from rawbench.blocks.bits import BitReader, BitWriter
from rawbench.blocks.least_squares import NormalEquations
from rawbench.blocks.polynomial import clipped_channels, exponents
from rawbench.blocks.polynomial_coding import Quantised, read_polynomial, round_coefficients


@st.composite
def quantised(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    degree, spread = draw(st.integers(0, 5)), draw(st.sampled_from([0.5, 8, 1000]))
    corrections = {}
    for clipped in draw(st.sets(st.integers(1, 7))):
        low, outputs = draw(st.integers(0, 5)), len(clipped_channels(clipped))
        shape = (outputs, len(exponents(low, 3 - outputs)))
        corrections[clipped] = (low, np.rint(rng.normal(0, spread, shape)).astype(np.int64))
    main = np.rint(rng.normal(0, spread, (3, len(exponents(degree))))).astype(np.int64)
    step, finer = draw(st.integers(0, 15)), draw(st.integers(0, 15))
    return Quantised(draw(st.integers(0, 3)), draw(st.integers(0, 3)), degree, step, finer, main, corrections)


@given(quantised(), st.binary(max_size=5))
def test_polynomials_come_back_and_leave_what_follows(value, rest):
    read, left = read_polynomial(value.to_bytes() + rest)
    assert left == rest
    assert np.array_equal(read.main, value.main)
    assert read.corrections.keys() == value.corrections.keys()
    for clipped, (degree, integers) in value.corrections.items():
        assert read.corrections[clipped][0] == degree
        assert np.array_equal(read.corrections[clipped][1], integers)
    assert np.array_equal(read.polynomial().coefficients, value.polynomial().coefficients)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_polynomial_or_a_stream_error(payload):
    try:
        value, rest = read_polynomial(payload)
    except StreamError:
        return
    assert value.degree <= 5 and len(rest) <= len(payload)


@given(quantised(), st.data())
def test_a_cut_polynomial_is_refused(value, data):
    payload = value.to_bytes()
    with pytest.raises(StreamError, match="too early"):
        read_polynomial(payload[: data.draw(st.integers(0, len(payload) - 1))])


def test_long_runs_of_ones_end_soon():
    with pytest.raises(StreamError):
        read_polynomial(b"\xf8\x00" + b"\xff" * 10_000_000)


@given(st.lists(st.tuples(st.integers(-3000, 3000), st.integers(0, 15))))
def test_rice_codes_come_back(values):
    writer = BitWriter()
    for value, parameter in values:
        writer.write_rice(value, parameter)
    payload = writer.to_bytes()
    if len(payload) <= 8192:
        reader = BitReader(payload)
        assert [reader.read_rice(parameter) for _, parameter in values] == [value for value, _ in values]


def test_rounding_makes_up_for_itself():
    together, one_by_one = 0.0, 0.0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        design = rng.normal(size=(500, 1)) + 0.05 * rng.normal(size=(500, 6))  # nearly the same column six times
        equations = NormalEquations(6, 1)
        equations.add(torch.from_numpy(design), torch.from_numpy(design @ rng.normal(size=(6, 1))))
        solution = equations.solve()
        together += equations.squared_error(round_coefficients(equations, solution, 0.25) * 0.25).sum()
        one_by_one += equations.squared_error(np.rint(solution / 0.25) * 0.25).sum()
    assert together < 0.5 * one_by_one
