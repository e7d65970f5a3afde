"""The factorised prior of Balle et al. 2018 (arXiv 1802.01436, appendix 6.1): a learned distribution a channel."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rawbench_learned.tables import TAIL, Tables, integer_row, joined

WIDTHS = (1, 3, 3, 3, 3, 1)
FIRST_SCALE = 10.0
WIDEST = 512


class FactorisedPrior(nn.Module):
    """Cumulative distribution functions that a small monotone network of each channel computes.

    Args:
        channels: how many.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        growth = FIRST_SCALE ** (1 / (len(WIDTHS) - 1))
        self.matrices, self.biases, self.factors = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in pairwise(WIDTHS):
            start = math.log(math.expm1(1 / growth / outputs))
            self.matrices.append(nn.Parameter(torch.full((channels, outputs, inputs), start)))
            self.biases.append(nn.Parameter(torch.empty(channels, outputs, 1).uniform_(-0.5, 0.5)))
            if outputs > 1:
                self.factors.append(nn.Parameter(torch.zeros(channels, outputs, 1)))

    def forward(self, values: Tensor) -> Tensor:
        """Return the mass of [value - 1/2, value + 1/2] for values (B, C, H, W)."""
        rows = values.transpose(0, 1).flatten(1).unsqueeze(1)
        lower, upper = self._logits(rows - 0.5), self._logits(rows + 0.5)
        # In the tail where both are near zero, not near one: differences there are exact.
        sign = -torch.sign(lower + upper).detach()
        mass = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
        count, channels, *size = values.shape
        return mass.view(channels, count, *size).transpose(0, 1)

    def _logits(self, x: Tensor) -> Tensor:
        for number, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            x = F.softplus(matrix) @ x + bias
            if number < len(self.factors):
                x = x + torch.tanh(self.factors[number]) * torch.tanh(x)
        return x

    @torch.no_grad()
    def tables(self) -> Tables:
        """Return a row of integers for each channel."""
        symbols = torch.arange(-WIDEST, WIDEST + 1.0, device=self.biases[0].device)
        masses = self(symbols.expand(1, len(self.biases[0]), 1, -1))[0, :, 0].double().cpu().numpy()
        rows, minima = [], []
        for mass in masses:
            outside = [1 - mass[WIDEST - reach : WIDEST + reach + 1].sum() for reach in range(WIDEST + 1)]
            reach = int(np.argmax(np.array(outside) < TAIL)) or (WIDEST if outside[0] >= TAIL else 0)
            inside = mass[WIDEST - reach : WIDEST + reach + 1]
            rows.append(integer_row(np.append(inside, max(outside[reach], 0.0))))
            minima.append(-reach)
        return joined(rows, minima)
