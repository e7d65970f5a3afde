"""The loop that learned methods share: steps, validation, checkpoints, logs, export.

Exact resume rests on three things: batches and noise are functions of (seed, step), the schedule is a function of the
step, and a checkpoint holds the rest (weights, optimizers, plan, the best weights so far).
"""

from __future__ import annotations

import copy
import json
import math
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import nn

from rawbench.errors import RawbenchError, UsageError
from rawbench.training import patches as counters
from rawbench.training.checkpoint import TrainingLog, load_checkpoint, save_checkpoint, write_json
from rawbench.training.config import DataConfig, FitConfig
from rawbench.training.frames import Frames
from rawbench.training.patches import FramePatches, prefetched, seed_of
from rawbench.training.plan import Plan, steps_within
from rawbench.training.provenance import command_line, describe_frames, versions
from rawbench.training.task import Task

CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.safetensors"
REPORT = "training.json"
_FORMAT = 1
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

    Writes into ``out``: ``checkpoint.pt``, ``training_log.csv``, ``tensorboard/``, ``training.json`` and what the task
    exports, ``weights.safetensors``. SIGTERM and Ctrl-C end the run after the step at hand, with a checkpoint.

    Args:
        task: see `Task`.
        data: frames and patches.
        config: budget, seed, devices, intervals.
        out: the run's folder; made if missing.
        resume: go on from ``out``'s checkpoint.
        echo: takes the lines of progress.
        stop_at_step: stop there with a checkpoint, as a signal would.
        command: for the provenance; the process's own if not given.
        task_config: for the provenance and to recognise the run; JSON types.

    Raises:
        UsageError: a run is already in ``out``, there is none to resume, or it was made with another configuration.
        SampleError: frames that cannot be used.
        RawbenchError: the loss was not finite for ``nonfinite_limit`` steps in a row.
    """
    fabric = _fabric(config)
    first_process = fabric.global_rank == 0
    state = _found_checkpoint(out, resume) if resume or first_process else None
    training = Frames(data.frames, "train", data.excluded_scenes)
    validation = Frames(data.frames, "validation", data.excluded_scenes)
    fabric.launch()
    cuda = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda), _stop_requests() as stop:
        run = _Run(fabric, task, data, config, out, training, validation, echo, stop)
        run.identity = _identity(task, data, config, training, task_config, fabric.world_size)
        run.command = command or command_line()
        run.start(state)
        run.steps_until(stop_at_step)
        return run.finish()


def _fabric(config: FitConfig) -> Fabric:
    # Which parameters a loss touches may change with the step (stages), so DDP must look each time.
    strategy: Any = DDPStrategy(find_unused_parameters=True) if config.devices > 1 else "auto"
    try:
        return Fabric(
            accelerator=config.accelerator, strategy=strategy, devices=config.devices, precision=config.precision
        )
    except Exception as error:  # Fabric's own exceptions differ by accelerator
        reason = str(error).splitlines()[0]
        raise UsageError(f"fit: {config.devices} x {config.accelerator}, {config.precision}: {reason}") from error


def _found_checkpoint(out: Path, resume: bool) -> dict[str, Any] | None:
    path = out / CHECKPOINT
    if resume:
        state = load_checkpoint(path)
        if state.get("format") != _FORMAT:
            raise UsageError(f"{path}: checkpoint format {state.get('format')!r}, this version resumes {_FORMAT}")
        return state
    if path.exists():
        raise UsageError(f"{out}: holds a run already; resume it, or choose another folder")
    return None


def _identity(
    task: Task, data: DataConfig, config: FitConfig, training: Frames, task_config: dict[str, Any] | None, world: int
) -> dict[str, Any]:
    """What a resumed run must share with the run that it goes on with."""
    return {
        "task": f"{type(task).__module__}:{type(task).__qualname__}",
        "[task]": task_config or {},
        "[data]": data.model_dump(mode="json", exclude={"frames", "workers"}),
        "manifest digest": training.manifest_digest,
        "seed": config.seed,
        "number of devices": world,
    }


class _LossModule(nn.Module):
    """The loss as a module's forward, so that DDP's hooks run whichever of the model's methods the task calls."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model = task.model
        self.__dict__["task"] = task  # not as a submodule, should a task be one

    def forward(self, batch: Any, step: int, generator: torch.Generator) -> Any:
        return self.__dict__["task"].loss(batch, step, generator)


@dataclass
class _Best:
    """The weights that did best on the validation split."""

    step: int = -1
    figures: dict[str, float] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)

    def beaten_by(self, figures: dict[str, float]) -> bool:
        objective = figures["objective"]
        return math.isfinite(objective) and objective < self.figures.get("objective", math.inf)


class _Run:
    """One call of `fit`."""

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
        self.fabric, self.task, self.data, self.config, self.out, self.stop = fabric, task, data, config, out, stop
        self.training, self.validation = training, validation
        self.echo: Echo = echo if fabric.is_global_zero else (lambda line: None)
        self.rank, self.world = fabric.global_rank, fabric.world_size
        self.patches = FramePatches(training, data.patch, data.renditions, config.seed)
        self.validation_patches = FramePatches(
            validation,
            data.validation_patch or data.patch,
            data.renditions,
            config.seed,
            counters.VALIDATION_PATCHES,
        )
        self.generator = torch.Generator(fabric.device)
        self.identity: dict[str, Any] = {}
        self.command = ""
        self.step = self.skipped = self.skipped_in_a_row = 0
        self.best = _Best()
        self.last_figures: dict[str, float] = {}
        self.validated_step = -1
        self.plans: list[Plan] = []
        self.spent_before = 0.0
        self.started = time.monotonic()
        self.sums: dict[str, Any] = {}
        self.summed = 0

    # -- start -----------------------------------------------------------------------------------------

    def start(self, state: dict[str, Any] | None) -> None:
        """Bring the run to its first step: fresh, or where a checkpoint left off."""
        if state is not None:
            self._refuse_other_run(state["identity"])
        task, config = self.task, self.config
        task.model.to(self.fabric.device)
        if state is None:
            self._initialise()
        optimizers = list(task.optimizers())
        self.base_rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
        self.raw_optimizers = optimizers
        setup: Any = self.fabric.setup(_LossModule(task), *optimizers)
        self.module, self.optimizers = (setup[0], list(setup[1:])) if optimizers else (setup, [])
        if state is not None:
            self._restore(state)
        if self.fabric.is_global_zero:
            self._open_logs(resumed=state is not None)
        if state is None:
            self.validate()
            self._first_plan()
            self.save()
        elif (config.steps or 0) != self.plans[-1].steps or config.steps is None:
            self._replan(config.steps)
        self.marked_step, self.marked_time = self.step, time.monotonic()
        self.saved_time = self.exported_time = time.monotonic()

    def _initialise(self) -> None:
        torch.manual_seed(seed_of(self.config.seed, counters.MODEL, 1))
        if self.config.start_from is not None:
            self._start_from(self.config.start_from)
        initialise = getattr(self.task, "initialise", None)
        if initialise is not None:
            initialise(self.training)

    def _start_from(self, path: Path) -> None:
        state = load_checkpoint(path)
        other = (state.get("best") or {}).get("model") or state["model"]
        own = self.task.model.state_dict()
        matching = {name: value for name, value in other.items() if name in own and own[name].shape == value.shape}
        if not matching:
            raise UsageError(f"{path}: none of its weights fit this model")
        self.task.model.load_state_dict(matching, strict=False)
        self.echo(f"start from {path}: {len(matching)} of {len(own)} tensors")

    def _refuse_other_run(self, identity: dict[str, Any]) -> None:
        for name, value in self.identity.items():
            # Through JSON, as tuples come back as lists.
            if json.loads(json.dumps(value)) != json.loads(json.dumps(identity.get(name))):
                raise UsageError(f"{self.out / CHECKPOINT}: was trained with another {name}; it cannot be resumed")

    def _open_logs(self, resumed: bool) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.out.mkdir(parents=True, exist_ok=True)
        self.log = TrainingLog(self.out / "training_log.csv", until=self.step if resumed else None)
        self.board = SummaryWriter(str(self.out / "tensorboard"), purge_step=self.step + 1 if resumed else None)

    # -- budget ----------------------------------------------------------------------------------------

    def seconds(self) -> float:
        """Time spent on this run, with the parts before a resume."""
        return self.spent_before + time.monotonic() - self.started

    def _first_plan(self) -> None:
        steps = self.config.steps
        if steps is None:
            step_seconds = self._probe()
            began = time.monotonic()
            self.validate(record=False)
            validation_seconds = time.monotonic() - began
            left = self.config.minutes * 60 - self.seconds()  # type: ignore[operator]  # one of the two is given
            steps = steps_within(left, step_seconds, validation_seconds, self.config.validate_every)
            self.echo(f"a step takes {step_seconds:.3f} s, a validation {validation_seconds:.1f} s: {steps} steps")
        self.plans = [self.fabric.broadcast(Plan(max(steps, 1)))]

    def _probe(self) -> float:
        """Measure a step on real steps, then undo them."""
        model = copy.deepcopy(self.task.model.state_dict())
        optimizers = [copy.deepcopy(optimizer.state_dict()) for optimizer in self.raw_optimizers]
        self.plans = [Plan(10**9)]
        with prefetched(self._batch, 0, self.data.workers) as batches:
            for _ in range(_PROBE_WARMUP):
                self.train_step(next(batches))
            began = time.monotonic()
            for _ in range(_PROBE_STEPS):
                self.train_step(next(batches))
            self._synchronise()
            seconds = (time.monotonic() - began) / _PROBE_STEPS
        self.task.model.load_state_dict(model)
        for optimizer, state in zip(self.raw_optimizers, optimizers, strict=True):
            optimizer.load_state_dict(state)
        self.step = self.skipped = self.skipped_in_a_row = self.summed = 0
        self.sums = {}
        return seconds

    def _synchronise(self) -> None:
        if self.fabric.device.type == "cuda":
            torch.cuda.synchronize(self.fabric.device)

    def _replan(self, steps: int | None) -> None:
        """Let the schedule end elsewhere from here on; with no steps given, where the minutes will be spent."""
        if steps is None:
            done, now = self.step - getattr(self, "marked_step", self.step), time.monotonic()
            if done > 0:
                step_seconds = (now - self.marked_time) / done
                self.marked_step, self.marked_time = self.step, now
            elif self.step > 0:
                step_seconds = self.seconds() / self.step
            else:
                return
            left = self.config.minutes * 60 - self.seconds()  # type: ignore[operator]
            steps = self.step + max(int(left / step_seconds), 0)
        plan = self.fabric.broadcast(self.plans[-1].again(self.step, steps))
        self.plans.append(plan)

    # -- steps -----------------------------------------------------------------------------------------

    def steps_until(self, stop_at_step: int | None) -> None:
        """Take steps until the budget is spent, a signal came, or the given step is reached."""
        with prefetched(self._batch, self.step, self.data.workers) as batches:
            while self.step < self.plans[-1].steps and not self._asked_to_stop(stop_at_step):
                self.train_step(next(batches))
                self._after_step()

    def _asked_to_stop(self, stop_at_step: int | None) -> bool:
        if stop_at_step is not None and self.step >= stop_at_step:
            return True
        return self._any_rank(self.stop.is_set())

    def _any_rank(self, flag: bool) -> bool:
        if self.world == 1:
            return flag
        flags = torch.tensor(float(flag), device=self.fabric.device)
        return bool(self.fabric.all_reduce(flags, reduce_op="sum") > 0)

    def _batch(self, step: int) -> dict[str, torch.Tensor]:
        batch = self.patches.batch(step, self.data.batch, self.rank * self.data.batch)
        return {name: torch.from_numpy(value) for name, value in batch.items()}

    def _seed(self, stream: int, number: int) -> None:
        self.generator.manual_seed(seed_of(self.config.seed, stream, number, self.rank, 0))
        torch.manual_seed(seed_of(self.config.seed, stream, number, self.rank, 1))

    def train_step(self, batch: dict[str, torch.Tensor]) -> None:
        """Take one step, or skip it if the loss or a gradient is not finite."""
        factor = float(self.task.schedule(self.plans[-1].progress(self.step)))
        self._set_rates(factor)
        self._seed(counters.TRAINING_NOISE, self.step)
        self.task.model.train()
        loss, scalars = self.module(self.fabric.to_device(batch), self.step, self.generator)
        if self._any_rank(not bool(torch.isfinite(loss.detach()))):
            self._skip()
        else:
            self.fabric.backward(loss)
            if self._finite_gradients():
                for optimizer in self.optimizers:
                    optimizer.step()
                self.skipped_in_a_row = 0
                self._sum({"loss": loss, **scalars})
            else:
                self._skip()
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self.step += 1

    def _set_rates(self, factor: float) -> None:
        self.factor = factor
        for optimizer, rates in zip(self.raw_optimizers, self.base_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor if group.get("scheduled", True) else rate

    def _finite_gradients(self) -> bool:
        limit = self.config.clip or math.inf
        norms = [
            self.fabric.clip_gradients(self.module, optimizer, max_norm=limit, error_if_nonfinite=False)
            for optimizer in self.optimizers
        ]
        # With 16-mixed, overflow is part of the game: the gradient scaler skips the step and adapts.
        return self.config.precision == "16-mixed" or all(bool(torch.isfinite(norm)) for norm in norms)

    def _skip(self) -> None:
        self.skipped += 1
        self.skipped_in_a_row += 1
        if self.skipped_in_a_row >= self.config.nonfinite_limit:
            raise RawbenchError(
                f"training: the loss or its gradient was not finite in {self.skipped_in_a_row} steps in a row, "
                f"up to step {self.step}; {self.out} keeps the last checkpoint"
            )

    def _sum(self, scalars: dict[str, Any]) -> None:
        for name, value in scalars.items():
            value = value.detach() if isinstance(value, torch.Tensor) else value
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.summed += 1

    def _after_step(self) -> None:
        if self.step % self.config.log_every == 0:
            self._log_step()
        if self.step % self.config.validate_every == 0:
            self.validate()
            if self.config.minutes is not None:
                self._replan(None)
        now = time.monotonic()
        if now - self.saved_time >= self.config.checkpoint_every_minutes * 60:
            self.save()
            self.saved_time = now
        every = self.config.export_every_minutes
        if every is not None and now - self.exported_time >= every * 60:
            self.export()
            self.exported_time = now

    def _log_step(self) -> None:
        means = {name: float(value) / self.summed for name, value in self.sums.items()}
        self.sums, self.summed = {}, 0
        if not self.fabric.is_global_zero:
            return
        self._record({"rate_factor": self.factor, "skipped": float(self.skipped), **means}, "train/")
        plan = self.plans[-1]
        figures = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
        self.echo(f"step {self.step}/{plan.steps}  {self.seconds() / 60:.1f} min  {figures}")

    def _record(self, figures: dict[str, float], prefix: str) -> None:
        self.log.add(
            {
                "step": self.step,
                "seconds": round(self.seconds(), 1),
                "progress": round(self.plans[-1].progress(self.step), 6) if self.plans else 0.0,
                **{prefix + name: f"{value:.6g}" for name, value in figures.items()},
            }
        )
        for name, value in figures.items():
            self.board.add_scalar(prefix + name, value, self.step)

    # -- validation ------------------------------------------------------------------------------------

    def validate(self, record: bool = True) -> None:
        """Average the task's figures over the fixed validation batches; keep the weights if they are the best yet."""
        figures = self._validation_figures()
        if not record:
            return
        self.last_figures, self.validated_step = figures, self.step
        better = self.best.beaten_by(figures)
        if better:
            weights = {name: value.cpu().clone() for name, value in self.task.model.state_dict().items()}
            self.best = _Best(self.step, figures, weights)
        if self.fabric.is_global_zero:
            self._record(figures, "validation/")
            text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
            self.echo(f"step {self.step}  validation  {text}" + ("  (best so far)" if better else ""))

    def _validation_figures(self) -> dict[str, float]:
        sums: dict[str, torch.Tensor] = {}
        size = self.data.batch
        self.task.model.eval()
        number = self.data.validation_batches
        for index in range(self.rank, number, self.world):
            arrays = self.validation_patches.batch(0, size, index * size)
            batch = self.fabric.to_device({name: torch.from_numpy(value) for name, value in arrays.items()})
            self._seed(counters.VALIDATION_NOISE, index)
            with torch.no_grad(), self.fabric.autocast():
                figures = self.task.validate(batch)
            for name, value in figures.items():
                value = torch.as_tensor(value, dtype=torch.float64).detach().cpu()
                sums[name] = sums.get(name, torch.zeros((), dtype=torch.float64)) + value
        if self.world > 1:
            sums = self._sum_over_ranks(sums)
        if "objective" not in sums:
            raise RawbenchError(f"{self.identity['task']}: validate() gives no figure named objective")
        return {name: float(value) / number for name, value in sums.items()}

    def _sum_over_ranks(self, sums: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        names = self.fabric.broadcast(list(sums))  # a rank may have had no batch at all
        device = self.fabric.device
        own = torch.stack([sums.get(name, torch.zeros((), dtype=torch.float64)) for name in names]).to(device)
        return dict(zip(names, self.fabric.all_reduce(own, reduce_op="sum").cpu(), strict=True))

    # -- files -----------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the checkpoint."""
        if not self.fabric.is_global_zero:
            return
        save_checkpoint(
            self.out / CHECKPOINT,
            {
                "format": _FORMAT,
                "identity": json.loads(json.dumps(self.identity)),
                "step": self.step,
                "seconds": self.seconds(),
                "skipped": self.skipped,
                "skipped_in_a_row": self.skipped_in_a_row,
                "plans": [plan.as_json() for plan in self.plans],
                "model": self.task.model.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self.raw_optimizers],
                "precision": self.fabric.strategy.precision.state_dict(),
                "best": {"step": self.best.step, "figures": self.best.figures, "model": self.best.model},
                "last_figures": self.last_figures,
                "validated_step": self.validated_step,
            },
        )

    def _restore(self, state: dict[str, Any]) -> None:
        self.task.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.raw_optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        if state["precision"]:
            self.fabric.strategy.precision.load_state_dict(state["precision"])
        self.step, self.skipped = state["step"], state["skipped"]
        self.skipped_in_a_row = state["skipped_in_a_row"]
        self.plans = [Plan(**plan) for plan in state["plans"]]
        self.best = _Best(**state["best"])
        self.last_figures, self.validated_step = state["last_figures"], state["validated_step"]
        self.spent_before = state["seconds"]
        self.echo(f"resumed at step {self.step} of {self.plans[-1].steps}")

    def report(self) -> dict[str, Any]:
        """What `training.json` and the exported weights say about this run."""
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
            "devices": self.world,
            "steps": self.step,
            "patches": self.step * self.data.batch * self.world,
            "seconds": round(self.seconds(), 1),
            "skipped_steps": self.skipped,
            "plans": [plan.as_json() for plan in self.plans],
            "best_validation": {"step": self.best.step, **self.best.figures},
            "last_validation": {"step": self.validated_step, **self.last_figures},
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
        # A copy, as tables may be built for the export that the training state must not have.
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
        """Close the run: the last validation and the export if the budget is spent, a checkpoint in any case."""
        finished = self.step >= self.plans[-1].steps
        if finished and self.validated_step != self.step:
            self.validate()
        self.save()
        if finished:
            self.export()
        if self.fabric.is_global_zero:
            self.board.close()
        best = {"step": self.best.step, "figures": self.best.figures}
        weights = self.out / WEIGHTS if finished and self.best.model else None
        return FitResult(self.step, self.seconds(), finished, best, weights)


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """Turn the first SIGTERM or Ctrl-C into a flag; a second Ctrl-C interrupts as ever."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    former = {number: signal.getsignal(number) for number in numbers}

    def request(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    for number in numbers:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
