"""Training of invisp: raw -> sRGB -> JPEG -> raw, with an L1 loss at both ends (Xing et al., section 3.4).

Published: both losses, JPEG of quality 90 in between, Adam at 1e-4 halved at epochs 50 and 80 of 300, patches of
256, one camera a model. Our specification: the JPEG is kornia's, which is differentiable and codes 4:2:0; sRGB is
compared before it is clipped, so that gradients of clipped values do not die; a cosine schedule; and one model for
all cameras, without conditioning, because both directions would have to know the condition.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from rawbench import UsageError
from rawbench.training.quality import psnr_of
from rawbench.training.schedule import warm_cosine
from rawbench_invertible.networks import Architecture, InvertibleNetwork, encoded, linear

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK = 16  # pixels of a JPEG's coding unit with colour at half size


class InvISPTask:
    """See `rawbench.training.Task`. Patches are to carry the plain 8-bit rendition (``eight_bit = 1.0``)."""

    class Config(BaseModel):
        """The table [task] of a training configuration."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        architecture: Architecture = Architecture()
        jpeg_quality: int = Field(90, ge=10, le=100)
        learning_rate: float = Field(1e-3, gt=0)
        raw_weight: float = Field(1.0, gt=0, description="of the loss of raw, beside that of sRGB")

    def __init__(self, config: Config) -> None:
        self.config = config
        self.model = InvertibleNetwork(config.architecture)

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """One Adam."""
        return [torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate)]

    def schedule(self, progress: float) -> float:
        """A short linear warm-up, then a cosine down to one hundredth."""
        return warm_cosine(progress, 0.01)

    def loss(
        self, batch: Mapping[str, Tensor], step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return L1 of sRGB plus L1 of raw in the gamma domain, after a JPEG."""
        loss, scalars = self._both_ways(batch)
        return loss, {name: value.detach() for name, value in scalars.items()}

    def validate(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the loss as the objective, and the linear PSNR on the batch's own sRGB beside it."""
        loss, scalars = self._both_ways(batch)
        given = linear(self.model.inverse(batch["srgb"].float() / 255))
        return {**scalars, "psnr_given": _psnr(given, batch["raw"]), "objective": loss}

    def export(self, path: Path, provenance: dict[str, Any]) -> None:
        """Write the weights file."""
        from rawbench_invertible.weights import write_weights

        write_weights(path, self.model, provenance)

    def _both_ways(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        raw, srgb = batch["raw"], batch["srgb"].float() / 255
        target = encoded(raw)
        rendered = self.model(target)
        returned = self.model.inverse(as_jpeg(rendered.clamp(0, 1), self.config.jpeg_quality))
        loss_srgb, loss_raw = functional.l1_loss(rendered, srgb), functional.l1_loss(returned, target)
        scalars = {
            "l1_srgb": loss_srgb,
            "l1_raw": loss_raw,
            "psnr_srgb": _psnr(rendered.clamp(0, 1), srgb),
            "psnr_own": _psnr(linear(returned), raw),
        }
        return loss_srgb + self.config.raw_weight * loss_raw, scalars


def as_jpeg(srgb: Tensor, quality: int) -> Tensor:
    """Return what a JPEG (4:2:0) makes of an image, differentiably.

    Args:
        srgb: float32 (B, 3, H, W) in [0, 1]; H and W multiples of 16.
        quality: of the JPEG, 1 to 100.

    Raises:
        UsageError: kornia is not installed, or the patch's side is no multiple of 16.
    """
    try:
        from kornia.enhance import jpeg_codec_differentiable
    except ModuleNotFoundError as error:
        raise UsageError(f"training needs {error.name}: install rawbench[train]") from error
    if srgb.shape[-1] % BLOCK or srgb.shape[-2] % BLOCK:
        raise UsageError(f"patch: invisp trains on patches whose side is a multiple of {BLOCK}")
    qualities = torch.full((len(srgb),), float(quality), device=srgb.device)
    return jpeg_codec_differentiable(srgb, qualities)


def _psnr(image: Tensor, reference: Tensor) -> Tensor:
    return psnr_of((image - reference).square().mean((1, 2, 3))).mean()
