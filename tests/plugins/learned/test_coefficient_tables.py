from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rawbench_learned.base import EXPONENTS, LARGEST_INTEGER, Coefficients
from rawbench_learned.coefficient_tables import SETS, CoefficientCoding, fit_sets
from rawbench_learned.range_coder import SymbolDecoder, SymbolEncoder
from rawbench_learned.tables import gaussian_tables

CHANNELS = 5
TABLES = gaussian_tables()


def populations(seed: int) -> np.ndarray:
    """Coefficients of three kinds of images, whose sizes differ by orders of magnitude, int64 (300, 5)."""
    rng = np.random.default_rng(seed)
    sizes = np.repeat([1.0, 30.0, 2000.0], 100)[:, None] * np.array([8.0, 4.0, 2.0, 1.0, 1.0])
    return np.rint(rng.normal(size=(300, CHANNELS)) * sizes).astype(np.int64)


@pytest.fixture(scope="module")
def coding() -> CoefficientCoding:
    return CoefficientCoding(*fit_sets(populations(0), TABLES), TABLES)


def written(coding: CoefficientCoding, means: Coefficients) -> SymbolEncoder:
    encoder = SymbolEncoder()
    coding.write(means, encoder)
    return encoder


@given(
    st.lists(st.integers(-LARGEST_INTEGER, LARGEST_INTEGER), min_size=CHANNELS, max_size=CHANNELS),
    st.integers(0, EXPONENTS - 1),
)
def test_any_means_come_back(coding, integers, exponent):
    stream = written(coding, Coefficients(np.array(integers), exponent)).finish()
    read = coding.read(SymbolDecoder(stream))
    assert read.integers.tolist() == integers and read.exponent == exponent


def test_sets_serve_each_kind_of_image(coding):
    one = CoefficientCoding(coding.shifts[-1:].repeat(SETS, 0), coding.rows[-1:].repeat(SETS, 0), TABLES)
    values = populations(1)
    bits, bits_of_one = (np.mean([written(c, Coefficients(v, 0)).ideal_bits for v in values]) for c in (coding, one))
    # What Gaussians of the right width would take, and 7 bits for exponent and set.
    sizes = np.maximum(np.abs(populations(0)).reshape(3, 100, -1).std(1), 0.5)
    ideal = 7 + np.mean(np.log2(sizes * np.sqrt(2 * np.pi * np.e)).clip(0).sum(1))
    assert bits < bits_of_one - 10
    assert bits < ideal + 6


def test_fewer_images_than_sets_are_enough():
    shifts, rows = fit_sets(populations(2)[:3], TABLES)
    assert shifts.shape == rows.shape == (SETS, CHANNELS)
