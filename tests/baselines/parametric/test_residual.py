from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_parametric import jpeg2000, rate_search, residual
from rawbench_parametric.residual import Residual

from rawbench import StreamError

from ..conftest import psnr

DECODE = """
import hashlib, sys
import numpy as np, torch
from rawbench import Context
from rawbench_parametric.residual import Residual
torch.set_num_threads(int(sys.argv[3]))
codec = Residual(Residual.Options(), Residual.rate_points(Residual.Options())[-1])
codec.setup(Context())
raw = codec.decode(open(sys.argv[1], "rb").read(), torch.from_numpy(np.load(sys.argv[2])))
print(hashlib.sha256(raw.numpy().tobytes()).hexdigest())
"""


def on_grid(raw):
    return torch.round(raw.double() * 65535).long()


@pytest.mark.parametrize("name", ["scene-a", "17x33", "16x16", "7x12", "1x1", "constant", "saturated", "noise"])
def test_the_last_point_is_exact(codec, scenes, name):
    raw, srgb = scenes[name]
    decoded = codec(Residual, "lossless").decode(codec(Residual, "lossless").encode(raw, srgb), srgb)
    assert torch.equal(on_grid(decoded), on_grid(raw))


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_anything_is_exact_at_the_last_point(codec, height, width, seed):
    rng = np.random.default_rng(seed)
    raw = torch.from_numpy(rng.integers(0, 65536, (3, height, width)) / 65535).float()
    srgb = torch.from_numpy(rng.integers(0, 256, (3, height, width), dtype=np.uint8))
    decoded = codec(Residual, "lossless").decode(codec(Residual, "lossless").encode(raw, srgb), srgb)
    assert torch.equal(on_grid(decoded), on_grid(raw))


def test_the_last_point_is_exact_under_other_vector_widths_and_threads(codec, scenes, tmp_path):
    raw, srgb = scenes["scene-b"]
    (tmp_path / "payload").write_bytes(codec(Residual, "lossless").encode(raw, srgb))
    np.save(tmp_path / "srgb.npy", srgb.numpy())
    expected = hashlib.sha256((on_grid(raw).double() / 65535).float().numpy().tobytes()).hexdigest()
    for width, threads in (("default", "1"), ("avx2", "2")):
        ran = subprocess.run(
            [sys.executable, "-c", DECODE, str(tmp_path / "payload"), str(tmp_path / "srgb.npy"), threads],
            env={**os.environ, "ATEN_CPU_CAPABILITY": width},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.strip() == expected


def test_bytes_and_psnr_grow_from_point_to_point(codec, scenes):
    raw, srgb = scenes["medium"]
    sizes, values = [], []
    for point in Residual.rate_points(Residual.Options()):
        payload = codec(Residual, point.name).encode(raw, srgb)
        sizes.append(len(payload))
        values.append(psnr(raw, codec(Residual, point.name).decode(payload, srgb)))
    assert len(sizes) >= 8
    assert all(a < b for a, b in zip(sizes, sizes[1:], strict=False)), sizes
    assert all(a < b for a, b in zip(values, values[1:], strict=False)), values


def test_target_rates_are_kept(codec, scenes):
    raw, srgb = scenes["medium"]
    for target in (0.1, 1.85):
        size = len(codec(Residual, f"bpp={target}").encode(raw, srgb)) + 11
        assert 0.85 * target < 8 * size / srgb[0].numel() <= target


@pytest.mark.parametrize("way", [1, 6])
def test_the_decoder_turns_the_planes_back(codec, scenes, way, monkeypatch):
    raw, srgb = scenes["scene-a"]
    plain = codec(Residual, "bpp=1.85").decode(codec(Residual, "bpp=1.85").encode(raw, srgb), srgb)
    found = rate_search.best_quality
    monkeypatch.setattr(
        residual, "best_quality", lambda planes, *rest: (way, found(rate_search.turned(planes, way), *rest)[1])
    )
    turned = codec(Residual, "bpp=1.85").decode(codec(Residual, "bpp=1.85").encode(raw, srgb), srgb)
    assert not torch.equal(turned, plain)
    assert abs(psnr(raw, turned) - psnr(raw, plain)) < 0.3


@pytest.mark.parametrize("point", ["poly", "bpp=0.8", "lossless"])
def test_damaged_payloads(codec, scenes, check_damage, point):
    raw, srgb = scenes["pair-a"]
    check_damage(codec(Residual, point), codec(Residual, point).encode(raw, srgb), srgb)


@pytest.mark.parametrize("shape", [(64, 48), (128, 200), (17, 33), (9, 5), (1, 7), (1, 1)])
def test_codestreams_come_back_without_their_header(shape):
    planes = (np.random.default_rng(0).normal(32768, 60, (*shape, 3))).astype(np.uint16)
    exact = jpeg2000.encode(planes, None)
    assert exact[0] <= jpeg2000.MAX_LEVELS
    assert np.array_equal(jpeg2000.decode(exact, *shape, exact=True), planes)
    lossy = jpeg2000.encode(planes, 70.0)
    assert lossy[0] <= jpeg2000.MAX_LEVELS
    assert rate_search.decibels(planes, jpeg2000.decode(lossy, *shape, exact=False)) > 67


def test_a_codestream_of_another_size_is_refused():
    planes = np.full((32, 32, 3), 32768, np.uint16)
    with pytest.raises(StreamError):
        jpeg2000.decode(b"\x07" + jpeg2000.encode(planes, None)[1:], 32, 32, exact=True)
    with pytest.raises(StreamError, match="missing"):
        jpeg2000.decode(b"", 32, 32, exact=True)


@given(st.binary(min_size=3, max_size=3))
def test_rotations_are_orthonormal(rotation):
    matrix = residual.rotation_matrix(rotation)
    assert np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(matrix), 1)


def test_the_principal_axis_comes_first():
    rng = np.random.default_rng(6)
    error = rng.normal(size=(40, 40, 1)) * np.array([300.0, -200, 100]) + rng.normal(size=(40, 40, 3)) * 5
    turned = error @ residual.rotation_matrix(residual.principal_rotation(error))
    deviation = turned.std((0, 1))
    assert deviation[0] > 300 and deviation[1:].max() < 8


@given(st.integers(0, 65535), st.integers(0, 65535))
def test_differences_wrap(actual, predicted):
    error = np.array([[[actual - predicted]]])
    assert (predicted + residual.unwrap(residual.wrap(error)).item()) % 65536 == actual
