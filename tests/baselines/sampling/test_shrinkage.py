from __future__ import annotations

import pytest
import torch
from rawbench_sampling.shrinkage import CODES, WHOLE, choose_weights, weighted


def scene(height=20, width=24):
    generator = torch.Generator().manual_seed(0)
    srgb = torch.randint(0, 250, (3, height, width), generator=generator).to(torch.uint8)
    srgb[1, :, : width // 3] = 255
    return torch.randn(3, height, width, generator=generator, dtype=torch.float64), srgb


@pytest.mark.parametrize("code", range(CODES))
def test_the_weights_that_made_a_target_are_found(code):
    rest, srgb = scene()
    assert choose_weights(rest, weighted(rest, srgb, code), srgb) == code


def test_what_does_harm_is_left_out_and_the_whole_is_the_rest_itself():
    rest, srgb = scene()
    assert choose_weights(rest, -rest, srgb) == 0
    assert choose_weights(rest, 3 * rest, srgb) == WHOLE
    assert torch.equal(weighted(rest, srgb, WHOLE), rest)
    assert not weighted(rest, srgb, 0).any()


def test_clipped_pixels_have_a_weight_of_their_own():
    rest, srgb = scene()
    target = rest.clone()
    target[:, :, :8] = 0
    assert choose_weights(rest, target, srgb) == 4
    assert not weighted(rest, srgb, 4)[:, :, :8].any() and torch.equal(
        weighted(rest, srgb, 4)[:, :, 8:], rest[:, :, 8:]
    )


def test_no_rest_has_no_weight():
    rest, srgb = scene(1, 1)
    assert choose_weights(torch.zeros_like(rest), rest, srgb) == 0
