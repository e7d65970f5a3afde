from __future__ import annotations

import torch
from rawbench_learned.factorised import FactorisedPrior
from rawbench_learned.tables import TOTAL


def test_masses_sum_to_one_and_tables_hold_them():
    torch.manual_seed(0)
    prior = FactorisedPrior(3)
    symbols = torch.arange(-512.0, 513).expand(1, 3, 1, -1)
    masses = prior(symbols).detach()
    assert masses.shape == symbols.shape and (masses >= 0).all()
    assert torch.allclose(masses.sum(-1), torch.ones(1, 3, 1), atol=1e-3)
    tables = prior.tables()
    for channel in range(3):
        row, lowest = tables.row(channel) / TOTAL, int(tables.minima[channel])
        own = masses[0, channel, 0, 512 + lowest : 512 - lowest + 1]
        assert torch.allclose(torch.from_numpy(row[:-1]).float(), own, atol=1e-4)


def test_the_prior_learns_a_distribution():
    torch.manual_seed(0)
    prior = FactorisedPrior(1)
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.02)
    values = torch.randn(1, 1, 20, 20) * 1.5 + 2

    def bits() -> torch.Tensor:
        return -prior(torch.round(values)).clamp_min(1e-9).log2().mean()

    before = bits().item()
    for _ in range(150):
        optimizer.zero_grad()
        loss = bits()
        loss.backward()
        optimizer.step()
    assert bits() < before - 1 and bits() < 3.0
