"""What every coder of this package does with a stream: its tag, and an image's latents behind it."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from rawbench.errors import StreamError
from rawbench_learned.range_coder import SymbolEncoder
from rawbench_learned.stages import Part, Stage, untimed, unwatched_part

DIGEST_BYTES = 2
"""Of the weights, in front of a stream."""


@dataclass
class Coded:
    """What encoder and decoder both know in the end.

    Attributes:
        z_hat: float32 (channels, H/4, W/4).
        order: int64 (H/4, W/4), the step of each latent pixel.
        bits: float64 (H/4, W/4), cost of each latent pixel by the tables; filled by an encoder on request.
    """

    z_hat: Tensor
    order: Tensor
    bits: Tensor | None = field(default=None)


class ImageCoder(Protocol):
    """Encodes or decodes one image at one quality."""

    def analyse(self, raw: Tensor) -> Any:
        """Return the latents of raw, float32 (3, H, W), not quantised."""

    def write(self, latents: Any, encoder: SymbolEncoder, bits_map: bool = False) -> Coded:
        """Quantise and write latents; return what a decoder of it will know."""

    def read(self, symbols: bytes) -> Coded:
        """Return what a stream says, behind its tag."""

    def synthesise(self, coded: Any) -> Tensor:
        """Return raw, float32 (3, H, W) in [0, 1]."""


class StreamCoder(abc.ABC):
    """Encodes and decodes images with one set of weights.

    Attributes:
        tag: the bytes by which a stream names its weights.
    """

    tag: bytes

    @abc.abstractmethod
    def of(self, srgb: Tensor, quality: int, stage: Stage = untimed, part: Part = unwatched_part) -> ImageCoder:
        """Return the coder of one image.

        Args:
            srgb: uint8 (3, H, W).
            quality: byte.
            stage: marks the stages' time.
            part: is told how far the work is.

        Raises:
            SampleError: an image that no stream holds.
        """

    @torch.no_grad()
    def encode(
        self, raw: Tensor, srgb: Tensor, quality: int, stage: Stage = untimed, part: Part = unwatched_part
    ) -> tuple[bytes, SymbolEncoder]:
        """Return the stream, and the encoder that wrote it (it knows the ideal number of bits).

        Args:
            raw: float32 (3, H, W).
            srgb: uint8 (3, H, W).
            quality: byte.
            stage: marks the stages' time.
            part: is told how far the work is.
        """
        image, encoder = self.of(srgb, quality, stage, part), SymbolEncoder()
        image.write(image.analyse(raw), encoder)
        with stage("entropy"):
            return self.tag + encoder.finish(), encoder

    @torch.no_grad()
    def decode(
        self, stream: bytes, srgb: Tensor, quality: int, stage: Stage = untimed, part: Part = unwatched_part
    ) -> Tensor:
        """Return raw, float32 (3, H, W) in [0, 1].

        Raises:
            StreamError: of other weights, or no stream.
        """
        image = self.of(srgb, quality, stage, part)
        return image.synthesise(image.read(self._symbols(stream)))

    @torch.no_grad()
    def latents(self, stream: bytes, srgb: Tensor, quality: int) -> Tensor:
        """Return z_hat as a decoder has it: the same bits on every machine."""
        return self.of(srgb, quality).read(self._symbols(stream)).z_hat

    @torch.no_grad()
    def diagnostics(self, raw: Tensor, srgb: Tensor, quality: int) -> dict[str, Tensor]:
        """Return maps (H/4, W/4): ``bits_per_latent`` as the tables have it, and ``order_mask``, the steps."""
        image = self.of(srgb, quality)
        coded = image.write(image.analyse(raw), SymbolEncoder(), bits_map=True)
        assert coded.bits is not None
        return {"bits_per_latent": coded.bits, "order_mask": coded.order}

    def _symbols(self, stream: bytes) -> bytes:
        found = stream[:DIGEST_BYTES]
        if found != self.tag:
            what = f"{found.hex() or 'nothing'}, here {self.tag.hex()}"
            raise StreamError(f"the stream was made with other weights, or by an older version ({what})")
        return stream[DIGEST_BYTES:]
