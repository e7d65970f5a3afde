"""Windows with a halo: they partition the image, and a function of limited reach does not see them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import avg_pool2d, conv2d

from rawbench.blocks.tiles import in_tiles, padded, tiles

SIDES = st.integers(1, 60)


@given(height=SIDES, width=SIDES, side=st.integers(1, 70), halo=st.integers(0, 9))
def test_inner_windows_partition_the_image_and_lie_in_the_outer_ones(height, width, side, halo):
    seen = torch.zeros(height, width)
    image = torch.arange(height * width).view(height, width)
    for tile in tiles(height, width, side, halo):
        seen[tile.place()] += 1
        window = image[tile.window()]
        assert torch.equal(window[tile.inside()], image[tile.place()])
        top, left, bottom, right = tile.inner
        assert tile.outer == (
            max(top - halo, 0), max(left - halo, 0), min(bottom + halo, height), min(right + halo, width)
        )  # fmt: skip
    assert bool((seen == 1).all())


@given(height=st.integers(1, 6), width=st.integers(1, 6), side=st.integers(1, 4), halo=st.integers(0, 3))
def test_indices_of_smaller_maps_are_those_of_the_image_divided(height, width, side, halo):
    scale = 4
    image = torch.rand(1, 2, scale * height, scale * width)
    small = torch.zeros(1, 2, height, width)
    for tile in tiles(scale * height, scale * width, scale * side, scale * halo):
        pooled = avg_pool2d(image[tile.window()], scale)
        assert pooled.shape == small[tile.window(scale)].shape
        small[tile.place(scale)] = pooled[tile.inside(scale)]
    assert torch.allclose(small, avg_pool2d(image, scale))


@pytest.mark.parametrize("side", [3, 8, 100])
def test_a_convolution_does_not_see_the_tiles(side):
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 29, 41, generator=generator, dtype=torch.float64)
    weight = torch.rand(5, 3, 7, 7, generator=generator, dtype=torch.float64)
    whole = conv2d(image, weight, padding=3)
    assert torch.allclose(in_tiles(lambda part: conv2d(part, weight, padding=3), image, side, 3), whole, atol=1e-12)


def test_too_small_a_halo_shows():
    image = torch.rand(1, 1, 16, 16, dtype=torch.float64)
    weight = torch.ones(1, 1, 7, 7, dtype=torch.float64)
    whole = conv2d(image, weight, padding=3)
    assert not torch.allclose(in_tiles(lambda part: conv2d(part, weight, padding=3), image, 8, 2), whole)


@given(height=st.integers(1, 20), width=st.integers(1, 20), multiple=st.integers(1, 9))
def test_padding_repeats_the_edges_up_to_the_next_multiple(height, width, multiple):
    image = torch.arange(2 * height * width).view(2, height, width)
    wide = padded(image, multiple)
    rows, columns = wide.shape[1:]
    assert rows % multiple == columns % multiple == 0
    assert 0 <= rows - height < multiple and 0 <= columns - width < multiple
    y, x = torch.arange(rows).clamp_max(height - 1), torch.arange(columns).clamp_max(width - 1)
    assert torch.equal(wide, image[:, y][:, :, x])
