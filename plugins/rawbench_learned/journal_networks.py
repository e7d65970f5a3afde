"""The networks of the journal version (arXiv 2306.12058), at its published widths: N = 64, C = 8, S = 4.

Shapes and counts as in the authors' released configuration; every block gets the sRGB at its resolution (nearest
pixel) in front of its input. Level 0 is z at a quarter of the resolution, level 1 is v at a sixteenth. What steers
the entropy coder (`Hyper`, `OrderStep`, `NeighbourContext`, `Parameters`) consists of exact layers, else it is as
published.
"""

from __future__ import annotations

import torch
from compressai.layers import GDN, AttentionBlock
from torch import Tensor, nn
from torch.nn import functional as F

from rawbench_learned.exact import ExactConv2d, activate, to_grid
from rawbench_learned.networks import MEAN_STEP

KERNEL = 5
STEP_FRACTIONS = 4
"""Quantisation steps are 2**(k/4): the exponent is an integer, the fraction one of four constants."""
FINEST, COARSEST = -32, 32


def nearest(srgb: Tensor, like: Tensor) -> Tensor:
    """Return the sRGB at the resolution of ``like``: every n-th pixel."""
    stride = srgb.shape[-1] // like.shape[-1]
    return srgb[:, :, ::stride, ::stride]


def beside(srgb: Tensor, x: Tensor) -> Tensor:
    """Return x with the sRGB in front of its channels."""
    return torch.cat([nearest(srgb, x), x], 1)


class Block(nn.Module):
    """Residual block of the backbone.

    Args:
        inputs: channels, the sRGB's three included.
        width: channels out.
        kind: ``plain``, ``down`` (stride, GDN) or ``up`` (sub-pixel convolutions, inverse GDN).
        factor: stride or upsampling factor.
    """

    def __init__(self, inputs: int, width: int, kind: str = "plain", factor: int = 1) -> None:
        super().__init__()
        self.factor = factor if kind == "up" else 1
        stride = factor if kind == "down" else 1
        growth = self.factor**2
        self.first = nn.Conv2d(inputs, width * growth, 3, stride, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)
        self.normalise = None if kind == "plain" else GDN(width, inverse=kind == "up")
        kernel = 3 if kind == "up" else 1
        self.skip = nn.Conv2d(inputs, width * growth, kernel, stride, kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(F.pixel_shuffle(self.first(x), self.factor), 0.01)
        y = self.second(y)
        y = F.leaky_relu(y, 0.01) if self.normalise is None else self.normalise(y)
        return y + F.pixel_shuffle(self.skip(x), self.factor)


class Chain(nn.Module):
    """Layers in a row, each of which sees the sRGB; an attention block keeps its wider output."""

    def __init__(self, *layers: nn.Module, bare_last: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.bare_last = bare_last

    def forward(self, x: Tensor, srgb: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            bare = self.bare_last and number == len(self.layers) - 1
            x = layer(x if bare else beside(srgb, x))
        return x


def analysis(n: int, c: int) -> Chain:
    """g_a0: raw -> z, C channels at a quarter of the resolution."""
    return Chain(
        Block(6, n, "down", 2),
        Block(n + 3, n),
        Block(n + 3, n, "down", 2),
        AttentionBlock(n + 3),
        Block(n + 6, n),
        Block(n + 3, n, "down", 1),
        Block(n + 3, n),
        nn.Conv2d(n + 3, c, 3, 1, 1),
        AttentionBlock(c),
        bare_last=True,
    )


def synthesis(n: int, c: int) -> Chain:
    """g_s0: z_hat, interpolated to full resolution, -> raw, without any upsampling inside."""
    return Chain(
        AttentionBlock(c + 3),
        Block(c + 6, n),
        Block(n + 3, n, "up", 1),
        Block(n + 3, n),
        Block(n + 3, n, "up", 1),
        AttentionBlock(n + 3),
        Block(n + 6, n),
        Block(n + 3, n, "up", 1),
        Block(n + 3, n),
        nn.Conv2d(n + 3, 3, 3, 1, 1),
    )


class Pair(nn.Module):
    """Two convolutions with leaky ReLU, no skip: the blocks of level 1."""

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, width, 3, stride, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.second(F.leaky_relu(self.first(x), 0.01)), 0.01)


def hyper_analysis(n: int, c: int) -> Chain:
    """g_a1: z -> v, at a quarter of its resolution."""
    return Chain(Pair(c + 3, n), Pair(n + 3, n, 2), nn.Conv2d(n + 3, c, 3, 2, 1))


class Hyper(nn.Module):
    """g_s1: v_hat -> phi, 2C channels at the resolution of z. Exact."""

    def __init__(self, n: int, c: int) -> None:
        super().__init__()
        wide = n * 3 // 2
        self.enter = ExactConv2d(c + 3, n)
        self.up = ExactConv2d(n + 3, 4 * n)
        self.after = ExactConv2d(n, n)
        self.up_again = ExactConv2d(n + 3, 4 * wide)
        self.after_again = ExactConv2d(wide, wide)
        self.leave = ExactConv2d(wide + 3, 2 * c)

    def forward(self, v_hat: Tensor, srgb: Tensor) -> Tensor:
        """Return phi on the grid; v_hat and sRGB are on it."""
        x = activate(self.enter(beside(srgb, v_hat)))
        x = activate(self.after(activate(F.pixel_shuffle(self.up(beside(srgb, x)), 2))))
        x = activate(self.after_again(activate(F.pixel_shuffle(self.up_again(beside(srgb, x)), 2))))
        return to_grid(self.leave(beside(srgb, x)))


class OrderStep(nn.Module):
    """g_mask: which latent pixels come next, given phi and those that came already. Exact."""

    def __init__(self, n: int, c: int) -> None:
        super().__init__()
        wide = n * 3 // 2
        self.first = ExactConv2d(2 * c + 1 + 3, n)
        self.second = ExactConv2d(n + 3, wide)
        self.third = ExactConv2d(wide + 3, 2)

    def forward(self, phi: Tensor, taken: Tensor, srgb: Tensor) -> Tensor:
        """Return the new mask (B, 1, H, W): where the first logit is greater (a tie is no), of pixels not yet taken."""
        x = activate(self.first(beside(srgb, torch.cat([phi, taken], 1))))
        logits = self.third(beside(srgb, activate(self.second(beside(srgb, x)))))
        return (logits[:, :1] > logits[:, 1:]).float() * (1 - taken)


class NeighbourContext(nn.Module):
    """The masked deconvolution of the journal version and the two convolutions after it. Exact.

    At unknown pixels: the sum over known neighbours divided by their number. At known ones: the centre tap alone.
    """

    def __init__(self, n: int, c: int) -> None:
        super().__init__()
        wide = n * 3 // 2
        self.deconvolve = ExactConv2d(2 * c + 3 + 1, n, KERNEL)
        self.second = ExactConv2d(n + 1 + 3, wide)
        self.third = ExactConv2d(wide + 3, 2 * c)

    def forward(self, z_hat: Tensor, exponents: Tensor, taken: Tensor, srgb: Tensor) -> Tensor:
        """Return context (B, 2C, H, W) on the grid; inputs are on it, zero where not taken."""
        x = torch.cat([z_hat * taken, exponents * taken, nearest(srgb, z_hat) * taken, taken], 1)
        sums = self.deconvolve(x)
        number = F.avg_pool2d(taken, KERNEL, 1, KERNEL // 2, divisor_override=1).clamp_min(1)
        weight, bias = self.deconvolve.quantised()
        middle = KERNEL // 2
        centre = F.conv2d(x, weight[:, :, middle : middle + 1, middle : middle + 1], bias)
        x = activate((sums / number) * (1 - taken) + centre * taken)
        x = activate(self.second(beside(srgb, torch.cat([x, taken], 1))))
        return to_grid(self.third(beside(srgb, x)))


class Parameters(nn.Module):
    """Entropy parameters: index of the scale table, mean, and quantisation step of every latent. Exact."""

    def __init__(self, n: int, c: int) -> None:
        super().__init__()
        inputs, width = 4 * c + 1, 2 * n
        self.gate = ExactConv2d(inputs, inputs, 1)
        self.first = ExactConv2d(inputs + 3, width, 1)
        self.second = ExactConv2d(width + 3, width, 1)
        self.third = ExactConv2d(width + 3, width, 1)
        self.fourth = ExactConv2d(width + 3, 3 * c, 1)

    def forward(self, phi: Tensor, context: Tensor, taken: Tensor, srgb: Tensor) -> tuple[Tensor, ...]:
        """Return indices of the scale over the step, means on a grid, and exponents k of the step 2**(k/4)."""
        x = torch.cat([phi, context, taken], 1)
        x = to_grid(x * to_grid(self.gate(x)))
        for layer in (self.first, self.second, self.third):
            x = activate(layer(beside(srgb, x)))
        index, mean, exponent = self.fourth(beside(srgb, x)).chunk(3, 1)
        exponent = torch.floor(exponent * STEP_FRACTIONS + 0.5).clamp(FINEST, COARSEST)
        return torch.floor(index * 8 + 0.5), to_grid(mean, MEAN_STEP, -64, 64), exponent


class Level(nn.Module):
    """The entropy networks of one level: order, context and parameters are shared by its steps."""

    def __init__(self, n: int, c: int) -> None:
        super().__init__()
        self.order = OrderStep(n, c)
        self.context = NeighbourContext(n, c)
        self.parameters_of = Parameters(n, c)


class JournalNetworks(nn.Module):
    """All networks of one codec.

    Args:
        n: width N.
        c: latent channels C.
    """

    def __init__(self, n: int = 64, c: int = 8) -> None:
        super().__init__()
        self.channels = c
        self.analysis = analysis(n, c)
        self.hyper_analysis = hyper_analysis(n, c)
        self.hyper = Hyper(n, c)
        self.synthesis = synthesis(n, c)
        self.levels = nn.ModuleList([Level(n, c), Level(n, c)])


def upsampled(z_hat: Tensor) -> Tensor:
    """Return z_hat at full resolution, bicubic."""
    return F.interpolate(z_hat, scale_factor=4, mode="bicubic", align_corners=False)
