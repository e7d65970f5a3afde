"""The method `invisp`: an invertible network between raw and sRGB, and no metadata.

After Xing, Qian and Chen, *Invertible Image Signal Processing*, CVPR 2021, arXiv 2103.15061. The decoder runs the
network backwards on the sRGB that it has. With ``rendition=own`` that sRGB is what the encoder's network rendered, in a
carrier as the dataset's (``rendition=jpeg90`` of the dataset is the setting of the paper); by default it is the
dataset's, which the network has never seen in this direction.

Published: blocks of an invertible 1x1 convolution and an affine coupling layer of dense blocks; raw to the power of
1/2.2 on one side, sRGB on the other; L1 losses at both ends, with a differentiable JPEG of quality 90 in between; one
model a camera. Our specification: ``size=small`` (3 blocks of growth 12 with 3 convolutions, in place of 8, 32 and 5);
one model for all simulated cameras, without conditioning, so that its own rendition is an average one; the network
starts from the identity; raw is white-balanced camera RGB as everywhere in rawbench; the JPEG codes colour at half
size; output is linear raw, clipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

import rawbench
from rawbench.blocks.tiles import in_tiles
from rawbench_invertible.networks import Architecture, encoded, linear
from rawbench_invertible.weights import Weights, empty_network, read_weights

WEIGHTS = Path(__file__).parent / "weights" / "invisp.safetensors"
ARCHITECTURES = {
    "small": Architecture(blocks=3, growth=12, convolutions=3),
    "reference": Architecture(blocks=8, growth=32, convolutions=5),
}


class InvISP(rawbench.Codec):
    """The network, forwards in the encoder and backwards in the decoder."""

    name: ClassVar[str] = "invisp"
    format_version: ClassVar[int] = 1
    summary: ClassVar[str] = "invertible network between raw and sRGB, no metadata"
    paper: ClassVar[rawbench.Paper] = rawbench.Paper(
        citation="Xing et al., Invertible Image Signal Processing, CVPR 2021, arXiv 2103.15061.",
        published=(
            "Invertible 1x1 convolutions, affine coupling, dense blocks; raw ** (1 / 2.2); L1 at both ends, JPEG of "
            "quality 90 in between; one model a camera, measured on its own rendition (rendition=own, with which the "
            "capabilities say renders_its_own_srgb)."
        ),
        ours=(
            "The widths of size=small; one model for all simulated cameras, without conditioning; a start from the "
            "identity; use on the dataset's sRGB, which the authors do not support (the default)."
        ),
        licence="Licence of the authors' code, which is not used: MIT.",
    )
    capabilities: ClassVar[rawbench.Capabilities] = rawbench.Capabilities(needs_training=True, uses_metadata=False)
    resource_options: ClassVar[tuple[str, ...]] = ("weights", "size", "tile")

    class Options(rawbench.Options):
        """Options of `invisp`."""

        rendition: Literal["dataset", "own"] = Field(
            "dataset", description="the sRGB that is inverted; own: rendered by the encoder"
        )
        size: Literal["small", "reference"] = Field("small", description="reference: the published widths, untrained")
        weights: Path | None = Field(None, description="another weights file")
        tile: int = Field(512, ge=64, description="side of tiles: memory")

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """One, of no bytes."""
        return [rawbench.RatePoint(0, "none")]

    @classmethod
    def capabilities_of(cls, options: Any) -> rawbench.Capabilities:
        """With ``rendition=own`` it renders its own sRGB."""
        if options.rendition == "dataset":
            return cls.capabilities
        reason = "with rendition=own the sRGB is the method's own rendition of the raw: never one unrelated to it"
        return replace(cls.capabilities, renders_its_own_srgb=True, opt_outs={"noise_images": reason})

    @classmethod
    def identity(cls, options: Any) -> Mapping[str, Any]:
        """The weights' digest."""
        return {"weights": weights_of(options, "cpu").digest}

    @classmethod
    def complexity(cls, options: Any) -> Mapping[str, float]:
        """Parameters and multiply-accumulates; encode has none where it renders nothing."""
        network = empty_network(ARCHITECTURES[options.size])
        if options.weights is not None:
            network = weights_of(options, "cpu").network
        convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        kmac = (sum(layer.weight.numel() for layer in convolutions) + 9 * network.config.blocks) / 1000
        return {
            "parameters": float(sum(parameter.numel() for parameter in network.parameters())),
            "encode_kmac_per_pixel": kmac if options.rendition == "own" else 0.0,
            "decode_kmac_per_pixel": kmac,
        }

    def setup(self, context: rawbench.Context) -> None:
        """Load the weights."""
        super().setup(context)
        self.network = weights_of(self.options, context.device).network

    def render(self, raw: Tensor) -> Tensor:
        """See `rawbench.Codec.render`."""
        with self.context.stage("analysis"):
            srgb = self._tiled(self.network.forward, encoded(raw))
        return (srgb.clamp(0, 1) * 255).round().to(torch.uint8)

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """See `rawbench.Codec.encode`."""
        return b""

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """See `rawbench.Codec.decode`."""
        if payload:
            raise rawbench.StreamError(f"invisp has no payload, and this stream has {len(payload)} bytes of it")
        with self.context.stage("synthesis"):
            return linear(self._tiled(self.network.inverse, srgb.float() / 255))

    def _tiled(self, function: Any, image: Tensor) -> Tensor:
        return in_tiles(function, image[None], self.options.tile, self.network.config.reach, self.context.advance)[0]


def weights_of(options: Any, device: torch.device | str) -> Weights:
    """Return the weights that the options name.

    Raises:
        UsageError: there are none of that size.
        SampleError: they cannot be used.
    """
    if options.size == "reference" and options.weights is None:
        raise rawbench.UsageError(
            "method invisp: size=reference has no weights: train them as weights/invisp-reference.toml says, and give "
            "weights=FILE"
        )
    weights = read_weights(options.weights or WEIGHTS, device)
    if options.size == "reference" and weights.network.config != ARCHITECTURES["reference"]:
        raise rawbench.SampleError(f"{options.weights}: weights of another size than size=reference")
    return weights
