"""A function of colours, computed once a colour: the same bits as at every pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rawbench.blocks import colour_table
from rawbench.blocks.colour_table import by_colour
from rawbench.blocks.polynomial import Polynomial, exponents


def polynomial(degree: int = 3) -> Polynomial:
    random = np.random.default_rng(5)
    return Polynomial("bt709-floor", degree, random.normal(0, 0.2, (3, len(exponents(degree)))))


@pytest.mark.parametrize("levels", [4, 256])
def test_every_pixel_has_the_same_bits(monkeypatch, levels):
    monkeypatch.setattr(colour_table, "_LARGE_PIXELS", 1)
    random = np.random.default_rng(1)
    srgb = torch.from_numpy(random.integers(0, levels, (3, 37, 41)).astype(np.uint8) * np.uint8(255 // (levels - 1)))
    expected, tabled = polynomial()(srgb), by_colour(polynomial(), srgb)
    assert torch.equal(tabled(srgb), expected)
    assert torch.equal(tabled(srgb[:, 3:9, 1:]), expected[:, 3:9, 1:])


def test_each_colour_is_computed_once(monkeypatch):
    monkeypatch.setattr(colour_table, "_LARGE_PIXELS", 1)
    srgb = torch.from_numpy(np.random.default_rng(2).integers(0, 3, (3, 40, 50)).astype(np.uint8))
    seen = []

    def function(codes):
        seen.append(codes.shape[1:].numel())
        return codes.float()

    assert torch.equal(by_colour(function, srgb)(srgb), srgb.float())
    assert sum(seen) == 27


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_small_and_deep_images_are_left_alone(dtype):
    function = polynomial()
    assert by_colour(function, torch.zeros((3, 8, 8), dtype=dtype)) is function


def test_an_image_of_many_colours_is_left_alone(monkeypatch):
    monkeypatch.setattr(colour_table, "_LARGE_PIXELS", 1)
    function = polynomial()
    assert by_colour(function, torch.arange(192, dtype=torch.uint8).reshape(3, 8, 8)) is function


def test_a_large_image_decodes_to_the_bits_of_its_parts():
    random = np.random.default_rng(3)
    srgb = torch.from_numpy(random.integers(100, 140, (3, 1100, 2000)).astype(np.uint8))
    whole = polynomial().raw(srgb)
    assert torch.equal(whole[:, 500:502], polynomial().raw(srgb[:, 500:502]))
