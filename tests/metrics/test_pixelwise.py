from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from rawbench.metrics.pixelwise import (
    MeanAbsoluteError,
    Psnr,
    Psnr16,
    PsnrClipped,
    PsnrPooled,
    RelativeError,
    mean_squared_error,
    psnr_of,
)

offsets = st.floats(1e-6, 0.5)


def test_psnr_agrees_with_scikit_image(pair, make_sample) -> None:
    raw, decoded = pair
    expected = peak_signal_noise_ratio(raw.double().numpy(), decoded.double().numpy(), data_range=1.0)
    assert Psnr().compute(raw, decoded, make_sample(raw)) == pytest.approx(expected, rel=1e-12)
    assert PsnrPooled().compute(raw, decoded, make_sample(raw)) == pytest.approx(expected, rel=1e-12)


def test_psnr16_agrees_with_scikit_image_on_16_bit_files(pair, make_sample) -> None:
    raw, decoded = pair
    a, b = (np.rint(image.double().numpy() * 65535).astype(np.uint16) for image in (raw, decoded))
    expected = peak_signal_noise_ratio(a, b, data_range=65535)
    assert Psnr16().compute(raw, decoded, make_sample(raw)) == pytest.approx(expected, rel=1e-12)


def test_psnr16_does_not_see_below_its_grid(make_sample) -> None:
    raw = torch.arange(0, 65536, 7, dtype=torch.int64)[: 3 * 55 * 56].view(3, 55, 56) / 65535
    decoded = raw + 0.3 / 65535
    assert Psnr16().compute(raw, decoded, make_sample(raw)) == math.inf
    assert math.isfinite(Psnr().compute(raw, decoded, make_sample(raw)))


@given(offset=offsets)
def test_a_constant_offset_by_hand(offset: float, make_sample) -> None:
    reference = torch.full((3, 4, 5), 0.25)
    decoded = reference + offset
    exact = float(decoded[0, 0, 0].double()) - 0.25
    sample = make_sample(reference)
    assert Psnr().compute(reference, decoded, sample) == pytest.approx(-20 * math.log10(exact))
    assert MeanAbsoluteError().compute(reference, decoded, sample) == pytest.approx(exact)
    assert RelativeError().compute(reference, decoded, sample) == pytest.approx(exact / (0.25 + exact / 2))


@given(offset=offsets)
def test_twice_the_error_costs_six_decibels(offset: float) -> None:
    zero = torch.zeros(3, 4, 5)
    once, twice = (psnr_of(mean_squared_error(zero, zero + k * torch.tensor(offset))) for k in (1, 2))
    assert once - twice == pytest.approx(20 * math.log10(2))


@given(seed=st.integers(0, 1000))
def test_symmetry(seed: int, make_raw, make_sample) -> None:
    a, b = make_raw(12, 9, seed), make_raw(12, 9, seed + 1)
    for metric in (Psnr(), Psnr16(), MeanAbsoluteError(), RelativeError()):
        assert metric.compute(a, b, make_sample(a)) == metric.compute(b, a, make_sample(a))


def test_relative_error_is_floored_in_the_dark(make_sample) -> None:
    black = torch.zeros(3, 4, 5)
    value = RelativeError().compute(black, black + 1e-4, make_sample(black))
    assert value == pytest.approx(0.1, rel=1e-6)


def test_accumulation_keeps_small_errors_beside_large_ones(make_sample) -> None:
    # A float32 sum would lose the million small errors behind the large one.
    raw = torch.zeros(3, 600, 600)
    decoded = raw + 1e-4
    decoded[0, 0, 0] = 1.0
    expected = (1.0 + (raw.numel() - 1) * float(torch.tensor(1e-4)) ** 2) / raw.numel()
    assert mean_squared_error(raw, decoded) == pytest.approx(expected, rel=1e-12)


def test_psnr_clipped_counts_burnt_out_pixels_only(make_sample) -> None:
    raw = torch.full((3, 4, 5), 0.5)
    raw[1, 0, :2] = 1.0  # one channel of two pixels
    decoded = raw + 0.25
    decoded[:, 0, :2] = raw[:, 0, :2] - 0.1
    value = PsnrClipped().compute(raw, decoded, make_sample(raw))
    assert value == pytest.approx(20.0, abs=1e-5)


def test_psnr_clipped_goes_by_the_full_scale_of_the_srgb(make_sample) -> None:
    raw = torch.full((3, 4, 5), 0.5)
    codes = torch.full((3, 4, 5), 255, dtype=torch.int32)
    codes[1, 0, :2] = 65535
    sample = replace(make_sample(raw), srgb=codes.to(torch.uint16))
    decoded = raw + 0.25
    decoded[:, 0, :2] = raw[:, 0, :2] - 0.1
    assert PsnrClipped().compute(raw, decoded, sample) == pytest.approx(20.0, abs=1e-5)


def test_psnr_clipped_is_not_defined_without_clipping(make_sample) -> None:
    raw = torch.full((3, 4, 5), 0.5)
    assert math.isnan(PsnrClipped().compute(raw, raw + 0.1, make_sample(raw)))
