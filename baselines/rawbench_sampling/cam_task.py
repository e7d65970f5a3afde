"""Training of ``cam``: sampler and reconstructor together, at all densities (Nam et al., CVPR 2022, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.func import functional_call

from rawbench.training.quality import psnr_of
from rawbench.training.schedule import warm_cosine
from rawbench_sampling.cam_networks import Architecture, CamNetworks, reconstruct
from rawbench_sampling.global_map import gain_of, rough_rest
from rawbench_sampling.superpixels import slic_error, soft_mask

CELLS = (32, 16, 8, 4)
"""Sides of cells by rate point: one sample in so many pixels squared."""


class CamTask:
    """See `rawbench.training.task.Task`."""

    class Config(BaseModel):
        """The table [task] of a training configuration. Defaults not said to be ours are the published ones."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        architecture: Architecture = Architecture()
        cells: tuple[int, ...] = Field(CELLS, description="drawn for each patch (published: 8)")
        learning_rate: float = Field(1e-3, gt=0)
        warmup: float = Field(0.01, ge=0, lt=1, description="part of the run; then a cosine down to 0.01 (ours)")
        slic_weight: float = Field(1e-4, ge=0)
        colour_share: float = Field(0.2, ge=0, le=1, description="of sRGB in the superpixel term; the rest is raw")
        compactness: float = Field(10.0, ge=0)
        meta_weight: float = Field(0.01, ge=0, description="of the loss after fine-tuning on random samples")
        meta_every: int = Field(1, ge=1, description="steps; more than 1 saves time (ours)")
        inner_steps: int = Field(5, ge=1)
        inner_rate: float = Field(1e-3, gt=0)

    def __init__(self, config: Config) -> None:
        self.config = config
        self.model = CamNetworks(config.architecture)

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """One Adam."""
        return [torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate)]

    def schedule(self, progress: float) -> float:
        """Linear warm-up, then a cosine down to one hundredth."""
        return warm_cosine(progress, self.config.warmup)

    def loss(
        self, batch: Mapping[str, Tensor], step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """L1 of what is rebuilt, the superpixel term, and now and then the loss after fine-tuning."""
        count, device = len(batch["raw"]), batch["raw"].device
        # Densities in turn, so that each batch has different ones.
        first = int(torch.randint(len(self.config.cells), (1,), generator=generator, device=device))
        cells = [self.config.cells[(first + i) % len(self.config.cells)] for i in range(count)]
        colours, target, scale = self._prepared(batch)
        association = self.model.association(colours, target * scale, cells)
        mask = torch.stack([soft_mask(a, cell) for a, cell in zip(association, cells, strict=True)])
        rebuilt = self._rebuilt(colours, target, mask)
        error = ((rebuilt - target).abs() * scale).mean()
        slic = self._slic(association, batch, target, cells)
        loss = error + self.config.slic_weight * slic
        scalars = {"l1": error, "slic": slic, "psnr": _psnr(rebuilt - target).mean()}
        if self.config.meta_weight and step % self.config.meta_every == 0:
            meta = self._after_fine_tuning(colours, target, scale, generator)
            loss = loss + self.config.meta_weight * meta
            scalars["meta"] = meta
        return loss, {name: value.detach() for name, value in scalars.items()}

    def validate(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """PSNR at each density, without fine-tuning; the objective is minus their mean."""
        colours, target, scale = self._prepared(batch)
        scalars = {"psnr_base": _psnr(target).mean()}
        found = []
        for cell in self.config.cells:
            association = self.model.association(colours, target * scale, [cell] * len(target))
            mask = torch.stack([soft_mask(a, cell) for a in association])
            rebuilt = torch.where(mask > 0, target, self._rebuilt(colours, target, mask))
            found.append(_psnr(rebuilt - target).mean())
            scalars[f"psnr_{cell}"] = found[-1]
        return scalars | {"objective": -torch.stack(found).mean()}

    def export(self, path: Path, provenance: dict[str, Any]) -> None:
        """Write the weights that the codec loads."""
        from rawbench_sampling.cam_weights import write_weights

        write_weights(path, self.model, provenance)

    def _prepared(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """sRGB in [0, 1], what networks rebuild (raw or its rest), and its scale for the sampler (B, 1, 1, 1)."""
        raw, srgb = batch["raw"], batch["srgb"]
        if not self.config.architecture.residual:
            return srgb / 255, raw, torch.ones_like(raw[:, :1, :1, :1])
        rest = torch.stack([rough_rest(r, s) for r, s in zip(raw, srgb, strict=True)])
        return srgb / 255, rest, torch.stack([gain_of(r) for r in rest]).view(-1, 1, 1, 1)

    def _rebuilt(self, colours: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        """What the decoder makes of samples, whose own scale it goes by."""
        if not self.config.architecture.residual:
            return self.model.reconstruct(colours, target, mask)
        chosen = (mask > 0).detach()
        gains = [gain_of(t[:, m[0]]) for t, m in zip(target, chosen, strict=True)]
        gain = torch.stack(gains).view(-1, 1, 1, 1)
        return self.model.reconstruct(colours, target * gain, mask) / gain

    def _slic(self, association: Tensor, batch: Mapping[str, Tensor], target: Tensor, cells: list[int]) -> Tensor:
        height, width = target.shape[2:]
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        places = torch.stack([y, x]).to(target)
        share, total = self.config.colour_share, target.new_zeros(())
        for one, srgb, raw, cell in zip(association, batch["srgb"], batch["raw"], cells, strict=True):
            errors = slic_error(one, torch.cat([srgb.float(), raw * 255, places]), cell)
            colour, light, place = errors[:3].mean(), errors[3:6].mean(), errors[6:].mean()
            total = total + share * colour + (1 - share) * light + (self.config.compactness / cell) ** 2 * place
        return total / len(target)

    def _after_fine_tuning(self, colours: Tensor, target: Tensor, scale: Tensor, generator: torch.Generator) -> Tensor:
        """The L1 after some steps on random samples; its gradient is of first order."""
        network, config = self.model.reconstructor, self.config.architecture
        mask = (torch.rand(target[:, :1].shape, generator=generator, device=target.device) < 1 / 64).float()
        values = target * scale
        own = dict(network.named_parameters())

        def rebuilt(weights: dict[str, Tensor]) -> Tensor:
            return reconstruct(lambda x: functional_call(network, weights, x), config, colours, values, mask)

        tuned = {name: weight.detach().requires_grad_() for name, weight in own.items()}
        for _ in range(self.config.inner_steps):
            loss = (mask * (rebuilt(tuned) - values).abs()).mean()
            gradients = torch.autograd.grad(loss, list(tuned.values()))
            tuned = {
                name: (weight - self.config.inner_rate * gradient).detach().requires_grad_()
                for (name, weight), gradient in zip(tuned.items(), gradients, strict=True)
            }
        moved = {name: weight + (tuned[name] - weight).detach() for name, weight in own.items()}
        return (rebuilt(moved) - values).abs().mean()


def _psnr(error: Tensor) -> Tensor:
    return psnr_of(error.square().mean((1, 2, 3)))
