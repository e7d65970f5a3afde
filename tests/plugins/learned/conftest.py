"""A small scene, and weights that were not trained but fitted: enough for every law that does not speak of quality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rawbench_learned.architecture import Architecture
from rawbench_learned.base import moments
from rawbench_learned.features import linearisation
from rawbench_learned.networks import LearnedNetworks
from rawbench_learned.task import set_base, set_coefficient_tables
from rawbench_learned.weights import Weights, read_weights, write_weights
from torch import Tensor

BASE = 4


def scene(height: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return raw float32 (3, H, W) and its 8-bit sRGB: smooth colours, an edge, noise and a clipped corner."""
    generator = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    phase, speed = generator.uniform(0, 6, (3, 1, 1)), generator.uniform(3, 12, (3, 1, 1))
    light = 0.4 + 0.3 * np.sin(speed * x + phase) * np.cos(speed * y) + 0.2 * (x > 0.5)
    light = light + 0.8 * ((x + y) > 1.2)
    raw = np.clip(light + generator.normal(0, 0.003, light.shape), 0, 1).astype(np.float32)
    mix = np.array([[1.6, -0.4, -0.2], [-0.2, 1.5, -0.3], [0.0, -0.5, 1.5]])
    shown = np.clip(np.einsum("ab,bhw->ahw", mix, raw), 0, 1)
    codes = np.searchsorted(linearisation(), shown.ravel()).clip(0, 255).reshape(shown.shape)
    return torch.from_numpy(raw), torch.from_numpy(codes.astype(np.uint8))


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory) -> Path:
    """Weights with random networks whose outputs are not trivial, and a fitted base."""
    torch.manual_seed(0)
    model = LearnedNetworks(Architecture(width=16, base=BASE, exact_width=16, phi=16, context=16, embedding=8))
    images = [moments(*scene(48, 64, seed)) for seed in range(8)]
    set_base(model, images)
    set_coefficient_tables(model, images, pixels=48 * 64)
    with torch.no_grad():
        for name in ("guide", "analysis", "synthesis"):
            getattr(model, name).leave.weight.normal_(0, 0.02)
        model.parameters_of.third.weight.mul_(3)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    write_weights(path, model, {"trained": False})
    return path


@pytest.fixture(scope="session")
def weights(weights_file) -> Weights:
    return read_weights(weights_file)
