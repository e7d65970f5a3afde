from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from rawbench.training.seeds import MODEL, TRAINING_NOISE, seed_of, seed_torch

counters = st.tuples(st.integers(0, 2**31), st.integers(0, 2**31))


@given(st.integers(0, 2**63), counters, counters)
def test_other_counters_give_other_seeds(seed, first, second):
    assert (seed_of(seed, MODEL, *first) == seed_of(seed, MODEL, *second)) == (first == second)
    assert 0 <= seed_of(seed, MODEL, *first) < 2**63


def test_purposes_do_not_share_seeds():
    assert seed_of(1, MODEL, 5) != seed_of(1, TRAINING_NOISE, 5)


def test_the_generator_and_the_global_one_differ_and_repeat():
    generator = torch.Generator()

    def draw() -> tuple[torch.Tensor, torch.Tensor]:
        seed_torch(generator, 1, TRAINING_NOISE, 7, 0)
        return torch.rand(4, generator=generator), torch.rand(4)

    with torch.random.fork_rng():
        own, common = draw()
        assert not torch.equal(own, common)
        assert all(torch.equal(a, b) for a, b in zip(draw(), (own, common), strict=True))
