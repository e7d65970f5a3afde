"""The loop that learned methods share: steps, validation, checkpoints, logs, export.

Exact resume rests on three things: batches and noise are functions of (seed, step), the schedule is a
function of the step, and a checkpoint holds the rest (weights, optimizers, plans, the best weights so far).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from lightning_fabric.utilities.exceptions import MisconfigurationException

from rawbench.errors import UsageError
from rawbench.training.checkpoint import load_checkpoint
from rawbench.training.config import DataConfig, FitConfig
from rawbench.training.frames import Frames
from rawbench.training.provenance import command_line
from rawbench.training.run import CHECKPOINT, FORMAT, Echo, FitResult, Run
from rawbench.training.stopping import stop_requests
from rawbench.training.task import Task


def fit(
    task: Task,
    data: DataConfig,
    config: FitConfig,
    out: Path,
    *,
    resume: bool = False,
    echo: Echo = print,
    stop_at_step: int | None = None,
    command: str | None = None,
    task_config: dict[str, Any] | None = None,
) -> FitResult:
    """Train a task within its budget, and export the weights that did best on the validation split.

    SIGTERM and Ctrl-C end the run after the step at hand, with a checkpoint. Torch's random state is left as found.

    Args:
        task: see `Task`.
        data: frames and patches.
        config: budget, seed, devices, intervals.
        out: folder for ``checkpoint.pt``, ``training_log.csv``, ``tensorboard/``, ``training.json`` and what the task
            exports, ``weights.safetensors``; made if missing.
        resume: go on from ``out``'s checkpoint.
        echo: takes the lines of progress.
        stop_at_step: stop there with a checkpoint, as a signal would.
        command: for the provenance; the process's own if not given.
        task_config: for the provenance and to recognise the run; JSON types.

    Raises:
        UsageError: a run is already in ``out``, there is none to resume, or it had another configuration.
        SampleError: frames that cannot be used.
        RawbenchError: the loss was not finite for ``nonfinite_limit`` steps in a row.
    """
    fabric = make_fabric(config)
    # Other processes start later and may find what this one has begun to write.
    state = found_checkpoint(out, resume) if resume or fabric.global_rank == 0 else None
    training = Frames(data.frames, "train", data.excluded_scenes)
    validation = Frames(data.frames, "validation", data.excluded_scenes)
    fabric.launch()
    cuda = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda), stop_requests() as stop:
        run = Run(fabric, task, data, config, out, training, validation, echo, stop)
        run.identity = _identity(task, data, config, training, task_config, fabric.world_size)
        run.command = command or command_line()
        return run.go(state, stop_at_step)


def make_fabric(config: FitConfig) -> Fabric:
    """The devices of a run.

    Raises:
        UsageError: they are not there.
    """
    # Which parameters a loss touches may change with the step (stages), so DDP must look each time.
    strategy: Any = DDPStrategy(find_unused_parameters=True) if config.devices > 1 else "auto"
    try:
        return Fabric(
            accelerator=config.accelerator,
            strategy=strategy,
            devices=config.devices,
            precision=config.precision,
        )
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        reason = str(error).splitlines()[0]
        where = f"{config.devices} x {config.accelerator}, {config.precision}"
        raise UsageError(f"cannot train on {where}: {reason}") from error


def found_checkpoint(out: Path, resume: bool) -> dict[str, Any] | None:
    """The checkpoint to go on from; None for a new run.

    Raises:
        UsageError: there is one and none is wanted, or the other way round.
    """
    path = out / CHECKPOINT
    if resume:
        state = load_checkpoint(path)
        if state.get("format") != FORMAT:
            found = state.get("format")
            raise UsageError(f"{path}: checkpoint format {found!r}, this version resumes {FORMAT}")
        return state
    if path.exists():
        raise UsageError(f"{out}: holds a run already; resume it, or choose another folder")
    return None


def _identity(
    task: Task,
    data: DataConfig,
    config: FitConfig,
    training: Frames,
    task_config: dict[str, Any] | None,
    world_size: int,
) -> dict[str, Any]:
    """What a resumed run must share with the run that it goes on with, as JSON types."""
    identity = {
        "task": f"{type(task).__module__}:{type(task).__qualname__}",
        "[task]": task_config or {},
        "[data]": data.model_dump(mode="json", exclude={"frames", "workers"}),
        "manifest digest": training.manifest_digest,
        "seed": config.seed,
        "number of devices": world_size,
    }
    return json.loads(json.dumps(identity))
