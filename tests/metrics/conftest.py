"""Images that look like raw: smooth, a little noisy, with a burnt-out patch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rawbench.types import Sample, SampleInfo


def _raw(height: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(1, 3, height + 8, width + 8, generator=generator)
    image = torch.nn.functional.avg_pool2d(noise, 9, 1)[0]
    image = (image - image.min()) / (image.max() - image.min())
    image[:, : height // 4, : width // 4] = 1.0
    return image


def _noisy(image: torch.Tensor, sigma: float, seed: int = 1) -> torch.Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return (image + sigma * noise).clamp(0, 1)


def _sample(raw: torch.Tensor, raw_space: str = "camera", **facts: object) -> Sample:
    _, height, width = raw.shape
    info = SampleInfo("one", "Maker Model", "png", raw_space, height, width, "0" * 64, facts=facts)
    return Sample(info, raw, (raw * 255).round().to(torch.uint8))


@pytest.fixture(scope="session")
def make_raw() -> Callable[..., torch.Tensor]:
    """``make_raw(height, width, seed=0)``: float32 (3, H, W) in [0, 1]."""
    return _raw


@pytest.fixture(scope="session")
def noisy() -> Callable[..., torch.Tensor]:
    """``noisy(image, sigma, seed=1)``: the image with Gaussian noise, clipped to [0, 1]."""
    return _noisy


@pytest.fixture(scope="session")
def make_sample() -> Callable[..., Sample]:
    """``make_sample(raw, raw_space="camera", **facts)``: a sample whose sRGB is the raw in 8 bits."""
    return _sample


@pytest.fixture(scope="session")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """A raw and a decoded raw of 60 x 52 pixels."""
    raw = _raw(60, 52)
    return raw, _noisy(raw, 0.01)
