from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_learned import adaptation as module
from rawbench_learned.adaptation import (
    LARGEST,
    PERIOD,
    REACH,
    SHIFTS,
    Adaptation,
    integer_costs,
    integer_log2,
    shifted_costs,
)
from rawbench_learned.architecture import LATENTS
from rawbench_learned.codec import WEIGHTS
from rawbench_learned.coding import Coder
from rawbench_learned.rate import SCALES, scale_table
from rawbench_learned.tables import gaussian_tables, symbol_costs
from rawbench_learned.weights import read_weights

from .conftest import scene

TABLES = gaussian_tables()
COSTS = shifted_costs(TABLES)


def drawn(seed: int, count: int, off: int) -> tuple[np.ndarray, np.ndarray]:
    """Predicted tables uint8 (count, 48), and symbols of tables that lie ``off`` above them."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, SCALES, (count, LATENTS)).astype(np.uint8)
    scales = scale_table()[np.clip(numbers.astype(int) + off, 0, SCALES - 1)]
    return np.rint(rng.normal(size=numbers.shape) * scales).astype(np.int64), numbers


def coded(adaptation: Adaptation, symbols: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The tables used, uint8 (N, 48)."""
    used = np.empty_like(numbers)
    for part in adaptation.parts(len(numbers)):
        used[part] = adaptation.tables_of(numbers[part])
        adaptation.observe(symbols[part], numbers[part])
    return used


def bits(symbols: np.ndarray, tables: np.ndarray) -> float:
    return float(symbol_costs(symbols.ravel(), tables.ravel(), TABLES).sum())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 2**24), min_size=1, max_size=30))
def test_integer_logarithms_are_those_of_numbers(values):
    found = integer_log2(np.array(values))
    assert np.abs(found - np.floor(256 * np.log2(values))).max() <= 1
    assert integer_log2(np.array([1, 2, 2**24])).tolist() == [0, 256, 24 * 256]


def test_costs_are_those_of_the_tables():
    costs = integer_costs(TABLES)
    for number in (0, 30, 63):
        magnitudes = np.arange(0, LARGEST + 1, 7)
        expected = symbol_costs(magnitudes, np.full(len(magnitudes), number), TABLES)
        assert np.abs(costs[magnitudes, number] / 256 - expected).max() < 0.01
    assert COSTS.shape == (LARGEST + 1, SCALES, SHIFTS)
    assert np.array_equal(COSTS[:, :, REACH], costs)
    assert np.array_equal(COSTS[5, 20], costs[5, 20 - REACH : 20 + REACH + 1])


@pytest.mark.parametrize("off", [-8, 5, 11])
def test_wrong_scales_are_found(off):
    symbols, numbers = drawn(1, 2000, off)
    used = coded(Adaptation(COSTS), symbols, numbers)
    ideal = np.clip(numbers.astype(int) + off, 0, SCALES - 1)
    assert bits(symbols, used) < 0.6 * bits(symbols, ideal) + 0.4 * bits(symbols, numbers)
    middle = (ideal > 20) & (ideal < 60)
    assert np.abs(used[-500:].astype(int) - ideal[-500:])[middle[-500:]].mean() < 1


def test_right_scales_are_left_alone():
    symbols, numbers = drawn(2, 2000, 0)
    used = coded(Adaptation(COSTS), symbols, numbers)
    assert bits(symbols, used) < bits(symbols, numbers) * 1.003


def test_nothing_is_changed_before_the_first_update():
    symbols, numbers = drawn(3, PERIOD, 9)
    adaptation = Adaptation(COSTS)
    assert np.array_equal(coded(adaptation, symbols, numbers), numbers)
    assert (adaptation.tables_of(numbers) >= numbers).mean() > 0.9


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), sizes=st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_how_pixels_are_batched_does_not_matter(seed, sizes):
    symbols, numbers = drawn(seed, sum(sizes), 4)
    whole = coded(Adaptation(COSTS), symbols, numbers)
    adaptation, start = Adaptation(COSTS), 0
    for size in sizes:
        part = slice(start, start + size)
        assert np.array_equal(coded(adaptation, symbols[part], numbers[part]), whole[part])
        start += size


def test_huge_symbols_are_no_fault():
    numbers = np.zeros((PERIOD, LATENTS), np.uint8)
    adaptation = Adaptation(COSTS)
    adaptation.observe(np.full(numbers.shape, -(2**16)), numbers)
    assert (adaptation.tables_of(numbers) <= REACH).all()


def test_without_it_the_shipped_weights_take_more_bytes(monkeypatch):
    raw, srgb = scene(256, 256, 3)
    strange = (srgb.float() / 255).pow(0.7).mul(255).to(torch.uint8)
    coder = Coder(read_weights(WEIGHTS / "learned.safetensors"))

    def size() -> int:
        return sum(len(coder.encode(raw, picture, 134)[0]) for picture in (srgb, strange))

    adaptive = size()
    monkeypatch.setattr(module, "LEAD", 1 << 60)
    assert adaptive < 0.98 * size()
