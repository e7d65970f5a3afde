"""The method `hybrid`: a thin shell around the encoder and the decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator
from torch import Tensor

import rawbench
from rawbench_hybrid import quantiser
from rawbench_hybrid.decoder import decode
from rawbench_hybrid.encoder import Encoder
from rawbench_hybrid.model import read_model

BASE, BUDGET, EXACT = 0, 254, 255
LEAST_BYTES = 40  # of a budget for a file
POINTS = (BASE, 32, 48, 56, 64, 80, 88, 96, 104, 112, 120, 124, 128, 144, 160, 176, 192, EXACT)
"""Rate points: the polynomial alone, steps of the quantiser by octaves, closer where most files are, and lossless."""
PARTS = ("guide", "weighing", "adaptation", "learning")


class Hybrid(rawbench.Codec):
    """A polynomial of the sRGB, and its residual in wavelets, from some dozen bytes to lossless.

    Payload: the coded polynomial. Then nothing, or the residual: a byte 240 (in ablations of the model up to 243), one
    (index of the quantiser's step), three (rotation of the colour axes onto the residual's principal axes), one (where
    in its interval a magnitude lies), the guide (how far the sRGB's texture is believed: `guide`), and the range
    coder's bytes. Lossless: the first byte, a byte 255, one (change of colours) and the range coder's bytes.
    """

    name: ClassVar[str] = "hybrid"
    format_version: ClassVar[int] = 2
    summary: ClassVar[str] = "polynomial, and its residual in wavelets under mixed adaptive contexts, up to lossless"
    paper: ClassVar[rawbench.Paper] = rawbench.Paper(
        citation=(
            "No published method. Ideas: a per-image polynomial (as `poly`); wavelets with contexts of neighbours, "
            "parents and other bands (Wu, 'ECECOW', Asilomar 1997; JPEG 2000); logistic mixing of adaptive counters "
            "(Mahoney's PAQ compressors, Florida Tech CS-2005-16); side information of the decoder as context, here "
            "the sRGB."
        ),
        ours=(
            "All of it; integers wherever the coder is steered; counters and mixing weights that start from what they "
            "learned on simulated photographs, and go on learning in the image."
        ),
        licence="No code of others was used.",
    )
    any_rate_point: ClassVar[bool] = True
    capabilities: ClassVar[rawbench.Capabilities] = rawbench.Capabilities(
        needs_training=True, srgb_bits=(8, 16), lossless=True
    )

    class Options(rawbench.Options):
        """Options of `hybrid`."""

        quality: float | None = Field(None, ge=0, le=1, description="one rate point anywhere in the range; 1: lossless")
        without: str = Field("", description=f"for ablations, joined by +: {', '.join(PARTS)}")
        max_bytes: int | None = Field(None, ge=LEAST_BYTES, description="the best quality in a file of so many bytes")

        @field_validator("without")
        @classmethod
        def _known(cls, value: str) -> str:
            if strange := sorted(set(value.split("+")) - {"", *PARTS}):
                raise ValueError(f"{strange[0]!r} is no part; there are {', '.join(PARTS)}")
            return value

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """Eighteen qualities, or the one, or the bytes, that are asked for."""
        if options.max_bytes is not None:
            return [rawbench.RatePoint(BUDGET, f"bytes={options.max_bytes}")]
        if options.quality is not None:
            index = EXACT if options.quality == 1 else round(options.quality * quantiser.STEPS)
            return [rawbench.RatePoint(index, f"q={options.quality:g}")]
        return [rawbench.RatePoint(index, _name(index)) for index in POINTS]

    @classmethod
    def within(cls, options: Any, most: int) -> tuple[Any, rawbench.RatePoint] | None:
        """Any budget that holds a polynomial."""
        if most < LEAST_BYTES or options != cls.Options():
            return None
        chosen = cls.Options(max_bytes=most)
        return chosen, cls.rate_points(chosen)[0]

    @classmethod
    def identity(cls, options: Any) -> Mapping[str, Any]:
        """The weights' digest."""
        return {"weights": read_model().digest}

    @classmethod
    def complexity(cls, options: Any) -> Mapping[str, float]:
        """Counters and mixing weights."""
        model = read_model()
        return {"parameters": float(model.counters.size + model.weights.size)}

    def setup(self, context: rawbench.Context) -> None:
        """Load the weights, and compile."""
        super().setup(context)
        self.model = read_model()

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """See `rawbench.Codec.encode`."""
        encoder = Encoder(self.model, self.context, raw, srgb, self.options.without.split("+"))
        index = self.rate_point.index
        if index == EXACT:
            return encoder.exact()
        if index == BUDGET:
            return encoder.within(self.options.max_bytes)
        return encoder.lossy(quantiser.STEPS - index if index else None)

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """See `rawbench.Codec.decode`."""
        return decode(self.model, self.context, payload, srgb)


def _name(index: int) -> str:
    if index == BASE:
        return "base"
    return "lossless" if index == EXACT else f"q={index / quantiser.STEPS:.2f}"
