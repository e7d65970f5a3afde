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


def test_linearisation_grows_and_is_the_middle_of_what_is_cut_off_to_a_code():
    table = linearisation()
    assert (np.diff(table) > 0).all()
    edges = np.append((table[:-1] + table[1:]) / 2, 1)  # nearly: the curve is bent
    shown = np.where(edges < 0.018, edges * 4.5, 1.099 * edges**0.45 - 0.099)
    assert np.abs(shown * 256 - np.arange(1, 257)).max() < 0.05


def test_features_where_channels_are_clipped_are_zero_elsewhere():
    srgb = codes(5).clamp_max(254)
    assert not global_features(srgb)[:, 39:].any()
    srgb[0, 0, 3, 4] = 255
    found = global_features(srgb)[0, 39:, 3, 4]
    light = torch.from_numpy(linearisation()).float()[srgb[0, :, 3, 4].long()]
    x, y = light[1], light[2]
    assert torch.equal(found[:6], torch.stack([torch.ones(()), x, y, x * x, y * y, x * y]))
    assert not found[6:].any()


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
    assert torch.equal(features[:, [39, 45, 51]], (srgb == 255).float())
    assert torch.equal(features[:, 66], (srgb == 255).all(1).float())
