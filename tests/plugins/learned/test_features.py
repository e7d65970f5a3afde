from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_learned.features import (
    EXACT_CHANNELS,
    GLOBAL_FEATURES,
    cells,
    coarser,
    exact_features,
    global_features,
    linearisation,
    padded,
    pixels,
)


def codes(seed: int, height: int = 32, width: int = 48) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8, generator=generator)


def test_linearisation_is_monotonic_from_zero_to_one():
    table = linearisation()
    assert table[0] == 0 and table[255] == 1 and (np.diff(table) > 0).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_exact_features_are_on_the_grid_and_right(seed):
    srgb = codes(seed)
    features = exact_features(srgb)
    assert features.shape == (1, EXACT_CHANNELS, 8, 12)
    integers = (features + 8) * 16
    assert torch.equal(integers, integers.round()) and integers.min() >= 0 and integers.max() <= 255
    block = srgb[0, 1, 4:8, 8:12].long()
    assert integers[0, 1, 1, 2] == block.sum() // 16
    coarse = (coarser(features) + 8) * 16
    assert torch.equal(coarse, coarse.round())


@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_padding_repeats_the_edge(height, width):
    image = codes(0, height, width)
    wide = padded(image)
    assert wide.shape[-2] % 16 == 0 and wide.shape[-1] % 16 == 0
    expected = np.pad(
        image[0].numpy(),
        ((0, 0), (0, wide.shape[-2] - height), (0, wide.shape[-1] - width)),
        mode="edge",
    )
    assert np.array_equal(wide[0].numpy(), expected)


def test_cells_and_pixels_are_inverse():
    image = codes(1).float()
    assert torch.equal(pixels(cells(image)), image)


def test_global_features_start_with_one_and_the_light():
    srgb = codes(2)
    features = global_features(srgb)
    assert features.shape == (1, GLOBAL_FEATURES, 32, 48)
    assert (features[:, 0] == 1).all()
    light = torch.from_numpy(linearisation()).float()[srgb.long()]
    assert torch.equal(features[:, 1:4], light)
    assert torch.equal(features[:, -3:], (srgb == 255).float())
