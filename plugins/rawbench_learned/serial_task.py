"""Training of `learned-ar`: the serial context model and its parameter network, for bits alone.

The transforms, phi and the quantisation steps are those of finished weights and stay as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from compressai.ops import LowerBound
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from rawbench.training.schedule import warm_cosine
from rawbench_learned import rate
from rawbench_learned.base import apply_base
from rawbench_learned.context import SerialContext
from rawbench_learned.entropy_model import LIKELIHOOD_FLOOR, bits, gaussian_probability, iterate
from rawbench_learned.exact import ExactConv2d
from rawbench_learned.features import cells, exact_features
from rawbench_learned.networks import CodingNetworks, Parameters, coarse_coefficients
from rawbench_learned.order import partition
from rawbench_learned.task import VALIDATION_QUALITIES, crop, image_base
from rawbench_learned.weights import Weights, read_weights, write_serial_weights

if TYPE_CHECKING:
    from collections.abc import Mapping


class SerialNetworks(nn.Module):
    """What is trained, beside what is not."""

    z_steps: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.finished: CodingNetworks = weights.networks
        self.context = SerialContext(weights.networks.config.model_copy(update={"serial": True}))
        self.parameters_of = Parameters(weights.networks.config)
        self.context.embed.load_state_dict(weights.networks.context.embed.state_dict())
        # The kernel of the last step is the one that sees neighbours at all sides.
        self.context.kernel.load_state_dict(weights.networks.context.deconvolve[-1].state_dict())
        self.parameters_of.load_state_dict(weights.networks.parameters_of.state_dict())
        self.register_buffer("z_steps", torch.from_numpy(weights.z_steps).float() * rate.STEP_UNIT)


class SerialTask:
    """See `rawbench.training.task.Task`."""

    class Config(BaseModel):
        """The table [task] of a training configuration."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        weights: Path = Field(description="finished weights of learned")
        crop: int = Field(128, ge=16, multiple_of=16)
        learning_rate: float = Field(1e-3, gt=0)
        lambdas: tuple[float, float] = Field((0.003, 16.0), description="qualities' weights, as in learned")

    def __init__(self, config: Config) -> None:
        self.config = config
        self.model = SerialNetworks(read_weights(config.weights))
        self.bound = LowerBound(LIKELIHOOD_FLOOR)

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Adam over the context model and the parameter network."""
        trained = [*self.model.context.parameters(), *self.model.parameters_of.parameters()]
        return [torch.optim.Adam(trained, lr=self.config.learning_rate)]

    def schedule(self, progress: float) -> float:
        """A cosine down to one hundredth."""
        return warm_cosine(progress)

    def loss(
        self, batch: Mapping[str, Tensor], step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return bits a pixel, each quality weighted as in the training of `learned`."""
        count, device = len(batch["raw"]), batch["raw"].device
        parts = torch.arange(count, device=device) + torch.rand(count, device=device, generator=generator)
        quality = (parts / count * rate.LEVELS).clamp_max(rate.LEVELS - 1).long()
        bpp, reference = self._bpp(batch, quality, generator)
        loss = (bpp / rate.loss_multiplier(quality, *self.config.lambdas).sqrt()).mean()
        return loss, {"bpp": bpp.mean().detach(), "bpp_learned": reference.mean()}

    def validate(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return bits a pixel of both context models, and the objective."""
        scalars: dict[str, Tensor] = {}
        weighted = []
        for value in VALIDATION_QUALITIES:
            quality = torch.full((len(batch["raw"]),), value, dtype=torch.long, device=batch["raw"].device)
            bpp, reference = self._bpp(batch, quality, None)
            scalars[f"bpp_{value}"], scalars[f"bpp_learned_{value}"] = bpp.mean(), reference.mean()
            weighted.append((bpp / rate.loss_multiplier(quality, *self.config.lambdas).sqrt()).mean())
        return scalars | {"objective": torch.stack(weighted).mean()}

    def export(self, path: Path, provenance: dict[str, Any]) -> None:
        """Write the finished weights with the serial context model in them."""
        context, networks = self.model.context, self.model.parameters_of
        layers: dict[str, tuple[Tensor, Tensor | None]] = {
            "context.embed": (context.embed.weight, None),
            "context.deconvolve.0": (context.masked().detach(), context.kernel.bias),
        }
        for name, layer in networks.named_modules():
            if isinstance(layer, ExactConv2d):
                layers[f"parameters_of.{name}"] = (layer.weight, layer.bias)
        write_serial_weights(path, self.config.weights, layers, provenance)

    def _bpp(
        self, batch: Mapping[str, Tensor], quality: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        model, raw, srgb = self.model, batch["raw"], batch["srgb"]
        with torch.no_grad():
            coefficients, gains = image_base(model.finished, batch)
            if generator is not None:
                raw, srgb = crop(raw, srgb, self.config.crop, generator)
            z, phi, z_hat, mu, scales, steps = self._latents(raw, srgb, coefficients, gains, quality)
            symbols = (z - mu) / steps
            reference = bits(gaussian_probability(torch.round(symbols), scales), self.bound)
        mu, indices = model.parameters_of(phi, *model.context(z_hat, torch.ones_like(z_hat[:, :1])))
        scales = rate.scale_of_index(indices + rate.scale_offsets(steps))
        symbols = (z - mu) / steps
        if generator is None:
            symbols = torch.round(symbols)
        else:
            symbols = symbols + torch.rand(symbols.shape, device=raw.device, generator=generator) - 0.5
        size = raw.shape[-2] * raw.shape[-1]
        own = bits(gaussian_probability(symbols, scales), self.bound)
        return own.sum((1, 2, 3)) / size, reference.sum((1, 2, 3)) / size

    def _latents(
        self, raw: Tensor, srgb: Tensor, coefficients: Tensor, gains: Tensor, quality: Tensor
    ) -> tuple[Tensor, ...]:
        finished = self.model.finished
        hats = rate.hats(quality)
        base = apply_base(srgb, coefficients, finished.directions, finished.offset)
        exact = exact_features(srgb)
        features, guess = finished.guide(srgb, base)
        full = torch.ones((), device=raw.device)
        z = finished.analysis(cells(raw - base) * gains, guess, features, hats, full)
        coarse = coarse_coefficients(coefficients, finished.coefficient_scales)
        phi = finished.prior(coarse, hats, exact)
        steps = self.model.z_steps[quality][..., None, None]
        masks = partition(finished.order(phi), training=False)
        z_hat, mu, scales = iterate(z, phi, masks, steps, finished.context, finished.parameters_of)
        return z, phi, z_hat, mu, scales, steps
