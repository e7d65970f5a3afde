"""The networks of `learned` at ``size=small``.

Float side (differences of 1e-6 between machines do no harm)::

    guide       sRGB, base            -> features, predicted residual        quarter resolution, both sides
    analysis    raw - base, features  -> latent z (48 channels, one vector a 4x4 cell)
    synthesis   z_hat, features       -> raw - base

Exact side (`exact`: the same bits everywhere)::

    prior       sRGB, base's coefficients, quality -> phi
    order       phi                        -> logits over the S steps at every latent pixel
    context     known z_hat, their mask    -> normalised by the number of known neighbours (masked deconvolution,
                                              one for each step), and a plain average of their cell means
    parameters  phi, context, average      -> mean on a grid and index of the scale table, per latent
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rawbench_learned import rate
from rawbench_learned.architecture import LATENTS, Architecture
from rawbench_learned.coefficient_tables import SETS
from rawbench_learned.context import FARTHEST, Context
from rawbench_learned.exact import ExactConv2d, activate, to_grid
from rawbench_learned.features import (
    EXACT_CHANNELS,
    GLOBAL_FEATURES,
    cells,
    clipped,
    coarser,
    linearised,
)
from rawbench_learned.order import Order

GAINS = 32
"""Gains by which raw - base is brought to about one for the networks: half octaves; an image's own is coded with it."""
MEAN_STEP = 1 / 64


class Residual(nn.Module):
    """Residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.leaky_relu(self.first(x), 0.1))


class Conditioned(Residual):
    """Residual block whose middle is scaled and shifted by the quality."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.condition = nn.Linear(rate.KNOTS, 2 * width)
        nn.init.zeros_(self.condition.weight)
        nn.init.zeros_(self.condition.bias)

    def forward(self, x: Tensor, hats: Tensor) -> Tensor:  # type: ignore[override]
        scale, shift = self.condition(hats / 4)[..., None, None].chunk(2, 1)
        middle = F.leaky_relu(self.first(x) * (1 + scale) + shift, 0.1)
        return x + self.second(middle)


class Guide(nn.Module):
    """What the sRGB alone says at quarter resolution: features for both transforms, and a guess of raw - base."""

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3 * LATENTS + 32, config.width, 1)
        self.blocks = nn.ModuleList(Residual(config.width) for _ in range(config.guide_blocks))
        self.leave = nn.Conv2d(config.width, LATENTS, 3, padding=1)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, srgb: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, width, H/4, W/4) and the guess (B, 48, H/4, W/4), gained."""
        light = linearised(srgb)
        x = torch.cat([srgb.float() / 255 - 0.5, light - 0.5, (base - light) * 4, clipped(srgb)], 1)
        x = F.leaky_relu(self.enter(cells(x)), 0.1)
        for block in self.blocks:
            x = block(x)
        return x, self.leave(F.leaky_relu(x, 0.1))


class Analysis(nn.Module):
    """z = a linear transform (a DCT of the cell at the start) of raw - base, plus what a small network adds."""

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.linear = nn.Conv2d(LATENTS, LATENTS, 1, bias=False)
        self.enter = nn.Conv2d(2 * LATENTS + config.width, config.width, 1)
        self.blocks = nn.ModuleList(Conditioned(config.width) for _ in range(config.analysis_blocks))
        self.leave = nn.Conv2d(config.width, LATENTS, 1)
        _zero(self.leave)
        with torch.no_grad():
            self.linear.weight.copy_(cell_transform()[..., None, None])

    def forward(self, residual: Tensor, guess: Tensor, features: Tensor, hats: Tensor, strength: Tensor) -> Tensor:
        """Return z (B, 48, H/4, W/4).

        Args:
            residual: raw - base in cells, gained.
            guess: of the guide, times the strength.
            features: of the guide.
            hats: quality.
            strength: of what the network adds (B, 1, 1, 1).
        """
        x = F.leaky_relu(self.enter(torch.cat([_squashed(residual), guess, features], 1)), 0.1)
        for block in self.blocks:
            x = block(x, hats)
        return self.linear(residual - guess) + strength * self.leave(F.leaky_relu(x, 0.1))


class Synthesis(nn.Module):
    """Undo `Analysis`, and use the sRGB to say what the quantised latents leave open."""

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.linear = nn.Conv2d(LATENTS, LATENTS, 1, bias=False)
        self.enter = nn.Conv2d(2 * LATENTS + config.width, config.width, 1)
        self.blocks = nn.ModuleList(Conditioned(config.width) for _ in range(config.synthesis_blocks))
        self.leave = nn.Conv2d(config.width, LATENTS, 3, padding=1)
        _zero(self.leave)
        with torch.no_grad():
            self.linear.weight.copy_(cell_transform().T[..., None, None])

    def forward(self, z_hat: Tensor, guess: Tensor, features: Tensor, hats: Tensor, strength: Tensor) -> Tensor:
        """Return raw - base in cells, gained (B, 48, H/4, W/4); see `Analysis.forward`."""
        linear = self.linear(z_hat)
        x = F.leaky_relu(self.enter(torch.cat([_squashed(linear), guess, features], 1)), 0.1)
        for block in self.blocks:
            x = block(x, hats)
        return guess + linear + strength * self.leave(F.leaky_relu(x, 0.1))


class Prior(nn.Module):
    """The sRGB, the base's coefficients and the quality -> phi at the latents' resolution. Exact."""

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        width, phi = config.exact_width, config.phi
        self.enter = ExactConv2d(EXACT_CHANNELS, width)
        self.constants = ExactConv2d(config.base + rate.KNOTS, width, 1)
        self.up = ExactConv2d(width, 4 * phi)
        self.up_again = ExactConv2d(phi, 4 * phi, 1)
        self.fuse = ExactConv2d(phi + EXACT_CHANNELS, phi)
        self.quality = ExactConv2d(rate.KNOTS, phi, 1, bias=False)
        self.leave = ExactConv2d(phi, phi)

    def forward(self, coefficients: Tensor, hats: Tensor, features: Tensor) -> Tensor:
        """Return phi (B, phi, H/4, W/4) on the grid.

        Args:
            coefficients: of the base, as `coarse_coefficients` (B, M).
            hats: quality (B, KNOTS).
            features: `features.exact_features` (B, 9, H/4, W/4).
        """
        constants = activate(self.constants(torch.cat([coefficients, hats], 1)[..., None, None]))
        x = activate(to_grid(self.enter(coarser(features))) + constants)
        x = activate(F.pixel_shuffle(self.up(x), 2))
        x = activate(F.pixel_shuffle(self.up_again(x), 2))
        shift = to_grid(self.quality(hats[..., None, None]))
        x = activate(to_grid(self.fuse(torch.cat([x, features], 1))) + shift)
        return activate(self.leave(x))


class Parameters(nn.Module):
    """Entropy parameters: mean and scale of every latent, pixel by pixel. Exact."""

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        width = config.exact_width
        self.first = ExactConv2d(config.phi + config.context + 4, width, 1)
        self.second = ExactConv2d(width, width, 1)
        self.third = ExactConv2d(width, 2 * LATENTS + 3, 1)
        assert self.third.bias is not None
        with torch.no_grad():
            self.third.weight.mul_(0.3)
            self.third.bias[LATENTS:] = rate.index_of_scale(1.0) / 8
            self.third.bias[2 * LATENTS :] = 0.5

    def forward(self, phi: Tensor, context: Tensor, average: Tensor) -> tuple[Tensor, Tensor]:
        """Return means (B, 48, H, W), multiples of 1/64, and indices of the scale before the step's offset.

        Args:
            phi: of the hyper synthesis (B, phi, H, W).
            context: of the context model (B, context + 1, H, W).
            average: of the known neighbours' cell means (B, 3, H, W); how much of it to believe is predicted.
        """
        x = activate(self.first(torch.cat([phi, context, to_grid(average / 16)], 1)))
        mean, index, belief = self.third(activate(self.second(x))).split([LATENTS, LATENTS, 3], 1)
        believed = to_grid(belief, MEAN_STEP, 0, 1) * average
        return to_grid(_added(mean, believed), MEAN_STEP, -FARTHEST, FARTHEST), index * 8


def _added(mean: Tensor, believed: Tensor) -> Tensor:
    # Channel 16 k is the first of its colour sum.
    sums = mean.unflatten(1, (3, 16))
    return torch.cat([sums[:, :, :1] + believed.unsqueeze(2), sums[:, :, 1:]], 2).flatten(1, 2)


class CodingNetworks(nn.Module):
    """The networks of encoder and decoder."""

    directions: Tensor
    offset: Tensor
    coefficient_scales: Tensor

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.config = config
        self.guide = Guide(config)
        self.analysis = Analysis(config)
        self.synthesis = Synthesis(config)
        self.prior = Prior(config)
        self.order = Order(config)
        self.context = Context(config)
        self.parameters_of = Parameters(config)
        self.register_buffer("directions", torch.zeros(GLOBAL_FEATURES, 3, config.base))
        self.register_buffer("offset", torch.zeros(GLOBAL_FEATURES, 3))
        self.register_buffer("coefficient_scales", torch.ones(config.base))


class LearnedNetworks(CodingNetworks):
    """With what only training needs: coding has tables in their place."""

    coefficient_shifts: Tensor
    coefficient_tables: Tensor

    def __init__(self, config: Architecture) -> None:
        super().__init__(config)
        self.z_steps = rate.QuantisationSteps(LATENTS, 12.0, 1.2)
        self.register_buffer("coefficient_shifts", torch.zeros(SETS, config.base, dtype=torch.int32))
        self.register_buffer("coefficient_tables", torch.zeros(SETS, config.base, dtype=torch.int32))


def gain_index(error: Tensor) -> Tensor:
    """Return the index of the gain, integers in 0..31, for a mean squared error of the base (any shape)."""
    return torch.round(-torch.log2(error.clamp_min(2.0**-30))).clamp(0, GAINS - 1)


def gain_of(index: Tensor) -> Tensor:
    """Return the gain of an index: about one over the base's root mean square error (any shape)."""
    return torch.exp2(index / 2)


def coarse_coefficients(coefficients: Tensor, scales: Tensor) -> Tensor:
    """Return the base's coefficients with 8 bits each, on the grid, for the exact networks.

    Args:
        coefficients: (B, M).
        scales: powers of two (M,): about what each is in a usual image.
    """
    return to_grid(coefficients / scales * 2)


def cell_transform() -> Tensor:
    """Return an orthonormal (48, 48): a 4x4 DCT of three orthonormal colour sums, from channels as `features.cells`."""
    n = torch.arange(4.0)
    dct = torch.cos(torch.pi * (2 * n[None] + 1) * n[:, None] / 8) * 0.5**0.5
    dct[0] = 0.5
    colour = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])
    colour = colour / colour.norm(dim=1, keepdim=True)
    return torch.einsum("ab,ij,kl->aikbjl", colour, dct, dct).reshape(LATENTS, LATENTS)


def _squashed(x: Tensor) -> Tensor:
    return x / (1 + x.abs() / 8)


def _zero(layer: nn.Conv2d) -> None:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
