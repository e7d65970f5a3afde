"""The validation split's figures, and the weights that did best by them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric

from rawbench.errors import RawbenchError
from rawbench.training.patches import FramePatches
from rawbench.training.seeds import VALIDATION_NOISE, seed_torch
from rawbench.training.steps import sum_over_ranks
from rawbench.training.task import Task


@dataclass
class Best:
    """The weights that did best on the validation split: step, figures, and a model's state on the CPU."""

    step: int = -1
    figures: dict[str, float] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)

    def beaten_by(self, figures: dict[str, float]) -> bool:
        """Return whether the figures have a finite and lower objective."""
        objective = figures["objective"]
        return math.isfinite(objective) and objective < self.figures.get("objective", math.inf)


class Validator:
    """Averages a task's figures over the same patches, with the same noise, each time.

    Args:
        fabric: launched; several processes share the batches.
        task: whose model is looked at.
        patches: of the validation split.
        batches: number of batches.
        size: of a batch.
    """

    def __init__(self, fabric: Fabric, task: Task, patches: FramePatches, batches: int, size: int) -> None:
        self.fabric, self.task, self.patches, self.batches, self.size = fabric, task, patches, batches, size
        self.generator = torch.Generator(fabric.device)

    def figures(self) -> dict[str, float]:
        """Return the means over all batches, the same in every process.

        Raises:
            RawbenchError: there is no ``objective`` among them.
        """
        self.task.model.eval()
        sums: dict[str, torch.Tensor] = {}
        for index in range(self.fabric.global_rank, self.batches, self.fabric.world_size):
            for name, value in self._figures_of(index).items():
                sums[name] = sums.get(name, 0.0) + torch.as_tensor(value, dtype=torch.float64).cpu()
        sums = sum_over_ranks(self.fabric, sums)  # a rank may have had no batch at all
        if "objective" not in sums:
            raise RawbenchError(f"{type(self.task).__name__}.validate() gives no figure named objective")
        return {name: float(value) / self.batches for name, value in sums.items()}

    def _figures_of(self, index: int) -> Any:
        arrays = self.patches.batch(0, self.size, index * self.size)
        batch = self.fabric.to_device({name: torch.from_numpy(value) for name, value in arrays.items()})
        seed_torch(self.generator, self.patches.seed, VALIDATION_NOISE, index)
        with torch.no_grad(), self.fabric.autocast():
            return self.task.validate(batch)
