"""``rawjxl``: the raw itself as a 16-bit JPEG XL image."""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np
import torch
from torch import Tensor

import rawbench

_PEAK = 65535.0
# Distances (Butteraugli, 1 is "visually lossless" for pictures) by rate point's index; None: lossless.
_DISTANCES = dict(enumerate((25.0, 15.0, 8.0, 4.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05))) | {11: None}
_RETIRED = 10
"""Was 0.02, which libjxl 0.12 takes for 0.05: its streams are read, and no longer written."""
_SIGNATURE = b"\xff\x0a"
_SIZE_BITS = (9, 13, 18, 30)
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


class RawJxl(rawbench.Codec):
    """The raw itself as a 16-bit JPEG XL image; the sRGB is ignored.

    Payload: a naked JPEG XL codestream of three 16-bit channels. Lossy points take the linear values as if they
    were gamma-coded, which on PSNR of linear raw does better than coding their square root.
    """

    name = "rawjxl"
    any_rate_point = True
    summary = "the raw itself as 16-bit JPEG XL, the sRGB ignored"
    paper = rawbench.Paper(
        citation=(
            "No method of raw reconstruction, but the anchor that one has to beat: what the raw costs without the "
            "sRGB. JPEG XL: ISO/IEC 18181, by libjxl through imagecodecs."
        ),
        ours="Three 16-bit channels, effort 7, distances 25 to 0.05, and lossless.",
        licence="Licence of libjxl: BSD.",
    )
    # libjxl's lossy decoder rounds to 16 bits after sums whose order depends on the processor: one step, 1/65535.
    capabilities = rawbench.Capabilities(srgb_bits=(8, 16), lossless=True, decode_tolerance=2e-5)

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """Distances, and lossless."""
        names = {index: "lossless" if d is None else f"distance={d:g}" for index, d in _DISTANCES.items()}
        return [rawbench.RatePoint(index, name) for index, name in names.items()]

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Code the raw."""
        distance = _DISTANCES[self.rate_point.index]
        with self.context.stage("transfer"):
            values = torch.round(raw.double() * _PEAK).permute(1, 2, 0).cpu().numpy()
        pixels = np.ascontiguousarray(values.astype(np.uint16))
        with self.context.stage("entropy"):
            if distance is None:
                return naked(bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=7)))
            return naked(bytes(imagecodecs.jpegxl_encode(pixels, distance=distance, effort=7)))

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Decode the image."""
        if self.rate_point.index not in _DISTANCES and self.rate_point.index != _RETIRED:
            raise rawbench.StreamError(
                f"the stream is of rate point {self.rate_point.index}, which rawjxl does not have"
            )
        height, width = srgb.shape[1:]
        if image_size(payload) != (height, width):
            raise rawbench.StreamError(f"the image is not of {height} x {width} pixels")
        with self.context.stage("entropy"):
            try:
                pixels = imagecodecs.jpegxl_decode(payload)
            except Exception as error:  # libjxl's errors have no common base
                message = " ".join(str(error).split())
                raise rawbench.StreamError(f"the payload is no JPEG XL codestream: {message}") from None
        if pixels.shape != (height, width, 3) or pixels.dtype != np.uint16:
            raise rawbench.StreamError(f"the image decodes to {pixels.dtype} {pixels.shape}")
        with self.context.stage("transfer"):
            values = torch.from_numpy(pixels.astype(np.float64)).to(srgb.device).permute(2, 0, 1)
            return (values / _PEAK).float()


def naked(stream: bytes) -> bytes:
    """The codestream inside a JPEG XL container, which libjxl writes round images of 16 bits without loss."""
    if stream[:2] == _SIGNATURE:
        return stream
    parts, position = [], 0
    while position < len(stream):
        length, kind = struct.unpack_from(">I4s", stream, position)
        end = position + length if length else len(stream)
        if kind == b"jxlc":
            parts.append(stream[position + 8 : end])
        elif kind == b"jxlp":
            parts.append(stream[position + 12 : end])
        position = end
    return b"".join(parts)


def image_size(payload: bytes) -> tuple[int, int]:
    """Height and width that a naked JPEG XL codestream announces (ISO/IEC 18181-1, SizeHeader), before any decoding.

    Raises:
        StreamError: the payload is no naked codestream.
    """
    if payload[:2] != _SIGNATURE or len(payload) < 4:
        raise rawbench.StreamError("the payload is no JPEG XL codestream")
    bits = int.from_bytes(payload[2:12], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(_SIZE_BITS[take(2)]) + 1

    height = side()
    ratio = take(3)
    if not ratio:
        return height, side()
    numerator, denominator = _RATIOS[ratio - 1]
    return height, height * numerator // denominator
