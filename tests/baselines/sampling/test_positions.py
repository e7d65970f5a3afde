from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_sampling.positions import MOST, decode_positions, encode_positions

from rawbench import StreamError


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from([4, 8, 16, 32]), st.floats(0, 0.1), st.integers(0, 2**32)
)
def test_masks_come_back_and_what_follows_is_left(height, width, cell, density, seed):
    mask = np.random.default_rng(seed).random((height, width)) < density
    for y in range(0, height, cell):
        for x in range(0, width, cell):
            block = mask[y : y + cell, x : x + cell]
            block[tuple(axis[MOST:] for axis in np.nonzero(block))] = False
    decoded, rest = decode_positions(encode_positions(mask, cell) + b"rest", height, width, cell)
    assert np.array_equal(decoded, mask) and rest == b"rest"


def test_one_sample_a_cell_costs_the_logarithm_of_its_pixels():
    rng = np.random.default_rng(0)
    mask = np.zeros((256, 256), dtype=bool)
    for y in range(0, 256, 8):
        for x in range(0, 256, 8):
            mask[y + rng.integers(8), x + rng.integers(8)] = True
    assert len(encode_positions(mask, 8)) < 32 * 32 * math.log2(64) / 8 * 1.02 + 16


def test_more_cells_than_four_bits_have_logarithms_for():
    mask = np.zeros((1024, 1024), dtype=bool)
    mask[::4, ::4] = True
    mask[1::64, 1::64] = True
    decoded, rest = decode_positions(encode_positions(mask, 4), 1024, 1024, 4)
    assert np.array_equal(decoded, mask) and not rest


def test_damage_ends_in_an_error_or_a_mask():
    mask = np.zeros((20, 30), dtype=bool)
    mask[3::8, 5::8] = True
    payload = encode_positions(mask, 8)
    rng = np.random.default_rng(1)
    for _ in range(200):
        bad = bytearray(payload[: rng.integers(1, len(payload) + 1)])
        bad[rng.integers(len(bad))] ^= 1 << rng.integers(8)
        try:
            decoded, _ = decode_positions(bytes(bad), 20, 30, 8)
        except StreamError as error:
            assert "\n" not in str(error)
        else:
            assert decoded.shape == (20, 30)


@pytest.mark.parametrize("payload", [b"", bytes(5), bytes(20), b"\x11" * 5 + b"\xff" * 9])
def test_what_are_no_positions(payload):
    with pytest.raises(StreamError):
        decode_positions(payload, 8, 8, 4)
