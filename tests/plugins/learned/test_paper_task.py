"""The authors' own systems: a few steps of training, weights, and an image coded with them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from rawbench_learned.codec import WEIGHTS, Learned
from rawbench_learned.cvpr_task import CvprTask
from rawbench_learned.journal_task import JournalTask
from rawbench_learned.paper_task import Quantiser
from training.tiny import write_frames

from rawbench.errors import SampleError
from rawbench.training.config import read_config

from .conftest import scene
from .test_codec import made

SYSTEMS = {
    "journal": (JournalTask, {"size": "small"}, {"generation": 2}),
    "cvpr": (CvprTask, {"architecture": {"width": 8, "channels": 2}}, {"size": "reference"}),
    "cvpr, strides": (
        CvprTask,
        {"architecture": {"width": 8, "channels": 2, "stride": 2, "down": 2, "steps": 3}},
        {"size": "reference"},
    ),
}


def batch(count: int, side: int = 32) -> dict[str, torch.Tensor]:
    pairs = [scene(side, side, seed) for seed in range(count)]
    return {"raw": torch.stack([p[0] for p in pairs]), "srgb": torch.stack([p[1] for p in pairs])}


@pytest.fixture(scope="module", params=SYSTEMS)
def trained(request, tmp_path_factory):
    """A task after a few steps, its losses, its weights file, and options that use it."""
    task_class, values, options = SYSTEMS[request.param]
    torch.manual_seed(0)
    task = task_class(task_class.Config.model_validate({**values, "learning_rate": 2e-3}))
    task.initialise([])
    [optimizer] = task.optimizers()
    losses = []
    for step in range(8):
        loss, scalars = task.loss(batch(2), step, torch.Generator().manual_seed(step))
        assert {"psnr", "bpp", "bpp_z", "bpp_v"} == set(scalars)
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in task.model.parameters())
        optimizer.step()
        losses.append(loss.item())
    task.model.eval()
    path = tmp_path_factory.mktemp("paper") / "weights.safetensors"
    with torch.no_grad():
        task.export(path, {"steps": 8})
    return task, losses, path, {**options, "weights": path}


def test_training_learns(trained):
    _, losses, _, _ = trained
    assert losses[-1] < losses[0] / 2


def test_an_image_is_coded_with_what_was_trained(trained):
    task, _, _, options = trained
    raw, srgb = scene(64, 48, 5)
    codec = made(Learned, **options)
    payload = codec.encode(raw, srgb)
    decoded = made(Learned, codec.rate_point, **options).decode(payload, srgb)
    with torch.no_grad():
        figures = task.validate({"raw": raw[None], "srgb": srgb[None]})
    # Training's view and the stream: the same networks, rounding and masks. Symbols outside the tables, of which there
    # are many after so few steps, cost more than the published floor of the likelihood says.
    psnr = -10 * math.log10((decoded - raw).square().mean())
    assert psnr == pytest.approx(float(figures["psnr"]), abs=0.2)
    assert 8 * (len(payload) - 16) / raw[0].numel() <= float(figures["bpp"]) * 1.25
    assert 8 * len(payload) / raw[0].numel() >= float(figures["bpp"]) * 0.9
    assert not Learned.capabilities_of(codec.options).untrained and "untrained" not in codec.rate_point.name
    assert Learned.identity(codec.options)["weights"] == payload[:2].hex()
    assert Learned.complexity(codec.options)["parameters"] < 600e3


def test_weights_of_another_system_are_refused(trained):
    _, _, path, options = trained
    others = {"generation": 3 - options.get("generation", 1), "size": "reference", "weights": path}
    with pytest.raises(SampleError, match=r"weights of generation=\d:size="):
        made(Learned, **others)
    with pytest.raises(SampleError, match="not weights of this version"):
        made(Learned, weights=path)
    with pytest.raises(SampleError, match="not weights of this version"):
        made(Learned, **{**options, "weights": WEIGHTS / "learned.safetensors"})


def test_the_learning_rate_falls_where_the_objective_stands_still(trained):
    task = trained[0]
    task.initialise([])
    for _ in range(task.config.patience + 1):
        task.validated({"objective": 5.0})
        assert task.schedule(0.5) == 1
    task.validated({"objective": 4.0})
    for _ in range(task.config.patience + 1):
        assert task.schedule(0.5) == 1
        task.validated({"objective": 4.0})
    assert task.schedule(0.5) == pytest.approx(0.1)


def test_validation_is_repeatable(trained):
    task = trained[0]
    with torch.no_grad():
        assert task.validate(batch(2)) == task.validate(batch(2))


def test_noise_and_rounding_stay_within_half_a_step():
    quantise = Quantiser(1e-7, 0.05, torch.Generator().manual_seed(0))
    latents, means, steps = torch.linspace(-9, 9, 300), torch.full((300,), 0.3), torch.full((300,), 0.5)
    for rounding in ("noise", "straight", "hard"):
        found, spent = quantise(latents, torch.full((300,), 20.0), means, steps, rounding)
        assert (found - latents).abs().max() <= 0.25 + 1e-5
        assert spent.min() >= 0 and spent.max() <= -math.log2(1e-7) + 1e-3


@pytest.mark.parametrize(
    ("name", "task"),
    [("journal-small", JournalTask), ("journal-reference", JournalTask), ("cvpr", CvprTask)],
)
def test_recorded_configurations_load(name, task):
    config = read_config(WEIGHTS / f"learned-{name}.toml", task.Config)
    published = {"cvpr": (1.0, "mse"), "journal-small": (0.24, "l1"), "journal-reference": (0.24, "l1")}
    assert (config.task.multiplier, config.task.distortion) == published[name]
    assert config.data.validation_batches * config.data.batch >= 160
    assert config.data.renditions.eight_bit == 1 and config.fit.precision == "32-true"


def test_train_and_run_beside_ours(call, tmp_path):
    write_frames(tmp_path / "frames", count=1)
    tasks = {"learned-journal": 'size = "small"', "learned-cvpr": "[task.architecture]\nwidth = 8\nchannels = 2"}
    for name, task in tasks.items():
        Path("config.toml").write_text(
            f'[task]\n{task}\n[data]\nframes = "frames"\npatch = 32\nbatch = 1\nvalidation_batches = 1\n'
            "[data.renditions]\neight_bit = 1.0\n[fit]\nsteps = 3\nvalidate_every = 2\n"
        )
        trained = call("train", name, "--config", "config.toml", "--out", name)
        assert trained.code == 0 and "3 steps in" in trained.out, trained.err
    untrained = "learned:generation=2:quality=1"  # one rate point each: every cell is decoded in a process of its own
    methods = (
        f"learned:quality=0.2,{untrained},{untrained}:weights=learned-journal/weights.safetensors,"
        "learned:size=reference:weights=learned-cvpr/weights.safetensors"
    )
    run = call("run", "--methods", methods, "--dataset", "tiny", "--limit", "1", "--metrics", "psnr", "--out", "run")
    assert run.code == 0, run.err
    table = " ".join(call("table", "run", "--markdown").out.split())
    assert (
        "learned:generation=2:quality=1.0: its weights are untrained" in table
        and table.count("weights are untrained") == 1
    )
