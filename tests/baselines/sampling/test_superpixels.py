from __future__ import annotations

import pytest
import torch
from rawbench_sampling.superpixels import OFFSETS, chosen_positions, slic_error, soft_mask


def association(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(9, height, width, generator=generator, dtype=torch.float64).softmax(0)


@pytest.mark.parametrize("cell", [4, 8])
def test_each_superpixel_keeps_the_strongest_pixel_of_its_cells(cell):
    values = association(16, 24)
    chosen = chosen_positions(values, cell)
    rows, columns = 16 // cell, 24 // cell
    assert len(chosen) == rows * columns
    for i in range(rows):
        for j in range(columns):
            strengths = {}
            for y in range(16):
                for x in range(24):
                    offset = (i - y // cell, j - x // cell)
                    if offset in OFFSETS:
                        strengths[y * 24 + x] = float(values[OFFSETS.index(offset), y, x])
            best = max(strengths, key=strengths.get)
            assert int(chosen[i * columns + j]) == best


def test_equals_are_settled_in_the_same_way_and_refused_pixels_stay_out():
    even = torch.ones(9, 8, 8, dtype=torch.float64)
    assert torch.equal(chosen_positions(even, 4), chosen_positions(even.clone(), 4))
    even[:, :, 3:] = -1
    assert bool((chosen_positions(even[:, :, :4], 4) % 4 < 3).all())


def test_the_mask_is_hard_and_its_gradient_reaches_the_winners():
    logits = torch.randn(9, 16, 16, generator=torch.Generator().manual_seed(1)).requires_grad_()
    mask = soft_mask(logits.softmax(0), 8)
    hard = mask.detach().round()
    assert torch.allclose(hard, mask.detach(), atol=1e-6)
    assert set(hard.unique().tolist()) == {0.0, 1.0} and int(hard.sum()) <= 4
    (mask * torch.arange(256.0).reshape(1, 16, 16)).sum().backward()
    touched = logits.grad.abs().sum(0) > 0
    assert torch.equal(touched, hard[0] > 0)


def test_superpixels_rebuild_what_is_constant_and_blur_what_is_not():
    values = association(16, 16)
    for k, (dy, dx) in enumerate(OFFSETS):  # nothing belongs to cells outside the image
        rows = torch.arange(16).div(4, rounding_mode="floor") + dy
        columns = torch.arange(16).div(4, rounding_mode="floor") + dx
        outside = ((rows < 0) | (rows > 3))[:, None] | ((columns < 0) | (columns > 3))[None]
        values[k][outside] = 0
    values = values / values.sum(0)
    constant = torch.full((1, 16, 16), 0.7, dtype=torch.float64)
    ramp = torch.arange(256.0, dtype=torch.float64).reshape(1, 16, 16)
    errors = slic_error(values, torch.cat([constant, ramp]), 4)
    assert float(errors[0]) < 1e-12 and float(errors[1]) > 1
