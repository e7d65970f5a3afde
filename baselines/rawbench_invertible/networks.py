"""The invertible network of Xing et al. (CVPR 2021, section 3.2): 3 channels in, 3 channels out, at full resolution.

Every block is a 1x1 convolution, whose matrix is kept as P L U so that it always has an inverse, and an affine
coupling layer, whose inverse is the same three dense blocks run in another order. Both directions share all weights.
"""

from __future__ import annotations

from typing import cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

GAMMA = 2.2
"""Raw enters the network as raw ** (1 / 2.2), as published."""
SCALE_LIMIT = 0.8
"""Largest absolute log scale of a coupling layer, as published."""


class Architecture(BaseModel):
    """Widths of the network. Published are 8 blocks of growth 32 with 5 convolutions in a dense block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    blocks: int = Field(3, ge=2, le=32)
    growth: int = Field(12, ge=1, le=256, description="channels of each convolution of a dense block but the last")
    convolutions: int = Field(3, ge=2, le=8, description="3x3 convolutions of a dense block")

    @property
    def reach(self) -> int:
        """Pixels that an output looks around itself: in each block by F, and by G and H behind it."""
        return self.blocks * 2 * self.convolutions


class DenseBlock(nn.Module):
    """3x3 convolutions, each of which sees the input and the outputs of all before it; the last starts at zero."""

    def __init__(self, inputs: int, outputs: int, config: Architecture) -> None:
        super().__init__()
        growth = config.growth
        widths = [growth] * (config.convolutions - 1) + [outputs]
        layers = [nn.Conv2d(inputs + number * growth, width, 3, padding=1) for number, width in enumerate(widths)]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, a=0.2)
            layer.weight.data.mul_(0.5)  # sums of several layers meet in the next one
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        nn.init.zeros_(layers[-1].weight)
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = torch.cat([x, functional.leaky_relu(layer(x), 0.2)], 1)
        return self.layers[-1](x)


class InvertibleConv1x1(nn.Module):
    """A 3x3 matrix over channels, W = P L (U + diag(sign * exp(log scale))), after Glow (Kingma & Dhariwal 2018)."""

    permutation: Tensor
    signs: Tensor

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        permutation, lower, upper = torch.linalg.lu(matrix)
        diagonal = upper.diagonal()
        self.register_buffer("permutation", permutation)
        self.register_buffer("signs", diagonal.sign())
        self.lower = nn.Parameter(lower.tril(-1))
        self.upper = nn.Parameter(upper.triu(1))
        self.log_scales = nn.Parameter(diagonal.abs().log())

    def matrix(self) -> Tensor:
        """Return W, float32 (3, 3)."""
        lower = self.lower.tril(-1) + torch.eye(len(self.lower), device=self.lower.device)
        upper = self.upper.triu(1) + torch.diag(self.signs * self.log_scales.exp())
        return self.permutation @ lower @ upper

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.matrix()[:, :, None, None])

    def inverse(self, y: Tensor) -> Tensor:
        inverse = torch.linalg.inv(self.matrix().double()).to(y.dtype)
        return functional.conv2d(y, inverse[:, :, None, None])


class Coupling(nn.Module):
    """y1 = x1 + F(x2); y2 = x2 * exp(s) + G(y1), s = 0.8 * (2 * sigmoid(H(y1)) - 1); x1 is one channel, x2 are two."""

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.f = DenseBlock(2, 1, config)
        self.g = DenseBlock(1, 2, config)
        self.h = DenseBlock(1, 2, config)

    def forward(self, x: Tensor) -> Tensor:
        x1, x2 = x[:, :1], x[:, 1:]
        y1 = x1 + self.f(x2)
        return torch.cat([y1, x2 * self._log_scale(y1).exp() + self.g(y1)], 1)

    def inverse(self, y: Tensor) -> Tensor:
        y1, y2 = y[:, :1], y[:, 1:]
        x2 = (y2 - self.g(y1)) * (-self._log_scale(y1)).exp()
        return torch.cat([y1 - self.f(x2), x2], 1)

    def _log_scale(self, y1: Tensor) -> Tensor:
        return SCALE_LIMIT * (2 * torch.sigmoid(self.h(y1)) - 1)


class InvertibleNetwork(nn.Module):
    """raw ** (1 / 2.2) -> sRGB / 255, and back. Untrained it is the identity.

    The published network starts from random rotations; here the last one undoes those before it, so that training
    starts from a gamma curve. That is our specification.
    """

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.config = config
        rotations = [torch.linalg.qr(torch.randn(3, 3))[0] for _ in range(config.blocks - 1)]
        product = torch.eye(3)
        for rotation in rotations:
            product = rotation @ product
        self.mixers = nn.ModuleList(InvertibleConv1x1(matrix) for matrix in (*rotations, product.T))
        self.couplings = nn.ModuleList(Coupling(config) for _ in range(config.blocks))

    def forward(self, x: Tensor) -> Tensor:
        """Render: float32 (B, 3, H, W) raw in the gamma domain -> sRGB, 1 is white, not clipped."""
        for mixer, coupling in zip(self.mixers, self.couplings, strict=True):
            x = coupling(mixer(x))
        return x

    def inverse(self, y: Tensor) -> Tensor:
        """Undo ``forward``: sRGB -> raw in the gamma domain, not clipped."""
        for mixer, coupling in zip(reversed(self.mixers), reversed(self.couplings), strict=True):
            y = cast(InvertibleConv1x1, mixer).inverse(cast(Coupling, coupling).inverse(y))
        return y


def encoded(raw: Tensor) -> Tensor:
    """Return linear raw in [0, 1] in the network's domain."""
    return raw.clamp(0, 1) ** (1 / GAMMA)


def linear(values: Tensor) -> Tensor:
    """Return the network's raw as linear raw in [0, 1]."""
    return values.clamp(0, 1) ** GAMMA
