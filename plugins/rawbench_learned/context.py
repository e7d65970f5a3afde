"""Masked deconvolution: what a latent pixel is told of its known neighbours, in training and in coding. Exact."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rawbench_learned.architecture import LATENTS, Architecture
from rawbench_learned.exact import (
    ExactConv2d,
    activate,
    exact_conv2d,
    quantised_bias,
    quantised_weight,
    to_grid,
    weight_unit,
)

CELL_MEANS = slice(0, LATENTS, 16)
"""The channels that start as a cell's mean in each colour sum: where raw - base is smooth, neighbours share them."""
FARTHEST = 512.0
"""Largest mean of a latent, and of the neighbours' average."""
KERNEL = 5


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
        self.config = config
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

    causal: Tensor

    def __init__(self, config: Architecture) -> None:
        super().__init__(config)
        causal = torch.ones(KERNEL, KERNEL)
        causal[KERNEL // 2, KERNEL // 2 :] = 0
        causal[KERNEL // 2 + 1 :] = 0
        self.register_buffer("causal", causal, persistent=False)

    @property
    def kernel(self) -> ExactConv2d:
        """The one layer over neighbours."""
        layer = self.deconvolve[0]
        assert isinstance(layer, ExactConv2d)
        return layer

    def masked(self) -> Tensor:
        """Return the weights of the twelve neighbours, zero elsewhere."""
        return quantised_weight(self.kernel.weight) * self.causal

    def forward(self, z_hat: Tensor, known: Tensor, step: int = 0) -> tuple[Tensor, Tensor]:
        """See `Context.forward`; ``known`` is one everywhere inside the image."""
        weight = self.masked()
        assert self.kernel.bias is not None
        bias = quantised_bias(self.kernel.bias, weight_unit(weight))
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


class KnownLatents:
    """What is known of z_hat while it is coded, as the context model sees it: rows of maps with a border of zeros.

    Args:
        context: of the codec's networks.
        height: rows of latent pixels.
        width: columns of latent pixels.
        device: where the maps are.
    """

    def __init__(self, context: Context, height: int, width: int, device: torch.device) -> None:
        self._context = context
        self._width, self._pitch = width, width + 2 * (KERNEL // 2)
        rows = (height + 2 * (KERNEL // 2)) * self._pitch
        self._known = torch.zeros(rows, 1, device=device)
        self._embedded = torch.zeros(rows, context.config.embedding, device=device)
        self._cell_means = torch.zeros(rows, 3, device=device)
        window = torch.arange(KERNEL, device=device)
        self._window = (window[:, None] * self._pitch + window).flatten()
        self._nearness = nearness(device).view(1, -1, 1)

    def context(self, positions: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return what `Context.forward` does, as rows (N, context + 1) and (N, 3), at some latent pixels (N,)."""
        rows = (self._corners(positions)[:, None] + self._window).flatten()
        count = len(positions)
        known = self._known.index_select(0, rows).view(count, -1, 1)
        columns = self._embedded.index_select(0, rows).view(count, -1)
        context = normalised(self._context.deconvolve[step](columns), known.sum(1))
        means = self._cell_means.index_select(0, rows).view(count, -1, 3)
        return context, averaged((means * self._nearness).sum(1), (known * self._nearness).sum(1))

    def embedded(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `add` wants of latents (N, 48)."""
        return self._context.embedded(z_hat), cell_means(z_hat)

    def add(self, positions: Tensor, embedded: Tensor, means: Tensor) -> None:
        """Make latent pixels (N,) known."""
        places = self._corners(positions) + KERNEL // 2 * (self._pitch + 1)
        self._embedded[places] = embedded
        self._cell_means[places] = means
        self._known[places] = 1

    def _corners(self, positions: Tensor) -> Tensor:
        # Row of the first pixel of each window.
        return positions // self._width * self._pitch + positions % self._width
