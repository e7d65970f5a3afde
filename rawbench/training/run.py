"""One run of the training loop: the step, the plan, the best weights, and the files."""

from __future__ import annotations

import copy
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from rawbench.errors import UsageError
from rawbench.training.average import Average
from rawbench.training.checkpoint import load_checkpoint, save_checkpoint, write_json
from rawbench.training.config import DataConfig, FitConfig
from rawbench.training.frames import Frames
from rawbench.training.patches import FramePatches, prefetched
from rawbench.training.plan import Plan, steps_within
from rawbench.training.provenance import describe_frames, versions
from rawbench.training.record import Means, Recorder
from rawbench.training.seeds import MODEL, VALIDATION_PATCHES, seed_of
from rawbench.training.steps import Stepper, any_rank, sum_over_ranks
from rawbench.training.task import Task
from rawbench.training.validation import Best, Validator

CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.safetensors"
REPORT = "training.json"
FORMAT = 2
"""Of the checkpoint."""
_PROBE_WARMUP, _PROBE_STEPS = 3, 8

Echo = Callable[[str], None]


@dataclass(frozen=True)
class FitResult:
    """Where a run stands when `fit` returns.

    Args:
        step: steps done.
        seconds: time spent, over all resumed parts.
        finished: the budget is spent; otherwise the run was stopped and can be resumed.
        best: ``step`` and ``figures`` of the best validation.
        weights: the exported weights, if finished.
    """

    step: int
    seconds: float
    finished: bool
    best: dict[str, Any]
    weights: Path | None


class Run:
    """One call of `fit`: owns the step, the plan, the best weights, and the files."""

    def __init__(
        self,
        fabric: Fabric,
        task: Task,
        data: DataConfig,
        config: FitConfig,
        out: Path,
        training: Frames,
        validation: Frames,
        echo: Echo,
        stop: threading.Event,
    ) -> None:
        self.fabric, self.task, self.data, self.config = fabric, task, data, config
        self.out, self.stop = out, stop
        self.training, self.validation = training, validation
        self.echo: Echo = echo if fabric.is_global_zero else (lambda line: None)
        self.patches = FramePatches(training, data.patch, data.renditions, config.seed, samples=data.frame_samples)
        side = data.validation_patch or data.patch
        fixed = FramePatches(
            validation, side, data.renditions, config.seed, VALIDATION_PATCHES, samples=data.frame_samples
        )
        self.validator = Validator(fabric, task, fixed, data.validation_batches, data.batch)
        self.recorder: Recorder | None = None
        self.means = Means()
        self.identity: dict[str, Any] = {}
        self.command = ""
        self.step = 0
        self.plans: list[Plan] = []
        self.best = Best()
        self.last_validation: dict[str, Any] = {}
        self.spent_before = 0.0
        self.started = time.monotonic()

    def go(self, state: dict[str, Any] | None, stop_at_step: int | None) -> FitResult:
        """Train from the start, or from a checkpoint's state, to the end of the budget or where it is stopped."""
        try:
            self.start(state)
            self.steps_until(stop_at_step)
            return self.finish()
        finally:
            self.close()

    # -- start -----------------------------------------------------------------------------------------

    def start(self, state: dict[str, Any] | None) -> None:
        """Bring the run to its first step: fresh, or where a checkpoint left off."""
        if state is not None:
            self._refuse_other_run(state["identity"])
        self.task.model.to(self.fabric.device)
        if state is None:
            self._initialise()
        self.stepper = Stepper(self.fabric, self.task, self.config)
        self.average = Average(self.task.model, self.config.average)
        if state is not None:
            self._restore(state)
        if self.fabric.is_global_zero:
            self.recorder = Recorder(self.out, self.echo, None if state is None else self.step)
        self.marked_step, self.marked_time = self.step, time.monotonic()
        if state is None:
            self.validate()
            self.plans = [self.fabric.broadcast(self._first_plan())]
            self.save()
        elif self.config.steps != self.plans[-1].steps:
            self._replan()
        self.marked_time = self.saved_time = self.exported_time = time.monotonic()

    def _initialise(self) -> None:
        torch.manual_seed(seed_of(self.config.seed, MODEL, 1))
        if self.config.start_from is not None:
            self._start_from(self.config.start_from)
        initialise = getattr(self.task, "initialise", None)
        if initialise is not None:
            initialise(self.training)

    def _start_from(self, path: Path) -> None:
        state = load_checkpoint(path)
        other = state.get("best", {}).get("model") or state["model"]
        own = self.task.model.state_dict()
        matching = {name: value for name, value in other.items() if name in own and own[name].shape == value.shape}
        if not matching:
            raise UsageError(f"{path}: none of its weights fit this model")
        self.task.model.load_state_dict(matching, strict=False)
        self.echo(f"start from {path}: {len(matching)} of {len(own)} tensors")

    def _refuse_other_run(self, identity: dict[str, Any]) -> None:
        for name, value in self.identity.items():
            if value != identity.get(name):
                path = self.out / CHECKPOINT
                raise UsageError(f"{path}: was trained with another {name}; it cannot be resumed")

    # -- budget ----------------------------------------------------------------------------------------

    def seconds(self) -> float:
        """Time spent on this run, with the parts before a resume."""
        return self.spent_before + time.monotonic() - self.started

    def _first_plan(self) -> Plan:
        if self.config.minutes is None:
            return Plan(self.config.steps or 1)
        step_seconds = self._measure_step()
        began = time.monotonic()
        self.validator.figures()
        validation_seconds = time.monotonic() - began
        left = self.config.minutes * 60 - self.seconds()
        steps = steps_within(left, step_seconds, validation_seconds, self.config.validate_every)
        times = f"a step takes {step_seconds:.3f} s, a validation {validation_seconds:.1f} s"
        self.echo(f"{times}: {steps} steps")
        return Plan(max(steps, 1))

    def _measure_step(self) -> float:
        """Return the seconds of a step, loading included: take some, then undo them."""
        before = copy.deepcopy(self.stepper.state_dict())
        with prefetched(self._batch, 0, self.data.workers) as batches:
            for step in range(_PROBE_WARMUP + _PROBE_STEPS):
                if step == _PROBE_WARMUP:
                    self._wait_for_device()
                    began = time.monotonic()
                self.stepper.take(next(batches), step, 0.0)
            self._wait_for_device()
            seconds = (time.monotonic() - began) / _PROBE_STEPS
        self.stepper.load_state_dict(before)
        return seconds

    def _wait_for_device(self) -> None:
        if self.fabric.device.type == "cuda":
            torch.cuda.synchronize(self.fabric.device)

    def _replan(self) -> None:
        """Let the schedule end where the budget does: at `steps`, or where the minutes will be spent."""
        steps = self.config.steps
        if self.config.minutes is not None:
            done, now = self.step - self.marked_step, time.monotonic()
            spent = now - self.marked_time if done else self.seconds()
            step_seconds = spent / max(done or self.step, 1)
            self.marked_step, self.marked_time = self.step, now
            steps = self.step + max(int((self.config.minutes * 60 - self.seconds()) / step_seconds), 0)
        self.plans.append(self.fabric.broadcast(self.plans[-1].again(self.step, steps or 1)))

    def progress(self) -> float:
        """The part of the budget that is spent."""
        return self.plans[-1].progress(self.step) if self.plans else 0.0

    # -- steps -----------------------------------------------------------------------------------------

    def steps_until(self, stop_at_step: int | None) -> None:
        """Take steps until the budget is spent, a signal came, or the given step is reached."""
        with prefetched(self._batch, self.step, self.data.workers) as batches:
            while self.step < self.plans[-1].steps and self.step != stop_at_step:
                if any_rank(self.fabric, self.stop.is_set()):
                    break
                scalars = self.stepper.take(next(batches), self.step, self.progress())
                self.step += 1
                if scalars is not None:
                    self.average.update()
                self.means.add(scalars or {})
                self._after_step()

    def _batch(self, step: int) -> dict[str, torch.Tensor]:
        size = self.data.batch
        arrays = self.patches.batch(step, size, self.fabric.global_rank * size)
        return {name: torch.from_numpy(value) for name, value in arrays.items()}

    def _after_step(self) -> None:
        if self.step % self.config.log_every == 0:
            counts = {"rate_factor": self.stepper.rate_factor, "skipped": self.stepper.skipped}
            self._record("train", {**counts, **self._train_figures()}, f"  (of {self.plans[-1].steps} steps)")
        if self.step % self.config.validate_every == 0:
            self.validate()
            if self.config.minutes is not None:
                self._replan()
        now = time.monotonic()
        if now - self.saved_time >= self.config.checkpoint_every_minutes * 60:
            self.save()
            self.saved_time = now
        every = self.config.export_every_minutes
        if every is not None and now - self.exported_time >= every * 60:
            self.export()
            self.exported_time = now

    def _train_figures(self) -> dict[str, float]:
        """The means of the steps' scalars since they were last asked for, over all processes."""
        means = {name: torch.tensor(value, dtype=torch.float64) for name, value in self.means.take().items()}
        return {n: float(v) / self.fabric.world_size for n, v in sum_over_ranks(self.fabric, means).items()}

    def validate(self) -> None:
        """Look at the validation split, and keep the weights if they are the best yet."""
        with self.average.in_place():
            figures = self.validator.figures()
            better = self.best.beaten_by(figures)
            if better:
                model = {name: value.cpu().clone() for name, value in self.task.model.state_dict().items()}
                self.best = Best(self.step, figures, model)
        if (validated := getattr(self.task, "validated", None)) is not None:
            validated(figures)
        self.last_validation = {"step": self.step, **figures}
        self._record("validation", figures, "  (best so far)" if better else "")

    def _record(self, kind: str, figures: dict[str, float], note: str) -> None:
        if self.recorder is not None:
            seconds, progress = round(self.seconds(), 1), round(self.progress(), 6)
            where = {"step": self.step, "seconds": seconds, "progress": progress}
            self.recorder.add(kind, where, figures, note)

    # -- files -----------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the checkpoint."""
        if not self.fabric.is_global_zero:
            return
        own = {
            "format": FORMAT,
            "identity": self.identity,
            "step": self.step,
            "seconds": self.seconds(),
            "plans": [asdict(plan) for plan in self.plans],
            "best": {"step": self.best.step, "figures": self.best.figures, "model": self.best.model},
            "last_validation": self.last_validation,
        }
        average = {"average": self.average.state_dict()}
        save_checkpoint(self.out / CHECKPOINT, {**own, **average, **self.stepper.state_dict()})

    def _restore(self, state: dict[str, Any]) -> None:
        self.stepper.load_state_dict(state)
        self.average.load_state_dict(state["average"])
        self.step = state["step"]
        self.spent_before = state["seconds"]
        self.plans = [Plan(**plan) for plan in state["plans"]]
        self.best = Best(**state["best"])
        self.last_validation = state["last_validation"]
        self.echo(f"resumed at step {self.step} of {self.plans[-1].steps}")

    def report(self) -> dict[str, Any]:
        """What ``training.json`` and the exported weights say about this run; no paths but the command's."""
        return {
            "task": self.identity["task"],
            "command": self.command,
            "config": {
                "task": self.identity["[task]"],
                "data": self.data.model_dump(mode="json", exclude={"frames"}),
                "fit": self.config.model_dump(mode="json", exclude={"start_from"}),
            },
            "started_from_other_weights": self.config.start_from is not None,
            "data": {
                "manifest_sha256": self.training.manifest_digest,
                "train": describe_frames(self.training),
                "validation": describe_frames(self.validation),
            },
            "versions": versions(),
            "device": self.fabric.device.type,
            "devices": self.fabric.world_size,
            "steps": self.step,
            "patches": self.step * self.data.batch * self.fabric.world_size,
            "seconds": round(self.seconds(), 1),
            "skipped_steps": self.stepper.skipped,
            "plans": [asdict(plan) for plan in self.plans],
            "best_validation": {"step": self.best.step, **self.best.figures},
            "last_validation": self.last_validation,
        }

    def export(self) -> None:
        """Let the task export the best weights; what it wrote then replaces the earlier export."""
        if not self.fabric.is_global_zero or not self.best.model:
            return
        report = self.report()
        folder = self.out / ".export"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        model = self.task.model
        # A copy, as an export may build tables that the training state must not have.
        self.task.model = copy.deepcopy(model)
        try:
            self.task.model.load_state_dict(self.best.model)
            self.task.model.eval()
            with torch.no_grad():
                self.task.export(folder / WEIGHTS, report)
        finally:
            self.task.model = model
        for path in sorted(folder.iterdir()):
            path.replace(self.out / path.name)
        folder.rmdir()
        write_json(self.out / REPORT, report)

    def finish(self) -> FitResult:
        """End with a checkpoint; if the budget is spent, with a last validation and the export too."""
        finished = self.step >= self.plans[-1].steps
        if finished and self.last_validation["step"] != self.step:
            self.validate()
        self.save()
        if finished:
            self.export()
        best = {"step": self.best.step, "figures": self.best.figures}
        weights = self.out / WEIGHTS if finished and self.best.model else None
        if finished:
            self.echo(f"{self.step} steps in {self.seconds() / 60:.1f} min; best at {self.best.step}: {weights}")
        else:
            self.echo(f"stopped at step {self.step}; a resumed run goes on from there")
        return FitResult(self.step, self.seconds(), finished, best, weights)

    def close(self) -> None:
        """Close the log files."""
        if self.recorder is not None:
            self.recorder.close()
