"""The networks of the journal version (arXiv 2306.12058), at its published widths: N = 64, C = 8, S = 4.

Shapes, padding and counts as in the authors' released configuration (`paper_blocks` has its blocks). Level 0 is z at a
quarter of the resolution, level 1 is v at a sixteenth. What steers the entropy coder (`Hyper`, `OrderStep`,
`NeighbourContext`, `Parameters`) consists of exact layers, whose leaky ReLU falls by 1/8, and predicts the index of a
table of scales, not the scale; else it is as published.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rawbench_learned import rate
from rawbench_learned.exact import ExactConv2d, activate, exact_conv2d, round_through, to_grid
from rawbench_learned.networks import MEAN_STEP
from rawbench_learned.paper_blocks import Attention, Block, Chain, Conv3x3, ExactConv3x3, Pair, SubPixel, beside

KERNEL = 5
STEP_FRACTIONS = 4
"""Quantisation steps are 2**(k/4): the exponent is an integer, the fraction one of four constants."""
FINEST, COARSEST = -32, 32
INDEX_UNIT = 8
"""Tables of scales by which an output of one moves."""


def analysis(n: int, c: int) -> Chain:
    """g_a0: raw -> z, C channels at a quarter of the resolution."""
    return Chain(
        Block(6, n, "down", 2),
        Block(n + 3, n),
        Block(n + 3, n, "down", 2),
        Attention(n + 3),
        Block(n + 6, n),
        Block(n + 3, n, "down", 1),
        Block(n + 3, n),
        Conv3x3(n + 3, c),
        Attention(c),
        bare=[8],
    )


def synthesis(n: int, c: int) -> Chain:
    """g_s0: z_hat, interpolated to full resolution, -> raw, without any upsampling inside."""
    return Chain(
        Attention(c + 3),
        Block(c + 6, n),
        Block(n + 3, n, "up", 1),
        Block(n + 3, n),
        Block(n + 3, n, "up", 1),
        Attention(n + 3),
        Block(n + 6, n),
        Block(n + 3, n, "up", 1),
        Block(n + 3, n),
        SubPixel(n + 3, 3, 1),
    )


def hyper_analysis(n: int, c: int) -> Chain:
    """g_a1: z -> v, at a quarter of its resolution."""
    return Chain(Pair(c + 3, n), Pair(n + 3, n, 2), Conv3x3(n + 3, c, 2))


class Hyper(nn.Module):
    """g_s1: v_hat -> phi, 2C channels at the resolution of z. Exact."""

    def __init__(self, n: int, c: int) -> None:
        super().__init__()
        wide = n * 3 // 2
        self.enter = ExactConv3x3(c + 3, n)
        self.up = ExactConv2d(n + 3, 4 * n)
        self.after = ExactConv3x3(n, n)
        self.up_again = ExactConv2d(n + 3, 4 * wide)
        self.after_again = ExactConv3x3(wide, wide)
        self.leave = ExactConv3x3(wide + 3, 2 * c)

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
        self.first = ExactConv3x3(2 * c + 1 + 3, n)
        self.second = ExactConv3x3(n + 3, wide)
        self.third = ExactConv3x3(wide + 3, 2)

    def logits(self, phi: Tensor, taken: Tensor, srgb: Tensor) -> Tensor:
        """Return logits (B, 2, H, W) for now and for later."""
        x = activate(self.first(beside(srgb, torch.cat([phi, taken], 1))))
        return self.third(beside(srgb, activate(self.second(beside(srgb, x)))))

    def forward(self, phi: Tensor, taken: Tensor, srgb: Tensor) -> Tensor:
        """Return the new mask (B, 1, H, W): where the first logit is greater (a tie is no), of pixels not yet taken."""
        now, later = self.logits(phi, taken, srgb).chunk(2, 1)
        return (now > later).float() * (1 - taken)

    def drawn(self, phi: Tensor, taken: Tensor, srgb: Tensor) -> Tensor:
        """Return the same with Gumbel noise, hard, with the gradient of a softmax: for training."""
        logits = self.logits(phi, taken, srgb)
        return F.gumbel_softmax(logits, hard=True, dim=1)[:, :1] * (1 - taken)


class NeighbourContext(nn.Module):
    """The masked deconvolution of the journal version and the two convolutions after it. Exact.

    At unknown pixels: the sum over the window divided by the number of known neighbours. At known ones: the centre tap
    alone. The sRGB is known everywhere and is not masked.
    """

    def __init__(self, n: int, c: int) -> None:
        super().__init__()
        wide = n * 3 // 2
        self.deconvolve = ExactConv2d(2 * c + 3, n, KERNEL)
        self.second = ExactConv3x3(n + 1 + 3, wide)
        self.third = ExactConv3x3(wide + 3, 2 * c)

    def forward(self, z_hat: Tensor, exponents: Tensor, taken: Tensor, srgb: Tensor) -> Tensor:
        """Return context (B, 2C, H, W) on the grid; inputs are on it, zero where not taken."""
        x = beside(srgb, torch.cat([z_hat, exponents], 1) * taken)
        sums = self.deconvolve(x)
        number = F.avg_pool2d(taken, KERNEL, 1, KERNEL // 2, divisor_override=1).clamp_min(1)
        weight, bias = self.deconvolve.quantised()
        middle = KERNEL // 2
        centre = exact_conv2d(x, weight[:, :, middle : middle + 1, middle : middle + 1], bias)
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
        assert self.fourth.bias is not None
        with torch.no_grad():
            self.fourth.bias[:c] = rate.index_of_scale(1.0) / INDEX_UNIT

    def forward(self, phi: Tensor, context: Tensor, taken: Tensor, srgb: Tensor) -> tuple[Tensor, ...]:
        """Return indices of the scale over the step, means on a grid, and exponents k of the step 2**(k/4)."""
        x = torch.cat([phi, context, taken], 1)
        x = to_grid(x * to_grid(self.gate(x)))
        for layer in (self.first, self.second, self.third):
            x = activate(layer(beside(srgb, x)))
        index, mean, exponent = self.fourth(beside(srgb, x)).chunk(3, 1)
        exponent = round_through(exponent * STEP_FRACTIONS).clamp(FINEST, COARSEST)
        return round_through(index * INDEX_UNIT), to_grid(mean, MEAN_STEP, -64, 64), exponent


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
