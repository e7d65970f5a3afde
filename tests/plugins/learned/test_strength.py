"""How much of what the networks add is used: windows, the choice, and what it does to the transform."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rawbench_learned import rate, strength
from rawbench_learned.coding import Coder
from rawbench_learned.features import cells

from .conftest import scene

QUALITY = 134


@given(st.integers(1, 40), st.integers(1, 40))
def test_windows_lie_inside_the_image_and_on_its_grid(rows, columns):
    height, width = 16 * rows, 16 * columns
    found = list(strength.windows(height, width))
    assert 1 <= len(found) <= strength.WINDOWS and len(set(map(str, found))) == len(found)
    for vertical, horizontal in found:
        assert vertical.start % 16 == horizontal.start % 16 == 0
        assert vertical.start < height and horizontal.start < width


def seen(networks, scale: float) -> list[strength.Seen]:
    """A window whose networks' guess is all there is to code, times a scale."""
    generator = torch.Generator().manual_seed(0)
    guess = torch.randn(1, 48, 24, 24, generator=generator)
    features = torch.zeros(1, networks.config.width, 24, 24)
    return [strength.Seen(scale * guess, features, guess)]


@pytest.mark.parametrize(("scale", "wanted"), [(1.0, 0), (0.5, 1), (-1.0, 3)])
def test_the_strength_is_what_the_guess_is_worth(weights, scale, wanted):
    networks = copy.deepcopy(weights.networks)
    hats = rate.hats(torch.tensor([QUALITY]))
    steps = torch.full((48,), 0.5)
    with torch.no_grad():
        for name in ("analysis", "synthesis"):
            getattr(networks, name).leave.weight.zero_()
    assert strength.choose(networks, seen(networks, scale), hats, steps, worth=4.0) == wanted


@pytest.mark.parametrize("index", range(len(strength.STRENGTHS)))
def test_the_decoder_is_told_the_strength(weights, monkeypatch, index):
    raw, srgb = scene(64, 80, 3)
    coder = Coder(weights)
    monkeypatch.setattr(strength, "choose", lambda *rest: index)
    stream, _ = coder.encode(raw, srgb, QUALITY)
    image = coder.of(srgb, QUALITY)
    latents = image.analyse(raw)
    assert latents.strength == index
    monkeypatch.setattr(strength, "choose", None)  # a decoder does not choose
    decoded = coder.decode(stream, srgb, QUALITY)
    assert float((decoded - raw).square().mean()) < 1e-3


def test_at_strength_zero_the_transform_is_linear(weights):
    networks, hats = weights.networks, rate.hats(torch.tensor([QUALITY]))
    raw, _ = scene(64, 64, 1)
    other, _ = scene(64, 64, 2)
    none = torch.zeros(1, 1, 1, 1)
    features, guess = torch.randn(1, networks.config.width, 16, 16), torch.zeros(1, 48, 16, 16)

    def analysed(image):
        return networks.analysis(cells(image[None]), guess, features, hats, none)

    torch.testing.assert_close(analysed(raw + other), analysed(raw) + analysed(other), rtol=1e-4, atol=1e-5)
