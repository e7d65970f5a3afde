"""The networks of `learned` at ``size=small``, named as the field names them.

Float side (differences of 1e-6 between machines do no harm)::

    guide            sRGB, base            -> features, predicted residual        quarter resolution, both sides
    analysis         raw - base, features  -> latent z (48 channels, one vector a 4x4 cell)
    hyper_analysis   z, sRGB               -> hyper-latent v, at a quarter of z
    synthesis        z_hat, features       -> raw - base

Exact side (`exact`: the same bits everywhere)::

    hyper_synthesis  v_hat, m(v), sRGB, quality -> phi
    order            phi                        -> logits over the S steps at every latent pixel
    context          known z_hat, their mask    -> normalised by the number of known neighbours (masked deconvolution,
                                                   one for each step), and a plain average of their cell means
    parameters       phi, context, average      -> mean on a grid and index of the scale table, per latent
"""

from __future__ import annotations

import torch
from compressai.entropy_models import EntropyBottleneck
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from rawbench_learned import rate
from rawbench_learned.exact import (
    ExactConv2d,
    activate,
    exact_conv2d,
    quantised_bias,
    quantised_weight,
    to_grid,
    weight_unit,
)
from rawbench_learned.features import (
    EXACT_CHANNELS,
    GLOBAL_FEATURES,
    cells,
    clipped,
    coarser,
    linearised,
)
from rawbench_learned.mean_tables import SETS

LATENTS = 48
"""Channels of z: as many numbers as the cell has samples, so that high rates lack nothing."""
GAINS = 32
"""Gains by which raw - base is brought to about one for the networks: half octaves; an image's own is coded with it."""
CELL_MEANS = slice(0, LATENTS, 16)
"""The channels that start as a cell's mean in each colour sum: where raw - base is smooth, neighbours share them."""
MEAN_STEP = 1 / 64
FARTHEST = 512.0
"""Largest mean of a latent, and of the neighbours' average."""
KERNEL = 5
PREFERENCE = 4
"""Logits by which a latent pixel prefers its step on the lattice: the most that the prediction can add."""
PERIOD = 4
"""Of the lattice, in latent pixels."""


class Architecture(BaseModel):
    """Widths. Written into the weights file; a decoder builds its networks from there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(48, ge=8, le=256, description="channels of guide, analysis and synthesis")
    guide_blocks: int = Field(2, ge=0, le=16)
    analysis_blocks: int = Field(1, ge=0, le=16)
    synthesis_blocks: int = Field(2, ge=0, le=16)
    means: int = Field(64, ge=1, le=64, description="channels of v, so directions of the base")
    exact_width: int = Field(64, ge=8, le=64, description="channels inside the exact networks")
    phi: int = Field(32, ge=8, le=64)
    embedding: int = Field(24, ge=1, le=32, description="channels into which the context model maps z_hat")
    context: int = Field(48, ge=8, le=64)
    steps: int = Field(4, ge=1, le=8, description="S, context steps")
    serial: bool = Field(False, description="one latent pixel after the other, in raster order, instead of S steps")


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
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

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

    def forward(self, residual: Tensor, guess: Tensor, features: Tensor, hats: Tensor) -> Tensor:
        """Return z (B, 48, H/4, W/4).

        Args:
            residual: raw - base in cells, gained.
            guess: of the guide.
            features: of the guide.
            hats: quality.
        """
        x = F.leaky_relu(self.enter(torch.cat([_squashed(residual), guess, features], 1)), 0.1)
        for block in self.blocks:
            x = block(x, hats)
        return self.linear(residual - guess) + self.leave(F.leaky_relu(x, 0.1))


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

    def forward(self, z_hat: Tensor, guess: Tensor, features: Tensor, hats: Tensor) -> Tensor:
        """Return raw - base in cells, gained (B, 48, H/4, W/4)."""
        linear = self.linear(z_hat)
        x = F.leaky_relu(self.enter(torch.cat([_squashed(linear), guess, features], 1)), 0.1)
        for block in self.blocks:
            x = block(x, hats)
        return guess + linear + self.leave(F.leaky_relu(x, 0.1))


class HyperAnalysis(nn.Module):
    """z -> v at a quarter of its resolution, one channel for each mean."""

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.first = nn.Conv2d(LATENTS + EXACT_CHANNELS, config.width, 3, stride=2, padding=1)
        self.second = nn.Conv2d(config.width, config.means, 3, stride=2, padding=1)

    def forward(self, z: Tensor, features: Tensor) -> Tensor:
        """Return v (B, M, H/16, W/16), its channel means yet to be replaced by m(v)."""
        # Magnitudes: the hyper-latent says how large z is.
        x = torch.cat([torch.log1p(z.abs() * 4), features / 8], 1)
        return self.second(F.leaky_relu(self.first(x), 0.1))


class HyperSynthesis(nn.Module):
    """v_hat, m(v), quality and the sRGB -> phi at the latents' resolution. Exact."""

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        width, phi = config.exact_width, config.phi
        self.enter = ExactConv2d(config.means + EXACT_CHANNELS, width)
        self.constants = ExactConv2d(config.means + rate.KNOTS, width, 1)
        self.up = ExactConv2d(width, 4 * phi)
        self.up_again = ExactConv2d(phi, 4 * phi, 1)
        self.fuse = ExactConv2d(phi + EXACT_CHANNELS, phi)
        self.quality = ExactConv2d(rate.KNOTS, phi, 1, bias=False)
        self.leave = ExactConv2d(phi, phi)

    def forward(self, v_hat: Tensor, means: Tensor, hats: Tensor, features: Tensor) -> Tensor:
        """Return phi (B, phi, H/4, W/4) on the grid.

        Args:
            v_hat: v without its means, dequantised, on the grid (B, M, H/16, W/16).
            means: m(v) as `coarse_means` (B, M).
            hats: quality (B, KNOTS).
            features: `features.exact_features` (B, 9, H/4, W/4).
        """
        constants = activate(self.constants(torch.cat([means, hats], 1)[..., None, None]))
        x = to_grid(self.enter(torch.cat([v_hat, coarser(features)], 1)))
        x = activate(x + constants)
        x = activate(F.pixel_shuffle(self.up(x), 2))
        x = activate(F.pixel_shuffle(self.up_again(x), 2))
        shift = to_grid(self.quality(hats[..., None, None]))
        x = activate(to_grid(self.fuse(torch.cat([x, features], 1))) + shift)
        return activate(self.leave(x))


class Order(nn.Module):
    """Order prediction: logits over the S steps, the same for all channels of a latent pixel. Exact.

    The prediction is added to the preference for a lattice. Which pixels a step gets is decided among the pixels of a
    block (`entropy_model.partition`).
    """

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.steps = config.steps
        self.first = ExactConv2d(config.phi, 16)
        self.second = ExactConv2d(16, config.steps, 1)

    def forward(self, phi: Tensor) -> Tensor:
        """Return logits (B, S, H/4, W/4), multiples of 1/16."""
        prediction = to_grid(self.second(activate(self.first(phi))), lowest=-4, highest=4)
        steps = torch.arange(self.steps, device=phi.device).view(-1, 1, 1)
        return prediction + PREFERENCE * (lattice(phi.shape[-2], phi.shape[-1], self.steps, phi.device) == steps)


def lattice(height: int, width: int, steps: int, device: torch.device) -> Tensor:
    """Return the step (height, width) that a latent pixel has by its place alone, with a period of `PERIOD`.

    From coarse to fine: with four steps a sixteenth of the pixels, a quarter, a half, all. What is smooth is
    interpolated, so only the sixteenth is coded without neighbours.
    """
    ranks = torch.tensor([[0, 8, 2, 13], [12, 4, 9, 6], [3, 15, 1, 10], [11, 7, 14, 5]], device=device)
    bounds = torch.tensor(sorted((8, 4, 1, 2, 12, 6, 10)[: steps - 1]), dtype=torch.long, device=device)
    y, x = torch.arange(height, device=device)[:, None], torch.arange(width, device=device)
    return torch.bucketize(ranks, bounds, right=True)[y % PERIOD, x % PERIOD]


def nearness(device: torch.device) -> Tensor:
    """Return the weights (5, 5) of the neighbours in their average: small integers, falling with distance."""
    profile = torch.tensor([1.0, 6.0, 10.0, 6.0, 1.0], device=device)
    return profile[:, None] * profile


class Context(nn.Module):
    """Masked deconvolution: what the known neighbours say, normalised by how many they are. Exact.

    Every step has a kernel of its own: in the second the known neighbours are far, in the last they are all around.
    Beside it goes an average of their cell means in the full range of latents: activations of 8 bits cannot say at once
    how a highlight ends and how noise looks.
    """

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.embed = ExactConv2d(LATENTS, config.embedding, 1, bias=False)
        steps = 1 if config.serial else config.steps
        self.deconvolve = nn.ModuleList(ExactConv2d(config.embedding, config.context, KERNEL) for _ in range(steps))

    def embedded(self, z_hat: Tensor) -> Tensor:
        """Return the latents mapped to fewer channels, on the grid; zero where z_hat is."""
        return to_grid(self.embed(to_grid(z_hat)))

    def forward(self, z_hat: Tensor, known: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return the context with the density of known neighbours (B, context + 1, H, W), and `averaged` (B, 3, H, W).

        Args:
            z_hat: latents, zero where not known.
            known: mask (B, 1, H, W).
            step: whose kernel it is.
        """
        number = F.avg_pool2d(known, KERNEL, 1, KERNEL // 2, divisor_override=1)
        context = normalised(self.deconvolve[step](self.embedded(z_hat)), number)
        return context, weighted_average(z_hat, known, nearness(z_hat.device))


class SerialContext(Context):
    """The same with the twelve neighbours that raster order has before a pixel: training of the serial model.

    A coder needs no such class: what is not known yet is zero in its map.
    """

    def __init__(self, config: Architecture) -> None:
        super().__init__(config)
        causal = torch.ones(KERNEL, KERNEL)
        causal[KERNEL // 2, KERNEL // 2 :] = 0
        causal[KERNEL // 2 + 1 :] = 0
        self.register_buffer("causal", causal, persistent=False)

    def masked(self) -> Tensor:
        """Return the weights of the twelve neighbours, zero elsewhere."""
        return quantised_weight(self.deconvolve[0].weight) * self.causal

    def forward(self, z_hat: Tensor, known: Tensor, step: int = 0) -> tuple[Tensor, Tensor]:
        """See `Context.forward`; ``known`` is one everywhere inside the image."""
        weight = self.masked()
        bias = quantised_bias(self.deconvolve[0].bias, weight_unit(weight))
        number = exact_conv2d(known, self.causal[None, None], None)
        context = normalised(exact_conv2d(self.embedded(z_hat), weight, bias), number)
        return context, weighted_average(z_hat, known, nearness(z_hat.device) * self.causal)


def normalised(sums: Tensor, number: Tensor) -> Tensor:
    """Divide the sums over known neighbours by their number (one correctly rounded division), onto the grid."""
    context = activate(sums * 8 / number.clamp_min(1))
    return torch.cat([context, number * 0.25], 1)


def cell_means(z_hat: Tensor) -> Tensor:
    """Return the latents of `CELL_MEANS` as multiples of 1/16, of maps or of rows."""
    return to_grid(z_hat[:, CELL_MEANS], lowest=-FARTHEST, highest=FARTHEST)


def averaged(sums: Tensor, weight: Tensor) -> Tensor:
    """Divide weighted sums of cell means by the known neighbours' weight, to multiples of 1/16; zero without any."""
    return to_grid(sums / weight.clamp_min(1), lowest=-FARTHEST, highest=FARTHEST)


def weighted_average(z_hat: Tensor, known: Tensor, weights: Tensor) -> Tensor:
    """Return `averaged` for every latent pixel of a map (B, 3, H, W); see `Context.forward`."""
    means = cell_means(z_hat)
    sums = exact_conv2d(means.flatten(0, 1).unsqueeze(1), weights[None, None], None).view_as(means)
    return averaged(sums, exact_conv2d(known, weights[None, None], None))


class Parameters(nn.Module):
    """Entropy parameters: mean and scale of every latent, pixel by pixel. Exact."""

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        width = config.exact_width
        self.first = ExactConv2d(config.phi + config.context + 4, width, 1)
        self.second = ExactConv2d(width, width, 1)
        self.third = ExactConv2d(width, 2 * LATENTS + 3, 1)
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


class FactorisedPrior(EntropyBottleneck):
    """CompressAI's non-parametric density, of v itself: one density serves every quantisation step."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, filters=(3, 3), init_scale=1)
        self.quantiles.requires_grad_(False)

    def probability(self, v: Tensor, step: Tensor) -> Tensor:
        """Return the mass of [v - step/2, v + step/2] (B, M, H, W)."""
        half = (step / 2).expand_as(v)
        low, high = self._cumulative(v - half), self._cumulative(v + half)
        sign = -torch.sign(low + high).detach()
        return (torch.sigmoid(sign * high) - torch.sigmoid(sign * low)).abs()

    def _cumulative(self, v: Tensor) -> Tensor:
        flat = v.transpose(0, 1).reshape(self.channels, 1, -1)
        logits = self._logits_cumulative(flat, stop_gradient=False)
        return logits.view(v.shape[1], v.shape[0], *v.shape[2:]).transpose(0, 1)


class CodingNetworks(nn.Module):
    """The networks of encoder and decoder."""

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.config = config
        self.guide = Guide(config)
        self.analysis = Analysis(config)
        self.synthesis = Synthesis(config)
        self.hyper_analysis = HyperAnalysis(config)
        self.hyper_synthesis = HyperSynthesis(config)
        self.order = Order(config)
        self.context = Context(config)
        self.parameters_of = Parameters(config)
        self.register_buffer("directions", torch.zeros(GLOBAL_FEATURES, 3, config.means))
        self.register_buffer("offset", torch.zeros(GLOBAL_FEATURES, 3))
        self.register_buffer("mean_scales", torch.ones(config.means))


class LearnedNetworks(CodingNetworks):
    """With what only training needs: coding has tables in their place."""

    def __init__(self, config: Architecture) -> None:
        super().__init__(config)
        self.prior = FactorisedPrior(config.means)
        self.z_steps = rate.QuantisationSteps(LATENTS, 12.0, 1.2)
        self.v_steps = rate.QuantisationSteps(config.means, 8.0, 1.0)
        self.register_buffer("mean_shifts", torch.zeros(SETS, config.means, dtype=torch.int32))
        self.register_buffer("mean_tables", torch.zeros(SETS, config.means, dtype=torch.int32))


def gain_index(error: Tensor) -> Tensor:
    """Return the index of the gain, integers in 0..31, for a mean squared error of the base (any shape)."""
    return torch.round(-torch.log2(error.clamp_min(2.0**-30))).clamp(0, GAINS - 1)


def gain_of(index: Tensor) -> Tensor:
    """Return the gain of an index: about one over the base's root mean square error (any shape)."""
    return torch.exp2(index / 2)


def coarse_means(means: Tensor, scales: Tensor) -> Tensor:
    """Return m(v) with 8 bits a channel, on the grid, for the exact networks.

    Args:
        means: (B, M).
        scales: powers of two (M,): about what each channel is in a usual image.
    """
    return to_grid(means / scales * 2)


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
