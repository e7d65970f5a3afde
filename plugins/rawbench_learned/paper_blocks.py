"""Blocks of which the authors' backbones consist, both generations', as their code has them.

Every block gets the sRGB at its resolution (nearest pixel) in front of its input. 3x3 convolutions are padded by
reflection, sub-pixel convolutions and deconvolutions by zeros.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rawbench_learned.exact import ExactConv2d

SLOPE = 0.01
"""Of the leaky ReLUs in floating point."""
_LEAST_BETA = 1e-6
# Not zero, where a square would have no gradient.
_NEARLY_NONE = 2.0**-18


def nearest(srgb: Tensor, like: Tensor) -> Tensor:
    """Return the sRGB at the resolution of ``like``: every n-th pixel."""
    stride = srgb.shape[-1] // like.shape[-1]
    return srgb[:, :, ::stride, ::stride]


def beside(srgb: Tensor, x: Tensor) -> Tensor:
    """Return x with the sRGB in front of its channels."""
    return torch.cat([nearest(srgb, x), x], 1)


def reflected(x: Tensor) -> Tensor:
    """Return x (B, C, H, W) with a border of one pixel, reflected; a row or column that is alone is repeated."""
    for axis, border in ((3, (1, 1, 0, 0)), (2, (0, 0, 1, 1))):
        x = F.pad(x, border, "reflect" if x.shape[axis] > 1 else "replicate")
    return x


class Conv3x3(nn.Conv2d):
    """A 3x3 convolution padded by reflection."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(reflected(x))


class ExactConv3x3(ExactConv2d):
    """The same with exact sums, stride 1."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(reflected(x))[:, :, 1:-1, 1:-1]


class Normalisation(nn.Module):
    """Generalised divisive normalisation (Balle et al. 2016), or its inverse; beta and gamma are kept as square roots.

    Args:
        width: channels.
        inverse: multiplies in place of dividing.
    """

    def __init__(self, width: int, inverse: bool) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter(torch.ones(width))
        self.gamma = nn.Parameter(0.1**0.5 * torch.eye(width) + _NEARLY_NONE * (1 - torch.eye(width)))

    def forward(self, x: Tensor) -> Tensor:
        energy = F.conv2d(x.square(), self.gamma.square()[..., None, None], self.beta.square() + _LEAST_BETA)
        return x * (energy.sqrt() if self.inverse else energy.rsqrt())


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
        up = kind == "up"
        self.factor = factor if up else 1
        growth = self.factor**2
        stride = factor if kind == "down" else 1
        self.first = nn.Conv2d(inputs, width * growth, 3, 1, 1) if up else Conv3x3(inputs, width, stride)
        self.second = Conv3x3(width, width)
        self.normalise = None if kind == "plain" else Normalisation(width, inverse=up)
        kernel = 3 if up else 1
        self.skip = nn.Conv2d(inputs, width * growth, kernel, stride, kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(F.pixel_shuffle(self.first(x), self.factor), SLOPE)
        y = self.second(y)
        y = F.leaky_relu(y, SLOPE) if self.normalise is None else self.normalise(y)
        return y + F.pixel_shuffle(self.skip(x), self.factor)


class SubPixel(nn.Module):
    """A 3x3 convolution whose channels become pixels: upsampling by ``factor``."""

    def __init__(self, inputs: int, outputs: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.convolve = nn.Conv2d(inputs, outputs * factor**2, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.convolve(x), self.factor)


class _ResidualUnit(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(width, width // 2, 1)
        self.middle = Conv3x3(width // 2, width // 2)
        self.leave = nn.Conv2d(width // 2, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.leave(F.relu(self.middle(F.relu(self.enter(x))))))


class Attention(nn.Module):
    """The simplified attention block of Cheng et al. 2020, which keeps its number of channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.values = nn.Sequential(*(_ResidualUnit(width) for _ in range(3)))
        self.gates = nn.Sequential(*(_ResidualUnit(width) for _ in range(3)), nn.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.values(x) * torch.sigmoid(self.gates(x))


class Pair(nn.Module):
    """Two convolutions with leaky ReLU, no skip."""

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.first = Conv3x3(inputs, width, stride)
        self.second = Conv3x3(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.second(F.leaky_relu(self.first(x), SLOPE)), SLOPE)


class Chain(nn.Module):
    """Layers in a row, each of which sees the sRGB.

    Args:
        layers: in order.
        bare: numbers of the layers that do not see it.
    """

    def __init__(self, *layers: nn.Module, bare: Collection[int] = ()) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.bare = frozenset(bare)

    def forward(self, x: Tensor, srgb: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            x = layer(x if number in self.bare else beside(srgb, x))
        return x
