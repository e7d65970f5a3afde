from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_invertible.networks import Architecture, InvertibleNetwork, encoded, linear

from rawbench.blocks.tiles import in_tiles
from rawbench.codec import unwatched


def random_network(seed: int, **widths: int) -> InvertibleNetwork:
    """A network whose weights, those that start at zero too, are random."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = InvertibleNetwork(Architecture(**widths))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
    return network.requires_grad_(False)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    blocks=st.integers(2, 8),
    growth=st.integers(1, 9),
    convolutions=st.integers(2, 5),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
)
def test_inverse_undoes_forward_and_forward_inverse(seed, blocks, growth, convolutions, height, width):
    network = random_network(seed, blocks=blocks, growth=growth, convolutions=convolutions).double()
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert torch.allclose(network.inverse(network(image)), image, atol=1e-9)
    assert torch.allclose(network(network.inverse(image)), image, atol=1e-9)


def test_random_weights_change_the_image():
    image = torch.rand(1, 3, 16, 16)
    assert float((random_network(0)(image) - image).abs().max()) > 0.01


def test_untrained_it_is_the_identity():
    image = torch.rand(1, 3, 16, 16)
    for blocks in (2, 3, 8):
        network = InvertibleNetwork(Architecture(blocks=blocks))
        assert torch.allclose(network(image), image, atol=1e-5)


def test_the_published_size():
    count = sum(p.numel() for p in InvertibleNetwork(Architecture(blocks=8, growth=32, convolutions=5)).parameters())
    assert 1.40e6 < count < 1.43e6


@pytest.mark.parametrize("side", [8, 13, 64])
def test_tiles_change_nothing(side):
    network = random_network(1, blocks=2, growth=4, convolutions=3).double()
    image = torch.rand(1, 3, 29, 41, dtype=torch.float64)
    whole = network.inverse(image)
    assert torch.allclose(in_tiles(network.inverse, image, side, network.config.reach, unwatched), whole, atol=1e-12)


def test_the_gamma_domain():
    raw = torch.linspace(0, 1, 100)
    assert torch.allclose(linear(encoded(raw)), raw, atol=1e-6)
    assert linear(torch.tensor([-1.0, 2.0])).tolist() == [0, 1]
