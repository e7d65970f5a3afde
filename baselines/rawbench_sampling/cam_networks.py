"""The networks of ``cam``: a sampler for the encoder, a reconstructor for the decoder."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

LONGEST_CELL = 32


class Architecture(BaseModel):
    """Widths of both networks; ``PUBLISHED`` has the published ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sampler_width: int = Field(8, ge=4, le=64, description="features of the sampler's first level")
    width: int = Field(12, ge=4, le=64, description="features of the reconstructor's first level")
    levels: int = Field(3, ge=1, le=5, description="how often features are halved in size, and doubled in number")
    shuffle: int = Field(2, ge=1, le=4, description="side of the blocks of pixels that become channels; 1: none")
    residual: bool = Field(True, description="networks see and predict what a global polynomial leaves of raw")


PUBLISHED = Architecture(sampler_width=32, width=32, levels=4, shuffle=1, residual=False)


class UNet(nn.Module):
    """U-Net of blocks of two 3 x 3 convolutions with batch normalisation (Nam et al., official configuration).

    Args:
        inputs: channels.
        outputs: channels.
        width: features of the first level.
        levels: max-poolings.
        shuffle: blocks of so many pixels a side are channels of one pixel inside.
    """

    def __init__(self, inputs: int, outputs: int, width: int, levels: int, shuffle: int) -> None:
        super().__init__()
        self.shuffle = shuffle
        inputs, outputs = inputs * shuffle**2, outputs * shuffle**2
        widths = [width << level for level in range(levels + 1)]
        self.down = nn.ModuleList(_block(a, b) for a, b in zip([inputs, *widths], widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in widths[:-1])
        self.join = nn.ModuleList(_block(2 * w, w) for w in widths[:-1])
        self.last = nn.Conv2d(width, outputs, 1)
        self.multiple = shuffle << levels

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W); H and W are multiples of ``multiple``."""
        x = functional.pixel_unshuffle(x, self.shuffle)
        kept = []
        for block in self.down[:-1]:
            x = block(x)
            kept.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.down[-1](x)
        for up, join, skip in zip(reversed(self.up), reversed(self.join), reversed(kept), strict=True):
            x = join(torch.cat([up(x), skip], 1))
        return functional.pixel_shuffle(self.last(x), self.shuffle)

    @property
    def reach(self) -> int:
        """How far, in pixels, an output looks, rounded up to ``multiple``."""
        levels = len(self.up)
        far = sum(4 << level for level in range(levels)) + (2 << levels)
        far = far * self.shuffle + self.multiple
        return -(-far // self.multiple) * self.multiple

    def macs_per_pixel(self) -> float:
        """Multiply-accumulates of all convolutions, for each pixel of the image."""
        total = 0.0
        for level, block in enumerate(self.down):
            total += _weights(block, nn.Conv2d) / 4**level
        for level, (up, join) in enumerate(zip(self.up, self.join, strict=True)):
            total += _weights(up, nn.ConvTranspose2d) / 4 ** (level + 1) + _weights(join, nn.Conv2d) / 4**level
        return (total + self.last.weight.numel()) / self.shuffle**2


def _weights(module: nn.Module, kind: type[nn.Conv2d | nn.ConvTranspose2d]) -> int:
    """How many weights, without biases, the layers of a kind have."""
    return sum(layer.weight.numel() for layer in module.modules() if isinstance(layer, kind))


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for count in (inputs, outputs):
        layers += [
            nn.Conv2d(count, outputs, 3, padding=1, padding_mode="replicate", bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


class CamNetworks(nn.Module):
    """Sampler and reconstructor."""

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.config = config
        self.sampler = UNet(7, 9, config.sampler_width, config.levels, config.shuffle)
        self.reconstructor = UNet(7, 3, config.width, config.levels, config.shuffle)
        if config.residual:
            nn.init.zeros_(self.reconstructor.last.weight)
            if self.reconstructor.last.bias is not None:
                nn.init.zeros_(self.reconstructor.last.bias)

    def association(self, colours: Tensor, values: Tensor, cells: list[int]) -> Tensor:
        """How much each pixel belongs to the nine superpixels around it: (B, 9, H, W), sums to 1.

        Args:
            colours: sRGB in [0, 1], (B, 3, H, W).
            values: raw, or the scaled rest of raw, (B, 3, H, W).
            cells: side of the cells of each image.
        """
        scale = colours.new_tensor([math.log2(cell) / math.log2(LONGEST_CELL) for cell in cells])
        density = scale.view(-1, 1, 1, 1).expand(-1, 1, *colours.shape[2:])
        return self.sampler(torch.cat([colours, values, density], 1)).softmax(1)

    def reconstruct(self, colours: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Raw, or the scaled rest of raw, (B, 3, H, W).

        Args:
            colours: sRGB in [0, 1], (B, 3, H, W).
            values: raw, or the scaled rest of raw, (B, 3, H, W), seen where the mask is 1.
            mask: (B, 1, H, W).
        """
        return reconstruct(self.reconstructor, self.config, colours, values, mask)


def reconstruct(
    network: Callable[[Tensor], Tensor], config: Architecture, colours: Tensor, values: Tensor, mask: Tensor
) -> Tensor:
    """``CamNetworks.reconstruct`` with any reconstructor."""
    out = network(torch.cat([colours, mask * values, mask], 1))
    return out if config.residual else torch.sigmoid(out)


def empty_networks(config: Architecture) -> CamNetworks:
    """Networks of any weights, without touching the state of the process's random numbers."""
    with torch.random.fork_rng(devices=[]):
        return CamNetworks(config)
