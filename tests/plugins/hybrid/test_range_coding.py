from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_hybrid import range_coding
from rawbench_hybrid.range_coding import READ, WRITE, code_bit, finish_writing, new_state, start_reading


def written(bits, chances):
    state, buffer = new_state(), np.zeros(4 * len(bits) + 64, np.uint8)
    for bit, chance in zip(bits, chances, strict=True):
        code_bit(state, buffer, WRITE, bit, chance)
    finish_writing(state, buffer)
    return buffer[: state[range_coding.POSITION]].tobytes().rstrip(b"\0")


def read(payload, chances):
    state, buffer = new_state(), np.frombuffer(payload or b"\0", np.uint8).copy()
    start_reading(state, buffer)
    return [code_bit(state, buffer, READ, 0, chance) for chance in chances]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 65535)), max_size=300))
def test_bits_come_back(pairs):
    bits, chances = [b for b, _ in pairs], [c for _, c in pairs]
    assert read(written(bits, chances), chances) == bits


def test_carries_run_through_many_bytes():
    # The likelier half, over and over, and then a turn: what makes long runs of 0xFF.
    bits = [0] * 4000 + [1, 0, 1] * 50 + [0] * 4000
    chances = [1] * 4000 + [32768] * 150 + [3] * 4000
    assert read(written(bits, chances), chances) == bits


def test_likely_bits_cost_little():
    random = np.random.default_rng(0)
    bits = (random.random(20000) < 0.02).astype(int).tolist()
    payload = written(bits, [1311] * len(bits))
    p = sum(bits) / len(bits)
    entropy = -len(bits) * (p * np.log2(p) + (1 - p) * np.log2(1 - p)) / 8
    assert len(payload) < 1.02 * entropy + 8
