from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_learned.rate import (
    KNOTS,
    LEVELS,
    STEP_UNIT,
    QuantisationSteps,
    hats,
    index_of_scale,
    loss_multiplier,
    quality_byte,
    scale_of_index,
    scale_offsets,
    scale_table,
)

QUALITIES = torch.arange(LEVELS)


def test_hats_are_exact_and_sum_to_four():
    value = hats(QUALITIES)
    assert value.shape == (LEVELS, KNOTS)
    assert torch.equal(value * 8, (value * 8).round())
    assert (value.sum(1) == 4).all() and ((value > 0).sum(1) <= 2).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), wild=st.floats(0, 5))
def test_steps_fall_with_quality_whatever_was_learnt(seed, wild):
    torch.manual_seed(seed)
    steps = QuantisationSteps(3, 12.0, 0.5)
    with torch.no_grad():
        steps.falls.add_(torch.randn_like(steps.falls) * wild)
    with torch.no_grad():
        table = steps(QUALITIES)[:, :, 0, 0]
    assert (table.diff(dim=0) <= 0).all() and table.min() >= STEP_UNIT
    units = table / STEP_UNIT
    assert torch.equal(units, units.round())


def test_untrained_steps_span_what_they_were_asked_for():
    with torch.no_grad():
        table = QuantisationSteps(2, 12.0, 0.5)(QUALITIES)[:, 0, 0, 0]
    assert abs(table[0] - 12) < 0.01 and abs(table[-1] - 0.5) < 0.02


def test_scales_and_indices_agree():
    table = torch.from_numpy(scale_table()).float()
    assert torch.allclose(scale_of_index(torch.arange(64.0)), table, rtol=1e-5)
    assert abs(index_of_scale(float(table[17])) - 17) < 1e-4
    assert scale_offsets(torch.tensor([1.0])).item() == 0
    assert scale_offsets(table[10:11] / table[5]).item() == -5


def test_quality_and_multiplier():
    assert [quality_byte(q) for q in (0, 0.37, 1)] == [0, 94, 255]
    multipliers = loss_multiplier(QUALITIES, 0.01, 10.0)
    assert abs(multipliers[0] - 0.01) < 1e-6 and abs(multipliers[-1] - 10) < 1e-3
    assert (multipliers.diff() > 0).all()
