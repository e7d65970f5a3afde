"""One optimisation step on Lightning Fabric: rates, loss, clipping, and skips of what is not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import nn

from rawbench.errors import RawbenchError
from rawbench.training.config import FitConfig
from rawbench.training.seeds import TRAINING_NOISE, seed_torch
from rawbench.training.task import Task


class _LossModule(nn.Module):
    """The loss as a module's forward, so that DDP's hooks run whichever of the model's methods it calls."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model = task.model
        self.__dict__["task"] = task  # not as a submodule, should a task be one

    def forward(self, batch: Any, step: int, generator: torch.Generator) -> Any:
        return self.__dict__["task"].loss(batch, step, generator)


class Stepper:
    """Takes the steps of one task.

    Args:
        fabric: launched.
        task: its model is on the device and initialised.
        config: seed, clipping, precision, limit of skipped steps.
    """

    def __init__(self, fabric: Fabric, task: Task, config: FitConfig) -> None:
        self.fabric, self.task, self.config = fabric, task, config
        self.generator = torch.Generator(fabric.device)
        self.skipped = self.skipped_in_a_row = 0
        self.rate_factor = 1.0
        self._plain_optimizers = list(task.optimizers())
        self._rates = [[group["lr"] for group in one.param_groups] for one in self._plain_optimizers]
        self._module, *self._optimizers = fabric.setup(_LossModule(task), *self._plain_optimizers)

    def take(self, batch: Mapping[str, torch.Tensor], step: int, progress: float) -> dict[str, Any] | None:
        """Take a step and return the loss and the task's scalars, or None if the step was skipped.

        Raises:
            RawbenchError: as many steps in a row as the configuration allows were not finite.
        """
        self._set_rates(float(self.task.schedule(progress)))
        seed_torch(self.generator, self.config.seed, TRAINING_NOISE, step, self.fabric.global_rank)
        self.task.model.train()
        loss, scalars = self._module(self.fabric.to_device(batch), step, self.generator)
        taken = not any_rank(self.fabric, not bool(torch.isfinite(loss.detach()))) and self._descend(loss)
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        if not taken:
            self._count_skip(step)
            return None
        self.skipped_in_a_row = 0
        return {"loss": loss.detach(), **scalars}

    def _descend(self, loss: torch.Tensor) -> bool:
        self.fabric.backward(loss)
        limit = self.config.clip or math.inf
        norms = [
            self.fabric.clip_gradients(self._module, optimizer, max_norm=limit, error_if_nonfinite=False)
            for optimizer in self._optimizers
        ]
        # With 16-mixed, overflow is part of the game: the gradient scaler skips the step and adapts.
        finite = all(norm is None or bool(torch.isfinite(norm)) for norm in norms)
        if not finite and self.config.precision != "16-mixed":
            return False
        for optimizer in self._optimizers:
            optimizer.step()
        return True

    def _set_rates(self, factor: float) -> None:
        self.rate_factor = factor
        for optimizer, rates in zip(self._plain_optimizers, self._rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor if group.get("scheduled", True) else rate

    def _count_skip(self, step: int) -> None:
        self.skipped += 1
        self.skipped_in_a_row += 1
        if self.skipped_in_a_row >= self.config.nonfinite_limit:
            raise RawbenchError(
                f"training: loss or gradient not finite in {self.skipped_in_a_row} steps in a row, "
                f"up to step {step}; the last checkpoint is kept"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next step depends on, but for the batch, the step's number and the progress."""
        return {
            "model": self.task.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._plain_optimizers],
            "precision": self.fabric.strategy.precision.state_dict(),
            "skipped": self.skipped,
            "skipped_in_a_row": self.skipped_in_a_row,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state_dict` returned."""
        self.task.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self._plain_optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        if state["precision"]:
            self.fabric.strategy.precision.load_state_dict(state["precision"])
        self.skipped, self.skipped_in_a_row = state["skipped"], state["skipped_in_a_row"]


def any_rank(fabric: Fabric, flag: bool) -> bool:
    """Return whether the flag is set in any process, so that all of them do the same."""
    if fabric.world_size == 1:
        return flag
    flags = torch.tensor(float(flag), device=fabric.device)
    return bool(cast(torch.Tensor, fabric.all_reduce(flags, reduce_op="sum")) > 0)


def sum_over_ranks(fabric: Fabric, sums: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the sums over all processes of what each of them has, by the names that the first one knows.

    Args:
        fabric: launched.
        sums: float64 numbers on the CPU; a process may lack some.
    """
    if fabric.world_size == 1:
        return dict(sums)
    names = fabric.broadcast(list(sums))
    nothing = torch.zeros((), dtype=torch.float64)
    own = torch.stack([sums.get(name, nothing) for name in names]) if names else torch.zeros(0, dtype=torch.float64)
    everywhere = cast(torch.Tensor, fabric.all_reduce(own.to(fabric.device), reduce_op="sum"))
    return dict(zip(names, everywhere.cpu(), strict=True))
