from __future__ import annotations

import numpy as np
import pytest
from constriction import stream
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_learned import tables
from rawbench_learned.range_coder import SymbolDecoder, SymbolEncoder
from rawbench_learned.rate import SCALES, scale_table
from rawbench_learned.tables import TOTAL, gaussian_tables, integer_row, joined

from rawbench.errors import PluginError, StreamError

TABLES = gaussian_tables()


def test_tables_are_integers_that_sum_to_the_total():
    for number in range(SCALES):
        row = TABLES.row(number).astype(np.int64)
        assert row.sum() == TOTAL and row.min() > 0
        body = row[:-1]
        peak = len(body) // 2
        assert TABLES.minima[number] == -peak
        others = np.delete(body, peak)
        assert np.array_equal(others, others[::-1])


def test_tables_that_do_not_sum_are_refused():
    with pytest.raises(ValueError, match="2\\*\\*24"):
        joined([np.array([5, 7], np.uint32)], [0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50).filter(lambda m: sum(m) > 0))
def test_integer_rows_keep_every_symbol_possible(masses):
    row = integer_row(np.array(masses))
    assert row.sum(dtype=np.int64) == TOTAL and row.min() >= 1


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), size=st.sampled_from([0, 1, 2, 3, 17, 400]), wild=st.booleans())
def test_round_trip_with_escapes(seed, size, wild):
    generator = np.random.Generator(np.random.PCG64(seed))
    numbers = generator.integers(0, SCALES, size)
    spread = scale_table()[numbers] * (1 + wild * 30 * (generator.random(size) < 0.2))
    symbols = np.round(generator.normal(size=size) * spread).astype(np.int64).clip(-32767, 32767)
    encoder = SymbolEncoder()
    encoder.write(symbols, numbers, TABLES)
    encoder.write_uniform(np.array([3, 0, 6]), 7)
    encoder.write(symbols[::-1], numbers[::-1], TABLES)
    stream = encoder.finish()
    assert 8 * len(stream) <= encoder.ideal_bits * 1.001 + 16
    decoder = SymbolDecoder(stream)
    assert np.array_equal(decoder.read(numbers, TABLES), symbols)
    assert decoder.read_uniform(3, 7).tolist() == [3, 0, 6]
    assert np.array_equal(decoder.read(numbers[::-1], TABLES), symbols[::-1])


def test_nothing_costs_nothing():
    assert SymbolEncoder().finish() == b""


def test_models_are_the_integer_tables_exactly():
    unit = (2**64 - 1) >> 24
    for number in (0, 20, 63):
        lefts = np.concatenate([[0], np.cumsum(TABLES.row(number), dtype=np.int64)])
        for entry in range(0, len(lefts) - 1, 5):
            for point in (int(lefts[entry]) * unit, int(lefts[entry + 1]) * unit - 1):
                words = np.array([point >> 32, point & 0xFFFFFFFF], np.uint32)
                assert stream.queue.RangeDecoder(words).decode(TABLES.models[number]) == entry


def test_a_library_with_other_intervals_is_noticed(monkeypatch):
    rounded = tables.stream.model.Categorical

    class Shifted:
        @staticmethod
        def Categorical(probabilities, perfect):  # noqa: N802
            return rounded(np.roll(probabilities, 1), perfect=perfect)

    monkeypatch.setattr(tables.stream, "model", Shifted)
    with pytest.raises(PluginError, match="constriction"):
        _ = gaussian_tables().models


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_decode_or_raise(payload):
    numbers = np.arange(200) % SCALES
    try:
        symbols = SymbolDecoder(payload).read(numbers, TABLES)
    except StreamError:
        return
    assert symbols.shape == (200,)
