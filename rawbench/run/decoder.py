"""The decoder's process: it gets a stream and the sRGB, gives raw back, and has never held a raw.

A zygote (``run.zygote``) stands beside every process that runs cells. It descends from a clean program, so that no
global, cache, thread or frame of it knows an image. On the CPU each stream is decoded by a child of its own, which
knows nothing of other streams either: not of the same image at more bytes, not of other images. On CUDA, where a
process takes a second to reach the device, one child decodes all streams of a worker.

The sRGB comes, and raw goes back, in anonymous shared memory; what is measured is a plain tensor of those bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rawbench.errors import PluginError
from rawbench.plugins import Catalogue
from rawbench.run.coding import Decoded, decode_stream, plain_raw
from rawbench.run.failure import Mismatch
from rawbench.run.shared import Block, Layout, mapped
from rawbench.run.zygote import Answer, Zygote


@dataclass(frozen=True)
class DecodeRequest:
    """A stream to decode; the file descriptors are those of sRGB and of the place for raw."""

    method: str
    resources: Mapping[str, Any]
    stream: bytes
    srgb: Layout
    raw: Layout
    device: str
    threads: int | None


class Decoder:
    """The owner's end of the decoder's process; a new one is started where there is none, or it died."""

    def __init__(self, plugins: tuple[str, ...]) -> None:
        self._zygote = Zygote("the decoder", decode_apart, plugins)

    def prepare(self, method: str) -> None:
        """Start what takes time and is no work of the method's."""
        self._zygote.prepare(method)

    def decode(
        self, method: str, resources: Mapping[str, Any], stream: bytes, srgb: Block, device: str, threads: int | None
    ) -> Decoded:
        """Decode a whole file.

        Args:
            method: name of the method.
            resources: values of its ``resource_options``.
            stream: the file's bytes.
            srgb: uint8 or uint16 (3, H, W).
            device: where the decoder computes.
            threads: of torch, in the decoder; None for torch's own number.

        Returns:
            raw as float32 (3, H, W) on the CPU, finite; the seconds are the decoder's own.

        Raises:
            CellFailed: what the decoder raised, or how it died.
            Mismatch: raw holds NaN or infinite values.
        """
        with_raw = Block(Layout(srgb.layout.shape, "float32"))
        try:
            request = DecodeRequest(method, resources, stream, srgb.layout, with_raw.layout, device, threads)
            facts, _ = self._zygote.ask(request, (srgb.descriptor, with_raw.descriptor))
            raw = mapped(with_raw.descriptor, with_raw.layout).clone()
        finally:
            with_raw.close()
            if device == "cpu":
                self._zygote.renew()
        if not torch.isfinite(raw).all():
            raise Mismatch("decode returned NaN or infinite values")
        return Decoded(raw, facts["seconds"], facts["setup_seconds"])

    def close(self) -> None:
        """End the process."""
        self._zygote.close()


def decode_apart(catalogue: Catalogue, request: DecodeRequest, descriptors: Sequence[int]) -> Answer:
    """In the child: decode, and put raw into its place.

    Raises:
        Exception: whatever the codec raised, or what is wrong with what it returned.
    """
    srgb = mapped(descriptors[0], request.srgb)
    given = srgb.to(request.device)
    codec_class = catalogue.methods.load(request.method)
    decoded = decode_stream(codec_class, request.resources, request.stream, given, request.device)
    raw = plain_raw(decoded.raw, given)
    refuse_changed("decode", "the sRGB", given, mapped(descriptors[0], request.srgb))
    mapped(descriptors[1], request.raw, private=False).copy_(raw)
    return {"seconds": decoded.seconds, "setup_seconds": decoded.setup_seconds}, []


def refuse_changed(who: str, what: str, given: Tensor, pristine: Tensor) -> None:
    """Refuse a codec that wrote into what it was given.

    Raises:
        PluginError: names the call and the tensor.
    """
    if not torch.equal(given.cpu(), pristine):
        raise PluginError(f"{who} wrote into {what} that it was given; a codec leaves its inputs as they are")
