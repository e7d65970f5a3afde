"""The encoder's process: codecs run apart from the harness, so that none can touch what others are measured by.

It is given private copies of raw and sRGB. On the CPU a child encodes the rate points of one method on one image, so
that a method may keep what they share; on CUDA, all that a worker does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rawbench.codec import Context
from rawbench.options import validated
from rawbench.plugins import Catalogue
from rawbench.run.coding import Encoded, encode_stream, timed
from rawbench.run.decoder import refuse_changed
from rawbench.run.own_rendition import on_carrier, rendered
from rawbench.run.plan import Cell
from rawbench.run.precision import full_precision
from rawbench.run.shared import Layout, Pixels, mapped
from rawbench.run.zygote import Answer, Zygote
from rawbench.types import RatePoint, Sample, SampleInfo


@dataclass(frozen=True)
class EncodeRequest:
    """An image to encode; the file descriptors are those of raw and sRGB."""

    method: str
    options: Mapping[str, Any]
    rate_point: RatePoint
    image: SampleInfo
    raw: Layout
    srgb: Layout
    device: str
    seed: int
    threads: int | None

    @classmethod
    def of(cls, cell: Cell, pixels: Pixels, threads: int | None) -> EncodeRequest:
        """The request for a cell."""
        return cls(
            method=cell.method.name,
            options=cell.method.options,
            rate_point=cell.rate_point,
            image=pixels.info,
            raw=pixels.raw.layout,
            srgb=pixels.srgb.layout,
            device=cell.device,
            seed=cell.seed,
            threads=threads,
        )


class Encoder:
    """The owner's end of the encoder's process; a new one is started where there is none, or it died."""

    def __init__(self, plugins: tuple[str, ...]) -> None:
        self._zygote = Zygote("the encoder", encode_apart, plugins)
        self._scope: object = None

    def prepare(self, method: str, device: str, scope: object) -> None:
        """Start what takes time and is no work of the method's."""
        self._enter(device, scope)
        self._zygote.prepare(method)

    def _enter(self, device: str, scope: object) -> None:
        if scope != self._scope and device == "cpu":
            self._zygote.renew()
        self._scope = scope

    def encode(self, request: EncodeRequest, pixels: Pixels, scope: object) -> tuple[Encoded, bytes | None]:
        """Encode an image.

        Args:
            request: what to do.
            pixels: the image.
            scope: a child encodes as long as this is the same, if not on CUDA.

        Returns:
            The file; and the image file with the sRGB, where the method renders its own.

        Raises:
            CellFailed: what the encoder raised, or how it died.
        """
        self._enter(request.device, scope)
        facts, (stream, *carrier) = self._zygote.ask(request, (pixels.raw.descriptor, pixels.srgb.descriptor))
        return Encoded(stream=stream, **facts), carrier[0] if carrier else None

    def close(self) -> None:
        """End the process."""
        self._zygote.close()


def encode_apart(catalogue: Catalogue, request: EncodeRequest, descriptors: Sequence[int]) -> Answer:
    """In the child: encode; a method that renders its own sRGB does that first.

    Raises:
        Exception: whatever the codec raised, or what is wrong with what it returned.
    """
    pair = [mapped(d, layout) for d, layout in zip(descriptors, (request.raw, request.srgb), strict=True)]
    given = Sample(request.image, *(tensor.to(request.device) for tensor in pair))
    codec_class = catalogue.methods.load(request.method)
    options = validated(codec_class.Options, request.options)
    blobs, seconds = [], 0.0
    sample = given
    if codec_class.capabilities_of(options).renders_its_own_srgb:
        codec = codec_class(options, request.rate_point)
        with full_precision():
            codec.setup(Context(request.device, request.seed))
        carrier, seconds = timed(request.device, lambda: rendered(codec, given.raw, request.image.rendition))
        sample, blobs = on_carrier(given, carrier), [carrier]
    encoded = encode_stream(codec_class, options, request.rate_point, sample, request.device, request.seed)
    for what, tensor, descriptor, layout in (
        ("raw", given.raw, descriptors[0], request.raw),
        ("the sRGB", given.srgb, descriptors[1], request.srgb),
    ):
        refuse_changed("encode", what, tensor, mapped(descriptor, layout))
    facts = {
        "seconds": encoded.seconds + seconds,
        "setup_seconds": encoded.setup_seconds,
        "bits_estimated": encoded.bits_estimated,
        "recorded": encoded.recorded,
    }
    return facts, [encoded.stream, *blobs]
