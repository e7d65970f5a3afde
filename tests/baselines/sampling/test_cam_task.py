from __future__ import annotations

from pathlib import Path

import pytest
import rawbench_sampling
import torch
from rawbench_sampling.cam_networks import PUBLISHED, Architecture
from rawbench_sampling.cam_task import CamTask
from rawbench_sampling.cam_weights import read_weights

from rawbench.training.config import read_config


def task(**values) -> CamTask:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        small = Architecture(sampler_width=4, width=4, levels=1, residual=values.pop("residual", True))
        return CamTask(CamTask.Config(architecture=small, inner_steps=1, **values))


@pytest.fixture(scope="module")
def batch(scenes):
    raw, srgb = scenes["medium"]
    cuts = [(slice(None), slice(y, y + 64), slice(x, x + 64)) for y, x in ((0, 0), (64, 128), (128, 256), (160, 64))]
    return {"raw": torch.stack([raw[c] for c in cuts]), "srgb": torch.stack([srgb[c] for c in cuts])}


@pytest.mark.parametrize("residual", [True, False])
def test_the_loss_reaches_both_networks(batch, residual):
    made = task(residual=residual)
    torch.nn.init.normal_(made.model.reconstructor.last.weight, std=0.1)
    loss, scalars = made.loss(batch, 0, torch.Generator().manual_seed(0))
    loss.backward()
    assert bool(torch.isfinite(loss)) and {"l1", "slic", "psnr", "meta"} <= set(scalars)
    for network in (made.model.sampler, made.model.reconstructor):
        assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in network.parameters())
        assert any(float(p.grad.abs().max()) > 0 for p in network.parameters())


def test_steps_make_the_loss_smaller(batch):
    made = task(learning_rate=5e-3, meta_weight=0.0, slic_weight=0.0)
    (optimizer,) = made.optimizers()
    losses = []
    for _ in range(12):
        loss, _ = made.loss(batch, 0, torch.Generator().manual_seed(0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


def test_validation_and_export(batch, tmp_path):
    made = task()
    made.model.eval()
    with torch.no_grad():
        figures = made.validate(batch)
    assert float(figures["objective"]) < 0 and float(figures["psnr_4"]) >= float(figures["psnr_base"]) - 0.5
    made.export(tmp_path / "w.safetensors", {})
    assert read_weights(tmp_path / "w.safetensors")[0].config == made.config.architecture


def test_shipped_configurations_are_read():
    folder = Path(rawbench_sampling.__file__).parent / "weights"
    assert read_config(folder / "cam-reference.toml", CamTask.Config).task.architecture == PUBLISHED
    assert read_config(folder / "cam.toml", CamTask.Config).task.cells == (32, 16, 8, 4)
