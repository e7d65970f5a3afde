from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rawbench_invertible.invisp import ARCHITECTURES
from rawbench_invertible.networks import Architecture
from rawbench_invertible.task import InvISPTask, as_jpeg
from rawbench_invertible.weights import read_weights

from rawbench import UsageError
from rawbench.training.config import read_config

SHIPPED = Path(__file__).parents[3] / "baselines" / "rawbench_invertible" / "weights"


def photograph(side: int = 64) -> np.ndarray:
    """uint8 (side, side, 3): smooth colours with an edge and some noise."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    image = np.stack([0.2 + 0.6 * x, 0.3 + 0.4 * y, 0.7 - 0.4 * x * y], -1)
    image[side // 3 :, side // 2 :] *= 0.5
    return np.clip(255 * (image + random.normal(0, 0.01, image.shape)), 0, 255).astype(np.uint8)


def batch(seed: int = 0) -> dict[str, torch.Tensor]:
    raw = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    raw = torch.nn.functional.interpolate(raw, (32, 32), mode="bilinear")
    return {"raw": raw, "srgb": (raw**0.45 * 255).round().to(torch.uint8)}


@pytest.mark.parametrize("quality", [50, 90])
def test_the_differentiable_jpeg_is_near_a_real_one(quality):
    image = photograph()
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=2)
    real = np.asarray(Image.open(file)).astype(float)
    ours = as_jpeg(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255, quality)
    ours = 255 * ours[0].permute(1, 2, 0).numpy()
    distance, harm = (np.sqrt(np.mean((real - other) ** 2)) for other in (ours, image))
    assert distance < 0.6 * harm


def test_gradients_pass_the_jpeg():
    image = (torch.from_numpy(photograph(32)).permute(2, 0, 1)[None].float() / 255).requires_grad_()
    as_jpeg(image, 90).square().sum().backward()
    assert image.grad is not None and float(image.grad.abs().mean()) > 0.01


def test_a_patch_that_is_no_multiple_of_16_is_refused():
    with pytest.raises(UsageError, match="multiple of 16"):
        as_jpeg(torch.zeros(1, 3, 24, 32), 90)


def test_the_loss_sinks():
    torch.manual_seed(0)
    task = InvISPTask(InvISPTask.Config(architecture=Architecture(blocks=2, growth=4)))
    (optimizer,) = task.optimizers()
    darker = {**batch(), "srgb": batch()["srgb"] // 2}
    losses = []
    for step in range(12):
        loss, scalars = task.loss(darker, step, torch.Generator())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0] and all(not value.requires_grad for value in scalars.values())


def test_validation_and_export(tmp_path):
    task = InvISPTask(InvISPTask.Config())
    with torch.no_grad():
        figures = task.validate(batch())
    assert {"objective", "psnr_own", "psnr_given"} <= set(figures)
    task.export(tmp_path / "w.safetensors", {"seed": 1})
    weights = read_weights(tmp_path / "w.safetensors")
    assert weights.provenance == {"seed": 1}
    assert torch.equal(weights.network(batch()["raw"]), task.model(batch()["raw"]))


@pytest.mark.parametrize(("file", "size"), [("invisp.toml", "small"), ("invisp-reference.toml", "reference")])
def test_the_shipped_configurations(file, size):
    config = read_config(SHIPPED / file, InvISPTask.Config)
    assert config.task.architecture == ARCHITECTURES[size] and config.data.renditions.eight_bit == 1
