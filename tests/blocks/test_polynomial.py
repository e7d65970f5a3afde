from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import rawpy
import torch
from hypothesis import given
from hypothesis import strategies as st

from rawbench.blocks import polynomial as poly
from rawbench.blocks.polynomial_equations import correction_equations, main_equations
from rawbench.simulate.cameras import find_camera
from rawbench.simulate.cfa_dng import write_cfa_dng
from rawbench.simulate.sensor import Shot, take_picture

EVALUATE = """
import hashlib, sys
import numpy as np, torch
from rawbench.blocks.polynomial import Correction, Polynomial, exponents
torch.set_num_threads(int(sys.argv[1]))
rng = np.random.default_rng(5)
full, kind = (65535, np.uint16) if sys.argv[2] == "16" else (255, np.uint8)
codes = rng.integers(0, full + 1, (3, 301, 203), dtype=kind)
codes[:, :40] = full
codes[1, :90] = full
srgb = torch.from_numpy(codes)
corrections = {2: Correction(3, rng.normal(size=(1, 10)) / 8), 7: Correction(0, rng.normal(size=(3, 1)) / 8)}
model = Polynomial("bt709-floor", 4, rng.normal(size=(3, len(exponents(4)))) / 8, 255, corrections)
print(hashlib.sha256(model(srgb).numpy().tobytes()).hexdigest())
"""


@pytest.mark.parametrize("curve", poly.CURVES)
@pytest.mark.parametrize("bits", [8, 16])
def test_linear_tables_rise_from_black_to_white_on_their_grid(curve, bits):
    table = poly.linear_table(curve, bits)
    assert table.shape == (2**bits,) and (np.diff(table) >= (1e-9 if bits == 8 else 0)).all()
    assert 0 <= table[0] < 0.002 and 0.99 < table[-1] <= 1
    assert (table * 65536 == np.round(table * 65536)).all()


def test_unknown_curve_is_named():
    with pytest.raises(ValueError, match="no curve 'gamma'"):
        poly.linear_table("gamma")


def test_tables_are_the_same_on_every_machine():
    digest = hashlib.sha256(b"".join(poly.legendre_tables(curve).tobytes() for curve in poly.CURVES)).hexdigest()
    assert digest == "828682cc214e64c819c6ecfe1341920ef51f2986b9004c3029ccd9112fcab670"
    deep = hashlib.sha256(b"".join(poly.legendre_tables(curve, 16).tobytes() for curve in poly.CURVES)).hexdigest()
    assert deep == "e77486ace5eb0f45f8d392e226add3db6304e7f105859eb355c8d5965a3b94d9"


def test_libraw_codes_are_inverted_to_the_middle_of_their_interval():
    table = poly.linear_table("bt709-floor")
    light = np.linspace(0.0005, 0.9995, 4000)
    curve = np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)
    codes = np.clip(np.floor(curve * 256), 0, 255).astype(int)
    assert np.abs(table[codes] - light).max() < 0.0045
    assert abs(float(np.mean(table[codes] - light))) < 1e-5


def test_libraw_codes_of_16_bits_are_inverted_to_a_step_or_two(tmp_path):
    path = tmp_path / "photo.dng"
    scene = np.cumsum(np.random.default_rng(1).random((48, 64, 3)), axis=1) / 40
    write_cfa_dng(path, take_picture(scene, find_camera("sony-slt-a57"), Shot(), np.random.default_rng(1)))
    with rawpy.imread(str(path)) as raw:
        codes, light = (
            raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=gamma)
            for gamma in (None, (1, 1))
        )
    assert np.abs(65536 * poly.linear_table("bt709-floor", 16)[codes] - light).max() <= 1.5


@pytest.mark.parametrize("curve", poly.CURVES)
def test_linear_tables_of_both_depths_agree(curve):
    upper = poly.linear_table(curve, 16)[np.arange(256) * 257]
    assert np.abs(upper - poly.linear_table(curve)).max() < 0.005


@given(st.integers(0, 5), st.integers(0, 3))
def test_a_lower_degree_is_a_prefix(degree, channels):
    terms = poly.exponents(degree, channels)
    assert len(set(terms)) == len(terms)
    assert all(sum(t) <= degree and len(t) == channels for t in terms)
    assert degree == 0 or terms[: len(poly.exponents(degree - 1, channels))] == poly.exponents(degree - 1, channels)


@given(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16]))
def test_evaluation_is_features_times_coefficients(degree, channels, seed, kind):
    rng = np.random.default_rng(seed)
    codes = torch.from_numpy(rng.integers(0, np.iinfo(kind).max, (50, channels), dtype=kind, endpoint=True))
    coefficients = rng.normal(size=(2, len(poly.exponents(degree, channels))))
    expected = poly.features(codes, degree) @ torch.from_numpy(coefficients).T
    assert torch.allclose(poly.evaluate(codes, coefficients, degree), expected, atol=1e-12)


def test_evaluation_does_not_depend_on_chunks(monkeypatch):
    rng = np.random.default_rng(1)
    srgb = torch.from_numpy(rng.integers(0, 256, (3, 70, 50), dtype=np.uint8))
    model = poly.Polynomial("srgb-round", 3, rng.normal(size=(3, 20)) / 4)
    whole = model(srgb)
    monkeypatch.setattr(poly.chunks, "__defaults__", (97,))
    assert torch.equal(model(srgb), whole)


@pytest.mark.parametrize("bits", [8, 16])
def test_evaluation_is_bit_exact_under_other_vector_widths_and_threads(bits):
    digests = set()
    for width, threads in (("default", 1), ("avx2", 2)):
        environment = {**os.environ, "ATEN_CPU_CAPABILITY": width}
        ran = subprocess.run(
            [sys.executable, "-c", EVALUATE, str(threads), str(bits)],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        digests.add(ran.stdout.strip())
    assert len(digests) == 1


@given(st.integers(0, 4), st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16]))
def test_a_fit_recovers_a_polynomial(degree, seed, kind):
    rng = np.random.default_rng(seed)
    srgb = torch.from_numpy(rng.integers(1, np.iinfo(kind).max, (3, 900), dtype=kind))
    truth = rng.normal(size=(3, len(poly.exponents(degree))))
    raw = poly.evaluate(srgb.T, truth, degree).T
    solved = main_equations(srgb, raw, degree, "bt709-floor").solve(ridge=1e-14)
    assert np.allclose(solved.T, truth, atol=2.0**-18), "within a step of the grid that rows are rounded to"


def test_a_constant_image_is_fitted_without_complaint():
    srgb = torch.full((3, 20, 20), 77, dtype=torch.uint8)
    raw = torch.full((3, 20, 20), 0.3)
    equations = main_equations(srgb, raw, 3, "bt709-floor")
    model = poly.Polynomial("bt709-floor", 3, equations.solve(prior=poly.identity_prior(3)).T)
    assert torch.allclose(model(srgb).float(), raw, atol=1e-5)


def test_identity_prior_is_the_linearised_srgb():
    srgb = torch.arange(256, dtype=torch.uint8).repeat(3, 1).reshape(3, 16, 16)
    model = poly.Polynomial("bt709-floor", 1, poly.identity_prior(1).T)
    assert np.allclose(model(srgb)[1].reshape(-1).numpy(), poly.linear_table("bt709-floor"))


def test_clip_classes_name_the_clipped_channels():
    codes = torch.tensor([[255, 0, 9], [255, 255, 255], [254, 254, 254], [3, 255, 255]], dtype=torch.uint8)
    assert poly.clip_class(codes).tolist() == [1, 7, 0, 6]
    assert poly.clip_class(codes, 254).tolist() == [1, 7, 7, 6]
    deep = torch.tensor([[65535, 65534, 255], [65278, 65535, 9]], dtype=torch.int32).to(torch.uint16)
    assert poly.clip_class(deep).tolist() == [1, 2] and poly.clip_class(deep, 254).tolist() == [3, 3]
    assert poly.clip_class(deep, 256).tolist() == [0, 0]
    assert poly.clipped_channels(6) == [1, 2] and poly.free_channels(6) == [0]


def test_corrections_carry_a_clipped_channel_beyond_white():
    matrix = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]])
    rng = np.random.default_rng(3)
    light = rng.uniform(0.02, 1.6, (3, 40000)) * [[1.0], [0.6], [0.6]]
    raw = torch.from_numpy(matrix @ light / 1.4)
    table = poly.linear_table("linear-round")
    srgb = torch.from_numpy(np.searchsorted((table[1:] + table[:-1]) / 2, np.clip(light, 0, 1)).astype(np.uint8))
    solved = main_equations(srgb, raw, 1, "linear-round").solve()
    base = poly.Polynomial("linear-round", 1, solved.T)
    equations = correction_equations(srgb, raw, base, {1: 1})
    correction = poly.Correction(1, equations[1].solve().reshape(1, -1))
    corrected = poly.Polynomial("linear-round", 1, solved.T, 255, {1: correction})

    def error(model):
        return float(((model.predict(srgb.T).T - raw) ** 2).mean())

    assert error(corrected) < 0.3 * error(base)
    assert set(equations) == {1}
