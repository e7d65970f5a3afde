from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rawbench.blocks.least_squares import NormalEquations, cholesky, product, solve_factored

FIT = """
import sys
import torch
from rawbench.blocks.polynomial_fitting import fit_polynomial
from rawbench.testing.scenes import kit_images
torch.set_num_threads(int(sys.argv[1]))
for image in kit_images():
    raw, srgb = torch.from_numpy(image.raw), torch.from_numpy(image.srgb)
    print(image.name, fit_polynomial(srgb, raw, 5, 1e-5).to_bytes().hex())
"""


def rows(seed: int, count: int = 5000, terms: int = 6, outputs: int = 2) -> tuple[torch.Tensor, ...]:
    rng = np.random.default_rng(seed)
    design, target = rng.uniform(-1, 1, (count, terms)), rng.uniform(-1, 1, (count, outputs))
    weight = rng.choice([0.0, 1 / 64, 1.0], count)
    return torch.from_numpy(design), torch.from_numpy(target), torch.from_numpy(weight)


@given(st.integers(0, 2**32 - 1))
def test_sums_are_exact_in_any_order(seed):
    design, target, weight = rows(seed, 2048)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(design)))
    one, other = NormalEquations(6, 2), NormalEquations(6, 2)
    one.add(design, target, weight)
    other.add(design[order], target[order], weight[order])
    assert np.array_equal(one.gram, other.gram) and np.array_equal(one.moment, other.moment)
    assert np.array_equal(one.energy, other.energy) and one.weight == other.weight


def test_moments_are_those_of_the_rows():
    design, target, weight = rows(1)
    equations = NormalEquations(6, 2)
    equations.add(design, target, weight)
    weighted = (design * weight[:, None]).T
    assert np.allclose(equations.gram, weighted @ design, atol=1e-2)
    assert np.allclose(equations.moment, weighted @ target, atol=1e-2)
    assert np.allclose(equations.energy, (weight[:, None] * target**2).sum(0), atol=1e-2)


def test_a_fit_is_the_same_under_other_libraries_and_threads():
    printed = set()
    for threads, variables in (
        (1, {"ATEN_CPU_CAPABILITY": "default", "OPENBLAS_CORETYPE": "Nehalem", "MKL_CBWR": "COMPATIBLE"}),
        (2, {"ATEN_CPU_CAPABILITY": "avx2", "OPENBLAS_CORETYPE": "Haswell"}),
    ):
        ran = subprocess.run(
            [sys.executable, "-c", FIT, str(threads)],
            env={**os.environ, **variables}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        printed.add(ran.stdout)
    assert len(printed) == 1


def test_the_prior_comes_back_from_no_rows():
    prior = np.random.default_rng(0).normal(size=(10, 3))
    assert np.array_equal(NormalEquations(10, 3).solve(prior=prior), prior)


def test_squared_error_is_that_of_the_rows():
    design, target, _ = rows(2, 40, 4)
    equations = NormalEquations(4, 2)
    equations.add(design[:15], target[:15])
    equations.add(design[15:], target[15:])
    guess = np.random.default_rng(2).normal(size=(4, 2))
    expected = ((target - design @ torch.from_numpy(guess)) ** 2).sum(0).numpy()
    assert np.allclose(equations.squared_error(guess), expected, rtol=1e-4)
    assert np.allclose(equations.scaled(3).squared_error(guess), 3 * expected, rtol=1e-4)


def test_some_of_the_terms_are_solved_as_if_alone():
    design, target, weight = rows(3)
    whole, part = NormalEquations(6, 2), NormalEquations(2, 2)
    whole.add(design, target, weight)
    part.add(design[:, [4, 1]], target, weight)
    assert np.array_equal(whole.chosen(np.array([4, 1])).solve(), part.solve())
    assert np.array_equal(whole.leading(6).solve(), whole.solve())


@pytest.mark.parametrize("size", [1, 2, 56])
def test_factors_and_solutions_are_those_of_a_library(size):
    rng = np.random.default_rng(size)
    half, right = rng.normal(size=(size, 2 * size)), rng.normal(size=(size, 3))
    matrix = half @ half.T
    lower = cholesky(matrix)
    assert np.allclose(lower, np.linalg.cholesky(matrix))
    assert np.allclose(solve_factored(lower, right), np.linalg.solve(matrix, right))
    assert np.allclose(product(matrix, right), matrix @ right)


def test_a_matrix_that_is_not_positive_definite_is_refused():
    with pytest.raises(np.linalg.LinAlgError):
        cholesky(np.diag([1.0, 0.0, 1.0]))
