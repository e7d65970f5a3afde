"""The networks of the CVPR version (arXiv 2302.12995), as far as they are known: ``generation=1:size=reference``.

Its class was never published; backbone, hyper-prior and order network are those that the authors kept in their
checkerboard baseline, the widths those of the name of an early checkpoint (stride 1, N = 32, C = 4, channel mean), the
masked deconvolution that of the supplement (its bias is inside the division). What is not known is how many context
steps there were: two is the default of their code. What steers the entropy coder consists of exact layers.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from rawbench_learned import rate
from rawbench_learned.exact import ExactConv2d, activate, round_through, to_grid
from rawbench_learned.journal_networks import INDEX_UNIT, KERNEL
from rawbench_learned.networks import MEAN_STEP
from rawbench_learned.paper_blocks import SLOPE, Attention, Block, Chain, Conv3x3, ExactConv3x3, SubPixel, beside


class CvprArchitecture(BaseModel):
    """Widths and strides. Written into the weights file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(32, ge=4, le=128, description="N")
    channels: int = Field(4, ge=1, le=32, description="C, of the latents; N over the paper's latent reduction")
    stride: Literal[1, 2] = Field(1, description="of the layers that change the resolution")
    down: int = Field(4, ge=0, le=4, description="how many of them do")
    steps: int = Field(2, ge=1, le=8, description="S, context steps")

    @property
    def strides(self) -> list[int]:
        """Of the four layers that may change the resolution."""
        return [self.stride if number < self.down else 1 for number in range(4)]

    @property
    def cell(self) -> int:
        """Side in pixels of what one latent pixel covers."""
        return int(self.stride**self.down)


class Rectified(nn.Module):
    """A layer with leaky ReLU after it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.layer(x), SLOPE)


def analysis(config: CvprArchitecture) -> Chain:
    """g_a: raw -> z. Attention blocks do not see the sRGB."""
    n, (first, second, third, fourth) = config.width, config.strides
    return Chain(
        Block(6, n, "down", first),
        Block(n + 3, n),
        Block(n + 3, n, "down", second),
        Attention(n),
        Block(n + 3, n),
        Block(n + 3, n, "down", third),
        Block(n + 3, n),
        Conv3x3(n + 3, config.channels, fourth),
        Attention(config.channels),
        bare=[3, 8],
    )


def synthesis(config: CvprArchitecture) -> Chain:
    """g_s: z_hat -> raw."""
    n, (first, second, third, fourth) = config.width, config.strides
    return Chain(
        Attention(config.channels),
        Block(config.channels + 3, n),
        Block(n + 3, n, "up", fourth),
        Block(n + 3, n),
        Block(n + 3, n, "up", third),
        Attention(n),
        Block(n + 3, n),
        Block(n + 3, n, "up", second),
        Block(n + 3, n),
        SubPixel(n + 3, 3, first),
        bare=[0, 5],
    )


def hyper_analysis(config: CvprArchitecture) -> Chain:
    """h_a: z -> v, at a quarter of its resolution."""
    n, c = config.width, config.channels
    return Chain(
        Rectified(Conv3x3(c + 3, n)),
        Rectified(Conv3x3(n + 3, n)),
        Rectified(Conv3x3(n + 3, n, 2)),
        Rectified(Conv3x3(n + 3, n)),
        Conv3x3(n + 3, c, 2),
    )


class Hyper(nn.Module):
    """h_s: v_hat -> phi, 2C channels at the resolution of z. Exact."""

    def __init__(self, config: CvprArchitecture) -> None:
        super().__init__()
        n, c, wide = config.width, config.channels, config.width * 3 // 2
        self.enter = ExactConv3x3(c + 3, n)
        self.up = ExactConv2d(n + 3, 4 * n)
        self.middle = ExactConv3x3(n + 3, wide)
        self.up_again = ExactConv2d(wide + 3, 4 * wide)
        self.leave = ExactConv3x3(wide + 3, 2 * c)

    def forward(self, v_hat: Tensor, srgb: Tensor) -> Tensor:
        """Return phi on the grid; v_hat and sRGB are on it, the sRGB at the resolution of z or a finer one."""
        x = activate(self.enter(beside(srgb, v_hat)))
        x = activate(F.pixel_shuffle(self.up(beside(srgb, x)), 2))
        x = activate(self.middle(beside(srgb, x)))
        x = activate(F.pixel_shuffle(self.up_again(beside(srgb, x)), 2))
        return to_grid(self.leave(beside(srgb, x)))


class OrderLogits(nn.Module):
    """h_mask: logits over the S steps of every latent pixel, all at once. Exact."""

    def __init__(self, config: CvprArchitecture) -> None:
        super().__init__()
        n, wide = config.width, config.width * 3 // 2
        self.first = ExactConv3x3(2 * config.channels + 3, n)
        self.second = ExactConv3x3(n + 3, wide)
        self.third = ExactConv3x3(wide + 3, config.steps)

    def forward(self, phi: Tensor, srgb: Tensor) -> Tensor:
        """Return logits (B, S, H, W)."""
        x = activate(self.first(beside(srgb, phi)))
        return self.third(beside(srgb, activate(self.second(beside(srgb, x)))))


class MaskedDeconvolution(nn.Module):
    """The sum over known neighbours, bias included, divided by their number. Exact."""

    def __init__(self, config: CvprArchitecture) -> None:
        super().__init__()
        self.deconvolve = ExactConv2d(config.channels, config.channels, KERNEL)

    def forward(self, z_hat: Tensor, taken: Tensor) -> Tensor:
        """Return context (B, C, H, W) on the grid; z_hat is on it."""
        number = F.avg_pool2d(taken, KERNEL, 1, KERNEL // 2, divisor_override=1).clamp_min(1)
        return to_grid(self.deconvolve(z_hat * taken) / number)


class Parameters(nn.Module):
    """Entropy parameters: index of the scale table and mean of every latent, whose quantisation step is one. Exact."""

    def __init__(self, config: CvprArchitecture) -> None:
        super().__init__()
        n, c = config.width, config.channels
        self.first = ExactConv2d(3 * c, n * 10 // 3, 1)
        self.second = ExactConv2d(n * 10 // 3, n * 8 // 3, 1)
        self.third = ExactConv2d(n * 8 // 3, 2 * c, 1)
        assert self.third.bias is not None
        with torch.no_grad():
            self.third.bias[:c] = rate.index_of_scale(1.0) / INDEX_UNIT

    def forward(self, context: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        """Return indices of the scale and means on a grid, (B, C, H, W) each."""
        x = activate(self.first(torch.cat([context, phi], 1)))
        index, mean = self.third(activate(self.second(x))).chunk(2, 1)
        return round_through(index * INDEX_UNIT), to_grid(mean, MEAN_STEP, -64, 64)


class CvprNetworks(nn.Module):
    """All networks of the codec."""

    def __init__(self, config: CvprArchitecture) -> None:
        super().__init__()
        self.config = config
        self.analysis = analysis(config)
        self.hyper_analysis = hyper_analysis(config)
        self.hyper = Hyper(config)
        self.synthesis = synthesis(config)
        self.order = OrderLogits(config)
        self.context = MaskedDeconvolution(config)
        self.parameters_of = Parameters(config)
