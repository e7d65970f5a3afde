from __future__ import annotations

import numpy as np
from rawbench_hybrid.mixing import COUNT_BITS, EVEN, ONE, REACH, chance_of, count_in, learn, make_tables, mix


def test_stretch_and_squash_are_inverse():
    tables = make_tables()
    for x in range(-2000, 2001, 50):
        p = int(tables["squash"][x + REACH])
        if 100 < p < 65436:
            back = 256 * np.log(p / (65536 - p))
            assert abs(back - x) < 0.02 * 256
    assert tables["squash"].min() >= 2 and tables["squash"].max() <= 65534


def test_a_counter_learns_how_often():
    counters, paces = np.array([EVEN], np.uint32), make_tables()["paces"]
    for number in range(4000):
        count_in(counters, 0, int(number % 10 == 0), paces, 255)
    assert abs(int(counters[0]) >> COUNT_BITS) / ONE < 0.15
    assert 0.05 < chance_of(counters, 0) / 65536 < 0.15


def test_weights_find_the_counter_that_knows():
    tables, random = make_tables(), np.random.default_rng(1)
    counters = np.full(8, EVEN, np.uint32)
    weights = np.full((2, 2), 20000, np.int64)
    inputs = np.zeros(2, np.int64)
    hits = []
    for _ in range(3000):
        bit = int(random.integers(0, 2))
        index = np.array([bit, 4 + random.integers(0, 4)], np.int64)  # one tells the bit, one says nothing
        views = tables["stretch"], tables["squash"], tables["trust"]
        one, two, both = mix(counters, index, 2, weights, 0, 1, inputs, *views)
        hits.append((both > 32768) == bit)
        learn(counters, index, 2, weights, 0, 1, inputs, tables["paces"], bit, one, two, 255, 3)
    assert np.mean(hits[-500:]) > 0.99
    assert weights[0, 0] > weights[0, 1]
