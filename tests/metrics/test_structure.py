from __future__ import annotations

import math

import pytest
import pytorch_msssim
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from rawbench.metrics.structure import MsSsim, Ssim, SsimUniform7, similarity

CASES = [(0.001, 48, 40), (0.03, 48, 41), (0.3, 11, 64), (0.05, 60, 11)]


@pytest.mark.parametrize(("sigma", "height", "width"), CASES)
def test_ssim_agrees_with_scikit_image(sigma, height, width, make_raw, noisy, make_sample) -> None:
    raw = make_raw(height, width)
    decoded = noisy(raw, sigma)
    expected = structural_similarity(
        raw.double().numpy(),
        decoded.double().numpy(),
        data_range=1.0,
        channel_axis=0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert Ssim().compute(raw, decoded, make_sample(raw)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("sigma", "height", "width"), CASES)
def test_ssim_uniform7_agrees_with_scikit_images_default(sigma, height, width, make_raw, noisy, make_sample) -> None:
    raw = make_raw(height, width)
    decoded = noisy(raw, sigma)
    expected = structural_similarity(raw.double().numpy(), decoded.double().numpy(), data_range=1.0, channel_axis=0)
    assert SsimUniform7().compute(raw, decoded, make_sample(raw)) == pytest.approx(expected, abs=1e-12)


def test_ssim_agrees_with_torchmetrics_inside_its_border(pair, make_sample) -> None:
    raw, decoded = pair
    _, full = structural_similarity_index_measure(
        decoded[None].double(), raw[None].double(), data_range=1.0, return_full_image=True
    )
    expected = float(full[..., 5:-5, 5:-5].mean())
    assert Ssim().compute(raw, decoded, make_sample(raw)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("sigma", [0.002, 0.05, 0.5])
def test_ms_ssim_agrees_with_pytorch_msssim(sigma, make_raw, noisy, make_sample) -> None:
    raw = make_raw(192, 208)
    decoded = noisy(raw, sigma)
    expected = pytorch_msssim.ms_ssim(decoded[None].double(), raw[None].double(), data_range=1.0)
    # Its window is kept in float32.
    assert MsSsim().compute(raw, decoded, make_sample(raw)) == pytest.approx(float(expected), abs=1e-6)


def test_constant_images_by_hand(make_sample) -> None:
    # Without structure SSIM is its luminance term alone: (2ab + C1) / (a^2 + b^2 + C1).
    a, b = torch.full((3, 16, 16), 0.5), torch.full((3, 16, 16), 0.25)
    expected = (2 * 0.125 + 1e-4) / (0.25 + 0.0625 + 1e-4)
    assert Ssim().compute(a, b, make_sample(a)) == pytest.approx(expected, abs=1e-12)
    assert SsimUniform7().compute(a, b, make_sample(a)) == pytest.approx(expected, abs=1e-12)


def test_a_bright_constant_image_is_exactly_itself(make_sample) -> None:
    # float32 variances, by a difference of squares, are not nought here.
    white = torch.full((3, 200, 200), 0.9999)
    assert Ssim().compute(white, white.clone(), make_sample(white)) == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_symmetry_and_range(seed: int, make_raw, make_sample) -> None:
    a, b = make_raw(13, 17, seed), make_raw(13, 17, seed + 1)
    for metric in (Ssim(), SsimUniform7()):
        value = metric.compute(a, b, make_sample(a))
        assert value == pytest.approx(metric.compute(b, a, make_sample(a)), abs=1e-12)
        assert -1 <= value <= 1


def test_channels_do_not_mix() -> None:
    a = torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(0))
    b = a.clone()
    b[1] = 0
    ssim, contrast = similarity(a, b, (1.0,) * 7)
    assert ssim[0] == pytest.approx(1) and ssim[2] == pytest.approx(1) and ssim[1] < 0.1
    assert contrast.shape == (3,)


def test_not_defined_where_no_window_fits(make_raw, make_sample) -> None:
    for metric, side in ((Ssim(), 11), (SsimUniform7(), 7), (MsSsim(), 176)):
        for height, width in ((side - 1, side), (side, side - 1)):
            raw = make_raw(height, width)
            assert math.isnan(metric.compute(raw, raw, make_sample(raw))), metric.name
        raw = make_raw(side, side)
        assert metric.compute(raw, raw, make_sample(raw)) == pytest.approx(1.0, abs=1e-12), metric.name


def test_negative_structure_counts_as_nought_in_ms_ssim(make_raw, make_sample) -> None:
    raw = make_raw(176, 176)
    assert MsSsim().compute(raw, 1 - raw, make_sample(raw)) == 0.0
