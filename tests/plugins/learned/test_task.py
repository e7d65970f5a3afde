from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from rawbench_learned.architecture import Architecture
from rawbench_learned.base import moments, solve
from rawbench_learned.codec import WEIGHTS, LearnedSerial
from rawbench_learned.economy import LAMBDAS
from rawbench_learned.serial_task import SerialTask
from rawbench_learned.task import VALIDATION_QUALITIES, LearnedTask, image_base
from rawbench_learned.weights import read_weights

from rawbench import RatePoint
from rawbench.errors import UsageError
from rawbench.training.config import read_config

from .conftest import scene
from .test_codec import made

SMALL = Architecture(width=8, base=3, exact_width=16, phi=8, context=8, embedding=4)


@dataclass
class Frame:
    raw: np.ndarray
    srgb: np.ndarray
    developed: np.ndarray | None


def frames(count: int) -> list[Frame]:
    made_of = [scene(64, 64, seed) for seed in range(count)]
    return [
        Frame(
            (raw.permute(1, 2, 0).numpy() * 65535).round().astype(np.uint16),
            srgb.permute(1, 2, 0).numpy(),
            (255 - srgb).permute(1, 2, 0).numpy() if number % 2 else None,
        )
        for number, (raw, srgb) in enumerate(made_of)
    ]


def batch(count: int, side: int = 64) -> dict[str, torch.Tensor]:
    pairs = [scene(side, side, seed) for seed in range(count)]
    return {"raw": torch.stack([p[0] for p in pairs]), "srgb": torch.stack([p[1] for p in pairs])}


@pytest.fixture(scope="module")
def task():
    torch.manual_seed(0)
    made_task = LearnedTask(LearnedTask.Config(architecture=SMALL, crop=32))
    made_task.initialise(frames(6))
    return made_task


def test_a_few_steps_reduce_the_loss_and_reach_every_parameter(task):
    [optimizer] = task.optimizers()
    losses = []
    for step in range(12):
        torch.manual_seed(0)  # Gumbel noise is of the global generator
        loss, scalars = task.loss(batch(4), step, torch.Generator().manual_seed(1))
        optimizer.zero_grad()
        loss.backward()
        if step == 3:
            still = [n for n, p in task.model.named_parameters() if p.requires_grad and p.grad is None]
            assert not still
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert scalars["psnr"] > 20


def test_the_loss_is_a_function_of_its_generator(task):
    first, _ = task.loss(batch(4), 0, torch.Generator().manual_seed(5))
    torch.manual_seed(3)
    again, _ = task.loss(batch(4), 0, torch.Generator().manual_seed(5))
    assert float(first) == pytest.approx(float(again), rel=0.2)  # Gumbel noise is of the global generator


def test_validation_is_repeatable_and_has_the_objective(task):
    task.model.eval()
    with torch.no_grad():
        first, second = task.validate(batch(2)), task.validate(batch(2))
    task.model.train()
    assert first == second and "objective" in first
    assert {f"bpp_{q}" for q in VALIDATION_QUALITIES} <= set(first)


def test_schedule_warms_up_and_falls(task):
    assert task.schedule(0.0) == 0 and task.schedule(0.02) > 0.98 and task.schedule(0.999) < 0.02


def test_export_makes_weights_and_the_serial_task_goes_on_from_them(task, tmp_path):
    path = tmp_path / "learned.safetensors"
    task.export(path, {"frames": "none"})
    weights = read_weights(path)
    assert weights.provenance["frames"] == "none" and not weights.networks.config.serial
    torch.manual_seed(1)
    serial = SerialTask(SerialTask.Config(weights=path, crop=32))
    [optimizer] = serial.optimizers()
    before = {n: p.clone() for n, p in serial.model.finished.named_parameters()}
    losses = []
    for step in range(10):
        loss, _ = serial.loss(batch(4), step, torch.Generator().manual_seed(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(torch.equal(p, before[n]) for n, p in serial.model.finished.named_parameters())
    raw, srgb = scene(160, 160, 0)
    with torch.no_grad():
        figures = serial.validate({"raw": raw.unsqueeze(0), "srgb": srgb.unsqueeze(0)})
    out = tmp_path / "serial.safetensors"
    serial.export(out, {})
    assert read_weights(out).provenance["transforms"] == weights.digest
    # The estimate is of a gain and means from every third pixel, which on few pixels are not the coder's.
    codec = made(LearnedSerial, RatePoint(255, "q=1"), weights=out)
    payload = codec.encode(raw, srgb)
    assert torch.isfinite(codec.decode(payload, srgb)).all()
    assert 0.5 < 8 * len(payload) / raw[0].numel() / float(figures["bpp_255"]) < 2


@pytest.mark.parametrize(("name", "task"), [("learned", LearnedTask), ("learned-ar", SerialTask)])
def test_recorded_configurations_load_today(name, task):
    config = read_config(WEIGHTS / f"{name}.toml", task.Config)
    assert config.task.lambdas == LAMBDAS
    assert config.data.validation_batches * config.data.batch >= 160
    assert config.data.frame_samples and config.fit.average


def test_the_base_of_a_patch_is_that_of_its_frame(task):
    raw, srgb = scene(64, 96, 1)
    patch = {"raw": raw[None, :, :32, :32], "srgb": srgb[None, :, :32, :32]}
    whole = patch | {"frame_raw": raw[None], "frame_srgb": srgb[None]}
    own, framed = image_base(task.model, patch), image_base(task.model, whole)
    expected = solve(moments(raw, srgb), *(x.double().numpy() for x in (task.model.directions, task.model.offset)))
    assert np.allclose(framed[0].numpy(), expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(own[0], framed[0], rtol=1e-2)
    with torch.no_grad():
        assert task.validate(whole)["objective"] != task.validate(patch)["objective"]


def test_coding_imports_nothing_of_training():
    code = (
        "import sys, rawbench_learned.codec as c, rawbench_learned.serial\n"
        "import rawbench_learned.journal, rawbench_learned.cvpr\n"
        "c.Learned.complexity(c.Learned.Options())\n"
        "assert not {'compressai', 'lightning_fabric', 'pandas'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_plugin_module_imports_no_torch():
    code = "import sys, rawbench_learned; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_too_few_frames_for_the_base():
    with pytest.raises(UsageError, match="2 training frames are too few: a base of 64 directions"):
        LearnedTask(LearnedTask.Config()).initialise(frames(2))
