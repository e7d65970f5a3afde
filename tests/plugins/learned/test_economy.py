from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_learned.economy import bits_worth, economical
from rawbench_learned.tables import gaussian_tables


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
