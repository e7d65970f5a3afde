"""The methods `learned` and `learned-ar`: a thin shell around coders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

import rawbench
from rawbench.errors import SampleError
from rawbench_learned import paper_systems, rate
from rawbench_learned.coder import DIGEST_BYTES, StreamCoder
from rawbench_learned.coding import Coder
from rawbench_learned.weights import Weights, read_weights

WEIGHTS = Path(__file__).parent / "weights"
RATE_POINTS = (8, 52, 80, 100, 118, 134, 150, 166)
"""Quality bytes: on 8-bit renditions from about 0.002 to about 1 bpp. Above, up to 6 bpp, on request."""
SERIAL_RATE_POINTS = RATE_POINTS[1::2]
"""Of `learned-ar`: fewer, because it takes its time. Any other on request."""


class Learned(rawbench.Codec):
    """Learned metadata with one weights file for all rates."""

    name: ClassVar[str] = "learned"
    format_version: ClassVar[int] = 3
    any_rate_point: ClassVar[bool] = True
    summary: ClassVar[str] = "learned compact metadata, order masks and iterative context, exact entropy path"
    paper: ClassVar[rawbench.Paper] = rawbench.Paper(
        citation="Wang et al., CVPR 2023, arXiv 2302.12995; generation=2: IJCV 2024, arXiv 2306.12058.",
        published=(
            "Order prediction by Gumbel-softmax, the iterative Gaussian entropy model, and masked deconvolution, all "
            "guided by the sRGB. generation=2 is their journal version, size=reference of generation 1 their CVPR "
            "version as far as it is known: networks, loss and schedule are theirs."
        ),
        ours=(
            "The networks of the default; a fitted base of 64 coefficients where the paper has m(v), and no "
            "hyper-latent beside it; scales that adapt to what was decoded; the order's coarse-to-fine lattice and the "
            "average of known cell means; one weights file for all rates. In all of them the exact entropy path: masks "
            "that the decoder derives, a last step for pixels that no mask took, every bit in the stream. There are no "
            "weights of the authors' own systems here: they are untrained without weights=."
        ),
        licence="The authors' code is BSD-3-Clause-Clear, a fork of CompressAI; none of it was used.",
    )
    qualities: ClassVar[tuple[int, ...]] = RATE_POINTS
    capabilities: ClassVar[rawbench.Capabilities] = rawbench.Capabilities(needs_training=True)
    resource_options: ClassVar[tuple[str, ...]] = ("weights", "generation", "size", "tile")

    class Options(rawbench.Options):
        """Options of `learned`."""

        quality: float | None = Field(None, ge=0, le=1, description="one rate point anywhere in the range")
        generation: int = Field(1, ge=1, le=2, description="2: the journal version, untrained without weights=")
        size: Literal["small", "reference"] = Field(
            "small", description="reference: the authors' own networks, untrained without weights="
        )
        weights: Path | None = Field(None, description="another weights file, of this generation and size")
        tile: int = Field(1024, ge=64, multiple_of=16, description="side of the decoder's tiles: memory, never bits")

        @model_validator(mode="after")
        def _possible(self) -> Learned.Options:
            if refusal := paper_systems.refusal(self):
                raise ValueError(refusal)
            return self

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """Eight qualities (`learned-ar`: three of them), or the one that is asked for. The index is its byte.

        The authors' own systems have others, and say in their names where they are untrained.
        """
        if options.quality is None and paper_systems.is_one(options):
            return paper_systems.rate_points(options)
        if options.quality is not None:
            return [paper_systems.named(options, rate.quality_byte(options.quality), f"q={options.quality:g}")]
        return [rawbench.RatePoint(q, f"q={q / (rate.LEVELS - 1):.2f}") for q in cls.qualities]

    @classmethod
    def between(
        cls, options: Any, lower: rawbench.RatePoint, higher: rawbench.RatePoint, share: float
    ) -> tuple[Any, rawbench.RatePoint] | None:
        """Another quality of the same weights."""
        byte = round(lower.index + share * (higher.index - lower.index))
        if byte in (lower.index, higher.index):
            return None
        chosen = options.model_copy(update={"quality": byte / (rate.LEVELS - 1)})
        return chosen, cls.rate_points(chosen)[0]

    @classmethod
    def capabilities_of(cls, options: Any) -> rawbench.Capabilities:
        """Says where the weights are untrained."""
        return replace(cls.capabilities, untrained=paper_systems.is_untrained(options))

    @classmethod
    def identity(cls, options: Any) -> Mapping[str, Any]:
        """The weights' digest."""
        return {"weights": cls._coder(options, "cpu").tag.hex()}

    @classmethod
    def complexity(cls, options: Any) -> Mapping[str, float]:
        """Parameters and multiply-accumulates, counted."""
        count, encode, decode = _complexity(cls, options)
        return {"parameters": count, "encode_kmac_per_pixel": encode, "decode_kmac_per_pixel": decode}

    @classmethod
    def _coder(cls, options: Any, device: torch.device | str) -> StreamCoder:
        if paper_systems.is_one(options):
            return _paper_coder(options.generation, options.size, options.tile, device, options.weights)
        return Coder(_weights_of(cls, options, device, serial=False), options.tile)

    def setup(self, context: rawbench.Context) -> None:
        """Load the weights."""
        super().setup(context)
        self.coder = self._coder(self.options, context.device)

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """See `rawbench.Codec.encode`."""
        stream, encoder = self.coder.encode(raw, srgb, self.rate_point.index, self.context.stage, self.context.part)
        self.context.record("bits_estimated", encoder.ideal_bits + 8 * DIGEST_BYTES)
        return stream

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """See `rawbench.Codec.decode`."""
        coder = self._coder_of(payload)
        return coder.decode(payload, srgb, self.rate_point.index, self.context.stage, self.context.part)

    def diagnostics(self, raw: Tensor, srgb: Tensor) -> dict[str, Tensor]:
        """Return ``bits_per_latent`` (H/4, W/4) and ``order_mask`` (H/4, W/4)."""
        return self.coder.diagnostics(raw, srgb, self.rate_point.index)

    def _coder_of(self, payload: bytes) -> StreamCoder:
        # A stream names its weights, so options need not say again which of the untrained networks wrote it.
        found = paper_systems.untrained_of(payload[:DIGEST_BYTES])
        if found is not None and type(self) is Learned:
            return _paper_coder(*found, self.options.tile, self.context.device)
        return self.coder


class LearnedSerial(Learned):
    """The same transforms and a serial context model in place of the order masks."""

    name: ClassVar[str] = "learned-ar"
    resource_options: ClassVar[tuple[str, ...]] = ("weights", "tile")
    qualities: ClassVar[tuple[int, ...]] = SERIAL_RATE_POINTS
    summary: ClassVar[str] = "the transforms of learned with a serial 5x5 masked context model, for comparison"

    class Options(rawbench.Options):
        """Options of `learned-ar`."""

        quality: float | None = Field(None, ge=0, le=1, description="one rate point anywhere in the range")
        weights: Path | None = Field(None, description="another weights file")
        tile: int = Field(1024, ge=64, multiple_of=16, description="side of the decoder's tiles: memory, never bits")

    @classmethod
    def _coder(cls, options: Any, device: torch.device | str) -> StreamCoder:
        from rawbench_learned.serial import SerialCoder

        return SerialCoder(_weights_of(cls, options, device, serial=True), options.tile)


def _weights_of(method: type[Learned], options: Any, device: torch.device | str, serial: bool) -> Weights:
    path = options.weights or WEIGHTS / f"{method.name}.safetensors"
    weights = read_weights(path, device)
    if weights.networks.config.serial != serial:
        kind = "a serial" if weights.networks.config.serial else "no serial"
        raise SampleError(f"{path}: weights with {kind} context model are not for {method.name}")
    return weights


def _paper_coder(
    generation: int, size: str, tile: int, device: torch.device | str, weights: Path | None = None
) -> StreamCoder:
    if generation == 2:
        from rawbench_learned.journal import journal_coder

        return journal_coder(size, tile, str(device), weights)
    from rawbench_learned.cvpr import cvpr_coder

    return cvpr_coder(tile, str(device), weights)


@cache
def _complexity(method: type[Learned], options: Any) -> tuple[float, float, float]:
    from rawbench_learned import cost

    if paper_systems.is_one(options):
        if options.generation == 2:
            from rawbench_learned.journal import complexity

            return complexity(options.size)
        from rawbench_learned.cvpr import complexity as complexity_of_weights

        return complexity_of_weights(options.weights)
    networks = cost.networks_of(method._coder(options, "cpu").weights.networks.config)  # type: ignore[attr-defined]
    return float(cost.parameters(networks)), *cost.kmac_per_pixel(networks)
