"""Least squares from accumulated moments: any number of rows, memory of the number of terms, alike on every machine.

A fit to an image is ill-conditioned: a last bit of a sum, which depends on the processor and the number of threads,
can decide which of two polynomials looks cheaper. So nothing here leaves a rounding to a library:

* rows are rounded to multiples of 2**-18 and summed in blocks of 2**11, so that no sum needs more than the 53 bits of
  a float64 (values below 8, or below 1 with weights): it is exact in any order;
* blocks are added up, factored and solved by elementwise operations of float64 in a fixed order.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_UNITS = 2.0**18
_BLOCK = 1 << 11


class NormalEquations:
    """Weighted least squares with several outputs, of which only the moments are kept.

    Attributes:
        gram: float64 (F, F), of the terms.
        moment: float64 (F, O), of terms and outputs.
        energy: float64 (O,), of the outputs.
        weight: of all rows.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.5], [1.0, 1.0]], dtype=torch.float64)
        >>> equations = NormalEquations(terms=2, outputs=1)
        >>> equations.add(x, 0.25 + 0.5 * x[:, 1:])
        >>> equations.solve().round(3).ravel().tolist()
        [0.25, 0.5]
    """

    def __init__(self, terms: int, outputs: int) -> None:
        self.gram = np.zeros((terms, terms))
        self.moment = np.zeros((terms, outputs))
        self.energy = np.zeros(outputs)
        self.weight = 0.0

    def add(self, design: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
        """Add rows.

        Args:
            design: float64 (N, F).
            target: float64 (N, O).
            weight: float64 (N,), multiples of 1/64 up to 1; or None for ones.
        """
        terms = len(self.gram)
        for first in range(0, len(design), _BLOCK):
            rows = slice(first, first + _BLOCK)
            # One row a term, as features are made: what is copied lies in runs.
            joint = torch.cat([design[rows].T, target[rows].T]).mul_(_UNITS).round_().div_(_UNITS)
            weighted = joint if weight is None else joint * weight[rows]
            moments = (weighted @ joint.T).cpu().numpy()
            self.gram += moments[:terms, :terms]
            self.moment += moments[:terms, terms:]
            self.energy += np.diagonal(moments)[terms:]
        self.weight += float(len(design)) if weight is None else float(weight.sum())

    def leading(self, terms: int) -> NormalEquations:
        """The same equations for the first terms only: a lower degree."""
        return self.chosen(np.arange(terms))

    def chosen(self, terms: np.ndarray) -> NormalEquations:
        """The same equations for some of the terms only, int (F,)."""
        part = NormalEquations(len(terms), len(self.energy))
        part.gram, part.moment = self.gram[np.ix_(terms, terms)], self.moment[terms]
        part.energy, part.weight = self.energy, self.weight
        return part

    def scaled(self, factor: float) -> NormalEquations:
        """The same equations with every weight multiplied."""
        part = NormalEquations(len(self.gram), len(self.energy))
        part.gram, part.moment = self.gram * factor, self.moment * factor
        part.energy, part.weight = self.energy * factor, self.weight * factor
        return part

    def factor(self, ridge: float = 1e-9) -> np.ndarray:
        """Lower Cholesky factor (F, F) of the Gram matrix with a ridge, which is relative to the weight."""
        return cholesky(self.gram + ridge * max(self.weight, 1.0) * np.eye(len(self.gram)))

    def solve(self, ridge: float = 1e-9, prior: np.ndarray | None = None) -> np.ndarray:
        """Coefficients (F, O); the ridge, relative to the weight, settles what the rows leave open.

        With no rows at all the prior (default zero) comes back.
        """
        prior = np.zeros_like(self.moment) if prior is None else prior
        return prior + solve_factored(self.factor(ridge), self.moment - product(self.gram, prior))

    def squared_error(self, coefficients: np.ndarray) -> np.ndarray:
        """Weighted sum of squared errors of each output, (O,), for coefficients (F, O)."""
        cross = (coefficients * self.moment).sum(0)
        quadratic = (coefficients * product(self.gram, coefficients)).sum(0)
        return np.maximum(self.energy - 2 * cross + quadratic, 0.0)


def product(matrix: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Matrix (M, F) times columns (F, O), one term after the other.

    Example:
        >>> product(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])).tolist()
        [[11.0]]
    """
    total = np.zeros((len(matrix), columns.shape[1]))
    for term in range(len(columns)):
        total += matrix[:, term, None] * columns[term]
    return total


def cholesky(matrix: np.ndarray) -> np.ndarray:
    """Lower factor (F, F) of a symmetric positive definite float64 (F, F).

    Raises:
        numpy.linalg.LinAlgError: it is not positive definite.

    Example:
        >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]])).tolist()
        [[2.0, 0.0], [1.0, 2.0]]
    """
    rest, lower = matrix.copy(), np.zeros_like(matrix)
    for k in range(len(matrix)):
        if not rest[k, k] > 0:
            raise np.linalg.LinAlgError("the matrix is not positive definite")
        column = rest[k:, k] / np.sqrt(rest[k, k])
        lower[k:, k] = column
        rest[k + 1 :, k + 1 :] -= column[1:, None] * column[1:]
    return lower


def solve_factored(lower: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve ``lower @ lower.T @ x = right``, float64 (F, O).

    Example:
        >>> solve_factored(np.array([[2.0, 0.0], [1.0, 2.0]]), np.array([[8.0], [12.0]])).ravel().tolist()
        [1.0, 2.0]
    """
    x = right.copy()
    for k in range(len(x)):
        x[k] /= lower[k, k]
        x[k + 1 :] -= lower[k + 1 :, k, None] * x[k]
    for k in reversed(range(len(x))):
        x[k] /= lower[k, k]
        x[:k] -= lower[k, :k, None] * x[k]
    return x
