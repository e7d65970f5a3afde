from __future__ import annotations

import numpy as np
import pytest
import torch
from rawbench_parametric import unprocess
from rawbench_parametric.unprocess import Unprocess

from rawbench import StreamError

from ..conftest import psnr


def rendition(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    matrix = np.array([[1.6, -0.5, -0.1], [-0.2, 1.4, -0.2], [0.0, -0.5, 1.5]])
    raw = rng.uniform(0.2, 0.6, (3, 60, 60))
    light = np.einsum("ij,jhw->ihw", matrix, raw)
    encoded = np.where(light < 0.018, 4.5 * light, 1.099 * np.maximum(light, 1e-9) ** 0.45 - 0.099)
    srgb = np.clip(np.floor(256 * encoded), 0, 255).astype(np.uint8)
    return torch.from_numpy(raw).float(), torch.from_numpy(srgb)


def test_a_plain_rendition_is_inverted(codec):
    raw, srgb = rendition(0)
    payload = codec(Unprocess, "stored").encode(raw, srgb)
    assert len(payload) <= 30
    assert psnr(raw, codec(Unprocess, "stored").decode(payload, srgb)) > 45


def test_the_tone_curve_is_in_the_payload(codec):
    raw, srgb = rendition(1)
    payload = codec(Unprocess, "stored", tone="smoothstep").encode(raw, srgb)
    decoded = codec(Unprocess, "stored").decode(payload, srgb)
    assert 15 < psnr(raw, decoded) < 45


def test_smoothstep_is_inverted():
    light = unprocess.tone_table(unprocess.TONES.index("smoothstep"))
    gamma = light ** (1 / 2.2)
    assert np.allclose(3 * gamma**2 - 2 * gamma**3, np.arange(256) / 255)


def test_highlights_are_spared():
    camera = torch.tensor([[1.0, 0.5], [1.0, 0.5], [1.0, 0.5]], dtype=torch.float64)
    gains = torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64)
    inverted = unprocess.invert_gains(camera, gains)
    assert inverted[:, 0].tolist() == [1.0, 1.0, 1.5] and inverted[:, 1].tolist() == [0.25, 0.5, 0.75]


@pytest.mark.parametrize("name", ["scene-a", "17x33", "1x1", "black", "saturated", "unrelated-noise"])
def test_any_image_comes_back_as_raw(codec, scenes, name):
    raw, srgb = scenes[name]
    decoded = codec(Unprocess, "stored").decode(codec(Unprocess, "stored").encode(raw, srgb), srgb)
    assert decoded.shape == raw.shape and float(decoded.min()) >= 0 and float(decoded.max()) <= 1


def test_damaged_payloads(codec, scenes, check_damage):
    raw, srgb = scenes["17x33"]
    check_damage(codec(Unprocess, "stored"), codec(Unprocess, "stored").encode(raw, srgb), srgb)
    with pytest.raises(StreamError, match="make no sense"):
        codec(Unprocess, "stored").decode(bytes(25), srgb)
