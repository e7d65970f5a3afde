from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rawbench.blocks import polynomial_fitting
from rawbench.blocks.polynomial import Polynomial
from rawbench.blocks.polynomial_equations import main_equations
from rawbench.blocks.polynomial_fitting import fit_polynomial
from rawbench.testing.scenes import kit_images

SCENES = {image.name: (torch.from_numpy(image.raw), torch.from_numpy(image.srgb)) for image in kit_images()}


def squared_error(model, raw, srgb):
    return float(((model(srgb) - raw) ** 2).mean())


def test_a_fit_beats_a_plain_polynomial():
    raw, srgb = SCENES["medium"]
    fitted = fit_polynomial(srgb, raw, 3, 1e-4)
    plain = Polynomial("srgb-round", 3, main_equations(srgb, raw, 3, "srgb-round", 256).solve().T, 256)
    assert len(fitted.to_bytes()) < 160
    assert squared_error(fitted.polynomial(), raw, srgb) < squared_error(plain, raw, srgb)


def test_a_dearer_bit_means_fewer_bytes_and_more_error():
    raw, srgb = SCENES["medium"]
    fits = [fit_polynomial(srgb, raw, 3, price) for price in (1e-5, 1e-3, 1e-1)]
    sizes = [len(fit.to_bytes()) for fit in fits]
    errors = [squared_error(fit.polynomial(), raw, srgb) for fit in fits]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[-1]
    assert errors == sorted(errors)


@pytest.mark.parametrize("name", ["constant", "black", "saturated"])
def test_plain_images_are_nearly_exact(name):
    raw, srgb = SCENES[name]
    assert squared_error(fit_polynomial(srgb, raw, 3, 1e-4).polynomial(), raw, srgb) < 1e-6


@pytest.mark.parametrize("name", ["1x1", "7x12", "17x33", "noise", "unrelated-noise"])
def test_odd_images_are_no_worse_than_their_mean(name):
    raw, srgb = SCENES[name]
    spread = float(((raw - raw.mean((1, 2), keepdim=True)) ** 2).mean())
    assert squared_error(fit_polynomial(srgb, raw, 5, 1e-4).polynomial(), raw, srgb) < 1.02 * spread + 1e-5


def test_the_same_fit_twice():
    raw, srgb = SCENES["scene-a"]
    assert fit_polynomial(srgb, raw, 4, 1e-4).to_bytes() == fit_polynomial(srgb, raw, 4, 1e-4).to_bytes()


def test_a_few_samples_bear_few_coefficients():
    raw, srgb = SCENES["scene-a"]
    raw, srgb = raw[:, ::8, ::8], srgb[:, ::8, ::8].clone()
    srgb[0, :3] = 255
    clipped = int((srgb[0] == 255).sum())
    fitted = fit_polynomial(srgb, raw, 3, 1e-5, pixels_per_coefficient=clipped)
    assert all(integers.size <= 1 for _, integers in fitted.corrections.values())
    assert np.isfinite(fitted.polynomial()(srgb)).all()


@pytest.mark.parametrize("width", [384, 96])
def test_large_images_are_fitted_to_a_part_of_their_pixels(monkeypatch, width):
    image = next(i for i in kit_images() if i.name == "medium")
    srgb, raw = (torch.from_numpy(pixels.reshape(3, -1, width)) for pixels in (image.srgb, image.raw))
    whole = fit_polynomial(srgb, raw, 3, 1e-3)
    monkeypatch.setattr(polynomial_fitting, "_LARGE_PIXELS", 1 << 15)
    monkeypatch.setattr(polynomial_fitting, "_FITTED_PIXELS", 1 << 15)
    monkeypatch.setattr(polynomial_fitting, "_FITTED_CLASS_PIXELS", 1 << 11)
    step = polynomial_fitting._evenly(raw[0].numel(), 1 << 15, width).step
    assert step > 1 and math.gcd(step, width) == 1
    part = fit_polynomial(srgb, raw, 3, 1e-3)
    errors = [float((fit.polynomial()(srgb) - raw).square().mean()) for fit in (whole, part)]
    assert part.to_bytes() != whole.to_bytes()
    assert errors[1] < 1.02 * errors[0]
    assert part.corrections.keys() == whole.corrections.keys()
