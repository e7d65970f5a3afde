"""Training of `learned`: lambda * 255^2 * D + bpp over the whole range of qualities at once."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from compressai.ops import LowerBound
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rawbench.errors import UsageError
from rawbench.training.quality import psnr_of
from rawbench.training.schedule import warm_cosine
from rawbench_learned import rate
from rawbench_learned.architecture import Architecture
from rawbench_learned.base import (
    UNIT,
    Moments,
    apply_base,
    fit_directions,
    fitted_coefficients,
    moments,
    solve,
    solve_batch,
)
from rawbench_learned.coefficient_tables import fit_sets
from rawbench_learned.entropy_model import (
    LIKELIHOOD_FLOOR,
    bits,
    gaussian_probability,
    iterate,
)
from rawbench_learned.features import cells, exact_features, pixels
from rawbench_learned.networks import (
    CodingNetworks,
    LearnedNetworks,
    coarse_coefficients,
    gain_index,
    gain_of,
)
from rawbench_learned.order import partition
from rawbench_learned.strength import STRENGTHS
from rawbench_learned.tables import gaussian_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawbench.training.frames import Frames

VALIDATION_QUALITIES = (0, 36, 73, 109, 146, 182, 219, 255)


class LearnedTask:
    """See `rawbench.training.task.Task`."""

    class Config(BaseModel):
        """The table [task] of a training configuration."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        architecture: Architecture = Architecture()
        crop: int = Field(128, ge=16, multiple_of=16, description="side that the networks see; the base sees all")
        learning_rate: float = Field(1e-3, gt=0)
        rate_learning_rate: float = Field(2e-3, gt=0, description="of steps")
        warmup: float = Field(0.01, ge=0, lt=1, description="part of the run")
        lambdas: tuple[float, float] = Field((0.01, 6.0), description="at the lowest and the highest quality")
        weakened: float = Field(0.25, ge=0, le=1, description="part of the patches whose networks add less, or nothing")

    def __init__(self, config: Config) -> None:
        self.config = config
        self.model = LearnedNetworks(config.architecture)
        self.bound = LowerBound(LIKELIHOOD_FLOOR)

    def initialise(self, frames: Frames) -> None:
        """Fit the base's directions and its coefficients' tables to the frames.

        Each as it is, every second also as a JPEG, the others as developed. A model that already has a base, because
        the run starts from other weights, keeps it.

        Raises:
            UsageError: no more renditions than the base has directions.
        """
        self.check_frames(frames)
        images = []
        for number in range(len(frames)):
            frame = frames[number]
            raw = torch.from_numpy(frame.raw.astype(np.float32) / 65535).permute(2, 0, 1)
            renditions = [frame.srgb]
            if number % 2:
                renditions.append(_as_jpeg(frame.srgb, 10 + (number * 37) % 86))
            elif frame.developed is not None:
                renditions.append(frame.developed)
            for srgb in renditions:
                images.append(moments(raw, torch.from_numpy(np.array(srgb)).permute(2, 0, 1), stride=3))
        if not self.model.offset.any():
            self._refuse_few(frames, len(images))
            set_base(self.model, images)
        set_coefficient_tables(self.model, images, pixels=frames[0].srgb[..., 0].size)

    def check_frames(self, frames: Frames) -> None:
        """Refuse fewer frames than the base can be fitted to, before any is read.

        Raises:
            UsageError: too few.
        """
        if not self.model.offset.any():
            self._refuse_few(frames, 2 * len(frames))

    def _refuse_few(self, frames: Frames, renditions: int) -> None:
        if renditions <= self.config.architecture.base:
            wanted = f"a base of {self.config.architecture.base} directions is fitted to more renditions than that"
            raise UsageError(f"{len(frames)} training frames are too few: {wanted}; lower task.architecture.base")

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """One Adam; steps learn faster."""
        rates = [*self.model.z_steps.parameters()]
        chosen = {id(p) for p in rates}
        rest = [p for p in self.model.parameters() if id(p) not in chosen and p.requires_grad]
        groups: list[dict[str, Any]] = [{"params": rest}, {"params": rates, "lr": self.config.rate_learning_rate}]
        return [torch.optim.Adam(groups, lr=self.config.learning_rate, eps=1e-8)]

    def schedule(self, progress: float) -> float:
        """Linear warm-up, then a cosine down to one hundredth."""
        return warm_cosine(progress, self.config.warmup)

    def loss(
        self, batch: Mapping[str, Tensor], step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss at a random quality for each patch."""
        raw = batch["raw"]
        count, device = len(raw), raw.device
        # One quality of each part of the range, in random order: every step sees the whole range.
        parts = (torch.arange(count, device=device) + torch.rand(count, device=device, generator=generator)) / count
        # Both ends of the range are met often: networks are at their weakest there.
        quality = (parts * (rate.LEVELS + 48) - 24).clamp(0, rate.LEVELS - 1).long()
        quality = quality[torch.randperm(count, device=device, generator=generator)]
        result = self._forward(batch, quality, generator)
        loss = self._weighted(result, quality).mean()
        low, high = quality < 64, quality >= 192
        scalars = {
            "loss": loss.detach(),
            "psnr": psnr_of(result["mse"]).mean(),
            "psnr_base": psnr_of(result["mse_base"]).mean(),
            "psnr_low": psnr_of(result["mse"])[low].mean(),
            "psnr_high": psnr_of(result["mse"])[high].mean(),
            "bpp_low": result["bpp"][low].mean(),
            "bpp_high": result["bpp"][high].mean(),
        }
        return loss, {name: value.detach() for name, value in scalars.items()}

    def validate(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return bpp and PSNR at `VALIDATION_QUALITIES`; the objective is the loss over all of them."""
        raw = batch["raw"]
        scalars: dict[str, Tensor] = {}
        losses = []
        for value in VALIDATION_QUALITIES:
            quality = torch.full((len(raw),), value, dtype=torch.long, device=raw.device)
            result = self._forward(batch, quality, None)
            losses.append(self._weighted(result, quality).mean())
            scalars[f"psnr_{value}"] = psnr_of(result["mse"]).mean()
            scalars[f"bpp_{value}"] = result["bpp"].mean()
        scalars["psnr_base"] = psnr_of(result["mse_base"]).mean()
        scalars["objective"] = torch.stack(losses).mean()
        return scalars

    def export(self, path: Path, provenance: dict[str, Any]) -> None:
        """Write the exact weights and integer tables that the codecs load."""
        from rawbench_learned.weights import write_weights

        write_weights(path, self.model, provenance)

    def _weighted(self, result: Mapping[str, Tensor], quality: Tensor) -> Tensor:
        # The error counts in units of the base's own: an image whose base is ten times better weighs as much as the
        # others, and equal slopes of that error are what is best for a mean of PSNRs. Divided by the root of lambda,
        # so that low qualities, whose terms are small, are learnt as well.
        multiplier = rate.loss_multiplier(quality, *self.config.lambdas)
        return (multiplier * result["relative"] + result["bpp"]) / multiplier.sqrt()

    def _strength(self, count: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
        # At full strength where it is not drawn: validation, and most patches.
        if generator is None:
            return torch.ones(count, 1, 1, 1, device=device)
        number, other = torch.rand(2, count, 1, 1, 1, device=device, generator=generator)
        weaker = torch.tensor(STRENGTHS[1:], device=device)[(other * (len(STRENGTHS) - 1)).long()]
        return torch.where(number < self.config.weakened, weaker, 1.0)

    def _forward(
        self, batch: Mapping[str, Tensor], quality: Tensor, generator: torch.Generator | None
    ) -> dict[str, Tensor]:
        model, raw, srgb = self.model, batch["raw"], batch["srgb"]
        coefficients, gains = image_base(model, batch)
        if generator is not None:
            raw, srgb = crop(raw, srgb, self.config.crop, generator)
        hats = rate.hats(quality)
        base = apply_base(srgb, coefficients, model.directions, model.offset)
        residual = cells(raw - base) * gains
        exact = exact_features(srgb)
        strength = self._strength(len(raw), generator, raw.device)
        features, guess = model.guide(srgb, base)
        guess = strength * guess
        z = model.analysis(residual, guess, features, hats, strength)
        z_steps = model.z_steps(quality)
        phi = model.prior(coarse_coefficients(coefficients, model.coefficient_scales), hats, exact)
        masks = partition(model.order(phi), training=generator is not None)
        z_hat, mu, scales = iterate(z, phi, masks, z_steps, model.context, model.parameters_of)
        decoded = model.synthesis(z_hat, guess, features, hats, strength)
        symbols = (z - mu) / z_steps
        z_bits = bits(gaussian_probability(torch.round(symbols), scales), self.bound)
        if generator is not None:
            # What is logged is the rate of rounded values; what is descended, that of noise in rounding's place.
            symbols = symbols + torch.rand(symbols.shape, device=raw.device, generator=generator) - 0.5
            z_bits = _instead(z_bits, bits(gaussian_probability(symbols, scales), self.bound))
        size = raw.shape[-2] * raw.shape[-1]
        relative = (decoded - residual).square().mean((1, 2, 3))
        mse = relative / gains.flatten().square()
        if generator is None:
            final = (base + pixels(decoded) / gains).clamp(0, 1)
            mse = (final - raw).square().mean((1, 2, 3))
        return {
            "mse": mse,
            "relative": relative,
            "mse_base": (raw - base).square().mean((1, 2, 3)).detach(),
            "bpp": z_bits.sum((1, 2, 3)) / size,
        }


def set_base(model: LearnedNetworks, images: list[Moments]) -> None:
    """Fit the base to images' statistics and put it into the model."""
    directions, offset = fit_directions(images, model.config.base)
    found = np.stack([solve(image, directions, offset) for image in images])
    # Not the root mean square, which a few odd images decide.
    usual = np.maximum(np.median(np.abs(found), 0), UNIT)
    device = model.directions.device
    model.directions.copy_(torch.as_tensor(directions, dtype=torch.float32, device=device))
    model.offset.copy_(torch.as_tensor(offset, dtype=torch.float32, device=device))
    scales = 2.0 ** np.ceil(np.log2(usual))
    model.coefficient_scales.copy_(torch.as_tensor(scales, dtype=torch.float32, device=device))


def set_coefficient_tables(model: LearnedNetworks, images: list[Moments], pixels: int) -> None:
    """Fit the tables of the base's coefficients to those of images, of so many pixels each."""
    directions, offset = _base_of(model)
    integers = np.stack([fitted_coefficients(image, directions, offset, pixels).integers for image in images])
    shifts, rows = fit_sets(integers, gaussian_tables())
    model.coefficient_shifts.copy_(torch.as_tensor(shifts))
    model.coefficient_tables.copy_(torch.as_tensor(rows))


def image_base(model: CodingNetworks, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return each patch's coefficients, not rounded, float32 (B, M), and gain (B, 1, 1, 1).

    Fitted to pixels of its whole frame where the batch has them, as in coding; else to every third one of its own.
    """
    frame = "frame_raw" in batch
    raw, srgb = (batch[f"frame_{name}" if frame else name] for name in ("raw", "srgb"))
    if not frame:
        raw, srgb = raw[..., ::3, ::3], srgb[..., ::3, ::3]
    found, errors = solve_batch(raw, srgb, model.directions, model.offset)
    return found.float(), gain_of(gain_index(errors.float())).view(-1, 1, 1, 1)


def _base_of(model: CodingNetworks) -> tuple[np.ndarray, np.ndarray]:
    return model.directions.double().cpu().numpy(), model.offset.double().cpu().numpy()


def crop(raw: Tensor, srgb: Tensor, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the same random window of both, of ``side`` pixels or what there is."""
    room = [max(size - side, 0) + 1 for size in raw.shape[-2:]]
    corner = [int(torch.randint(r, (1,), generator=generator, device=raw.device)) for r in room]
    window = (..., slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side))
    return raw[window], srgb[window]


def _instead(value: Tensor, descended: Tensor) -> Tensor:
    return value.detach() + descended - descended.detach()


def _as_jpeg(srgb: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(srgb)).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image)
