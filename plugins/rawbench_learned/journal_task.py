"""Training of ``generation=2``, the journal version, with its published loss and schedule.

A latent pixel that no step takes costs as many bits as the least likelihood, as published, so that the order networks
learn to take them all; in validation, as in coding, a last step takes the rest.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from rawbench_learned.exact import to_grid
from rawbench_learned.features import BLOCK, CELL
from rawbench_learned.journal import on_grid
from rawbench_learned.journal_networks import STEP_FRACTIONS, JournalNetworks, Level, upsampled
from rawbench_learned.paper_systems import SIZES, STEPS
from rawbench_learned.paper_task import PaperConfig, PaperModel, PaperTask, Quantiser, Rounding
from rawbench_learned.paper_weights import write

LIKELIHOOD_FLOOR = 1e-7
SMALLEST_SCALE = 0.05
"""Of the tables; the authors' reach down to 0.01, where a symbol costs nothing either."""


class JournalTask(PaperTask):
    """See `rawbench.training.task.Task`."""

    class Config(PaperConfig):
        """The table [task] of a training configuration; by default that of the released models."""

        size: Literal["small", "reference"] = Field("reference", description="of the networks")
        multiplier: float = Field(0.24, gt=0, description="lambda")
        distortion: Literal["l1", "mse"] = "l1"
        patience: int = Field(40, ge=0, description="validations without a gain before the learning rate falls by ten")

    config: Config

    def __init__(self, config: BaseModel) -> None:
        assert isinstance(config, self.Config)
        self.config = config
        self.model = PaperModel(JournalNetworks(*SIZES[config.size]))

    def forward(self, raw: Tensor, srgb: Tensor, generator: torch.Generator | None) -> tuple[Tensor, dict[str, Tensor]]:
        """See `PaperTask.forward`."""
        networks: Any = self.model.networks
        codes, grid = srgb.float() / 255, on_grid(srgb)
        z = networks.analysis(raw, codes)
        v = networks.hyper_analysis(z, codes)
        training = generator is not None
        quantise = Quantiser(LIKELIHOOD_FLOOR, SMALLEST_SCALE, generator)
        nothing = torch.zeros_like(torch.cat([v, v], 1))
        top = grid[..., ::BLOCK, ::BLOCK]
        v_hat, v_bits = iterate(networks.levels[1], v, nothing, top, quantise, "straight" if training else "hard")
        phi = networks.hyper(to_grid(v_hat), grid)
        small = grid[..., ::CELL, ::CELL]
        z_hat, z_bits = iterate(networks.levels[0], z, phi, small, quantise, "noise" if training else "hard")
        return networks.synthesis(upsampled(z_hat), codes), {"z": z_bits, "v": v_bits}

    def export(self, path: Path, provenance: dict[str, Any]) -> None:
        """Write the weights that the codec loads."""
        write(path, self.model.networks, {"generation": 2, "size": self.config.size}, provenance)


def iterate(
    level: Level, latents: Tensor, phi: Tensor, grid: Tensor, quantise: Quantiser, rounding: Rounding
) -> tuple[Tensor, Tensor]:
    """Quantise a level step by step, each with what the steps before it made known.

    Args:
        level: its networks.
        latents: (B, C, H, W).
        phi: (B, 2C, H, W).
        grid: the sRGB at the latents' resolution, on the grid.
        quantise: what quantises.
        rounding: how; ``hard`` is coding.

    Returns:
        Quantised latents, and bits of every latent.
    """
    taken = torch.zeros_like(latents[:, :1])
    z_hat, exponents, cost = torch.zeros_like(latents), torch.zeros_like(latents), torch.zeros_like(latents)
    for mask in _masks(level, phi, grid, training=rounding != "hard"):
        context = level.context(to_grid(z_hat), exponents / 16, taken, grid)
        index, means, exponent = level.parameters_of(phi, context, taken, grid)
        found, spent = quantise(latents, index, means, torch.exp2(exponent / STEP_FRACTIONS), rounding)
        z_hat = z_hat + mask * found
        exponents = exponents + mask * exponent
        cost = cost + mask * spent
        taken = taken + mask
    return z_hat, cost + (1 - taken) * -math.log2(LIKELIHOOD_FLOOR)


def _masks(level: Level, phi: Tensor, grid: Tensor, training: bool) -> list[Tensor]:
    taken = torch.zeros_like(phi[:, :1])
    masks = []
    for _ in range(STEPS):
        masks.append(level.order.drawn(phi, taken, grid) if training else level.order(phi, taken, grid))
        taken = taken + masks[-1]
    return masks if training else [*masks, 1 - taken]
