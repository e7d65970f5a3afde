"""Training of the authors' own systems: what both have in common.

lambda * 255^2 * D + bpp, Adam, and a learning rate that falls by ten where the validation's objective stands still.
Published loss and schedule; what differs from the authors' loop: the plateau is that of the validation split (theirs is
that of the test images), and exact layers need float32 (theirs ran in half precision).
"""

from __future__ import annotations

import abc
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from compressai.ops import LowerBound
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from rawbench.training.quality import psnr_of
from rawbench_learned import rate
from rawbench_learned.entropy_model import bits, gaussian_probability
from rawbench_learned.exact import round_through

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawbench.training.frames import Frames

NOTICEABLE = 1e-4
"""Relative gain below which the objective stands still."""
FALL = 0.1

Rounding = Literal["noise", "straight", "hard"]
"""Uniform noise in rounding's place; rounding with the gradient of the identity; rounding, as in coding."""


class PaperConfig(BaseModel):
    """What the tables [task] of both have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    multiplier: float = Field(gt=0, description="lambda")
    distortion: Literal["l1", "mse"]
    learning_rate: float = Field(1e-4, gt=0)
    patience: int = Field(ge=0, description="validations without a gain before the learning rate falls by ten")


class PaperModel(nn.Module):
    """The networks, and where the schedule stands: best objective, validations since, factor of the learning rate."""

    plateau: Tensor

    def __init__(self, networks: nn.Module) -> None:
        super().__init__()
        self.networks = networks
        self.register_buffer("plateau", torch.tensor([torch.inf, 0, 1]))


class PaperTask(abc.ABC):
    """See `rawbench.training.task.Task`; a subclass has ``forward`` and ``export``."""

    config: PaperConfig
    model: PaperModel

    def initialise(self, frames: Frames) -> None:
        """Begin a schedule, also where a run starts from other weights."""
        self.model.plateau.copy_(torch.tensor([torch.inf, 0, 1]))

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Adam."""
        return [torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate, eps=1e-6)]

    def schedule(self, progress: float) -> float:
        """The factor to which plateaus have brought the learning rate."""
        return float(self.model.plateau[2])

    def validated(self, figures: Mapping[str, float]) -> None:
        """Let the learning rate fall where the objective has stood still for too long."""
        best, waited, factor = self.model.plateau.tolist()
        if figures["objective"] < best * (1 - NOTICEABLE):
            best, waited = figures["objective"], 0
        else:
            waited += 1
        if waited > self.config.patience:
            waited, factor = 0, factor * FALL
        self.model.plateau.copy_(torch.tensor([best, waited, factor]))

    def loss(
        self, batch: Mapping[str, Tensor], step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the rate-distortion loss."""
        decoded, parts = self.forward(batch["raw"], batch["srgb"], generator)
        loss, scalars = self._weighted(batch["raw"], decoded, parts)
        return loss, {name: value.detach() for name, value in scalars.items()}

    def validate(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return bpp and PSNR as the tables have them; the objective is the loss."""
        decoded, parts = self.forward(batch["raw"], batch["srgb"], None)
        loss, scalars = self._weighted(batch["raw"], decoded, parts)
        return scalars | {"objective": loss, "psnr": _psnr(batch["raw"], decoded.clamp(0, 1))}

    @abc.abstractmethod
    def forward(self, raw: Tensor, srgb: Tensor, generator: torch.Generator | None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the decoded raw and bits (B, ...) by what they are of.

        Args:
            raw: (B, 3, H, W).
            srgb: uint8.
            generator: of training's noise; None: as in coding.
        """

    @abc.abstractmethod
    def export(self, path: Path, provenance: dict[str, Any]) -> None:
        """Write the weights that the codec loads."""

    def _weighted(self, raw: Tensor, decoded: Tensor, parts: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        pixels = len(raw) * raw.shape[-2] * raw.shape[-1]
        rates = {f"bpp_{name}": value.sum() / pixels for name, value in parts.items()}
        bpp = torch.stack(list(rates.values())).sum()
        error = decoded - raw
        distortion = error.abs().mean() if self.config.distortion == "l1" else error.square().mean()
        loss = self.config.multiplier * 255**2 * distortion + bpp
        return loss, {"psnr": _psnr(raw, decoded), "bpp": bpp, **rates}


def _psnr(raw: Tensor, decoded: Tensor) -> Tensor:
    return psnr_of((decoded - raw).square().mean((1, 2, 3))).mean()


class Quantiser:
    """Quantises latents against their predictions and says what they cost.

    Args:
        floor: least likelihood.
        smallest: least standard deviation, in units of the quantisation step.
        generator: of the noise.
    """

    def __init__(self, floor: float, smallest: float, generator: torch.Generator | None) -> None:
        self._floor, self._smallest = LowerBound(floor), LowerBound(rate.index_of_scale(smallest))
        self._generator = generator

    def __call__(
        self, latents: Tensor, index: Tensor, means: Tensor, steps: Tensor, rounding: Rounding
    ) -> tuple[Tensor, Tensor]:
        """Return quantised latents and bits; tables are given by (fractional) index."""
        scales = rate.scale_of_index(self._smallest.to(latents.device)(index))
        symbols = (latents - means) / steps
        if rounding == "noise":
            symbols = symbols + uniform(symbols, self._generator)
        else:
            symbols = torch.round(symbols) if rounding == "hard" else round_through(symbols)
        return symbols * steps + means, bits(gaussian_probability(symbols, scales), self._floor)


def uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return noise in [-1/2, 1/2)."""
    return torch.rand(like.shape, device=like.device, generator=generator) - 0.5
