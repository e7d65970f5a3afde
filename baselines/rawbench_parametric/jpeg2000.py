"""JPEG 2000 codestreams of three 16-bit planes without what the decoder can tell: header, tile header, end mark.

A main header costs some 130 bytes, which at 0.01 bpp is half of a small image's rate. Size, depth and number of
planes are known from the sRGB; the rest follows from the number of decomposition levels and the kind of transform.
"""

from __future__ import annotations

import math
import struct

import imagecodecs
import numpy as np
import torch

from rawbench import StreamError
from rawbench.blocks.colour_axes import bands

MIDDLE = 32768  # of the planes: zero
MAX_LEVELS = 4
_SOC, _SIZ, _COD, _QCD, _COM, _SOT, _SOD, _EOC = (
    0xFF4F, 0xFF51, 0xFF52, 0xFF5C, 0xFF64, 0xFF90, 0xFF93, 0xFFD9,
)  # fmt: skip
# Quantiser steps (exponent, mantissa) of the 9/7 transform that OpenJPEG writes for 16 bits: of the low band by
# number of levels, and of the three high bands of each level from the finest on.
_LOW_STEPS = (0x8000, 0x8824, 0x9F52, 0xA738, 0xAF20)
_HIGH_STEPS = ((0x97D3, 0x97D3, 0x9762), (0x9005, 0x9005, 0x9047), (0xA750, 0xA750, 0xA768), (0xAF00, 0xAF00, 0xAEE0))
_EXPLICIT = 0x80
_GUARD_BITS, _MOST_GUARD_BITS = 2, 7
MAX_COARSER = _MOST_GUARD_BITS - _GUARD_BITS
_THREADED_PIXELS = 1 << 19
_OCTAVE = 20 * math.log10(2)  # in decibels


def encode(planes: np.ndarray, decibels: float | None, coarser: int = 0) -> bytes:
    """Code planes, uint16 (H, W, 3).

    OpenJPEG codes every bit of every coefficient before it drops most of them. ``coarser`` spares it the lowest ones:
    it gets planes that are divided by a power of two (``divide``), and the decoder is told of steps that are as much
    larger.

    Args:
        planes: the values, divided by 2**coarser.
        decibels: PSNR to reach, before they are divided, peak 65535, by the 9/7 transform; None: exactly, by the 5/3
            transform.
        coarser: octaves, 0 to ``MAX_COARSER``, by which the quantiser's steps are coarser than OpenJPEG's; lossy only.

    Returns:
        One byte (levels, or how long the explicit header is that follows), and the packets.
    """
    exact = decibels is None
    stream = imagecodecs.jpeg2k_encode(
        np.ascontiguousarray(planes),
        level=0 if decibels is None else decibels + coarser * _OCTAVE,  # type: ignore[arg-type]  # it takes decibels
        codecformat="j2k",
        reversible=exact,
        mct=exact,
        resolutions=1 + _levels(planes.shape),
        numthreads=_threads(planes[..., 0].size),
    )
    header, packets = _split(bytes(stream))
    header = [(marker, _coarser(body, coarser) if marker == _QCD else body) for marker, body in header]
    levels = next((body[9 - 4] for marker, body in header if marker == _COD), 0)
    kept = b"".join(struct.pack(">HH", m, len(b) + 2) + b for m, b in header if m in (_COD, _QCD))
    if levels <= MAX_LEVELS and kept == _usual_header(levels, exact):
        return bytes([levels]) + packets
    return bytes([_EXPLICIT, len(kept)]) + kept + packets


def divide(planes: np.ndarray, octaves: int) -> None:
    """Divide planes, uint16, by a power of two about their middle, in place, and round them."""
    for rows in bands(*planes.shape[:2]):
        values = planes[rows].astype(np.int32)
        values += (1 << octaves >> 1) - MIDDLE
        values >>= octaves
        values += MIDDLE
        planes[rows] = values


def _threads(pixels: int) -> int:
    """How many OpenJPEG is to use; the bytes are the same."""
    return torch.get_num_threads() if pixels > _THREADED_PIXELS else 1


def _coarser(qcd: bytes, octaves: int) -> bytes:
    """A QCD segment of steps that are so many octaves larger; more guard bits keep the count of bit planes."""
    if not octaves:
        return qcd
    steps = struct.unpack(f">{len(qcd) // 2}H", qcd[1:])
    return bytes([qcd[0] + (octaves << 5)]) + struct.pack(f">{len(steps)}H", *(s - (octaves << 11) for s in steps))


def decode(payload: bytes, height: int, width: int, exact: bool) -> np.ndarray:
    """Decode what ``encode`` wrote: uint16 (H, W, 3).

    Raises:
        StreamError: the payload is no such codestream.
    """
    if not payload:
        raise StreamError("the residual is missing")
    kind, rest = payload[0], payload[1:]
    if kind == _EXPLICIT:
        if len(rest) < 1 or len(rest) < 1 + rest[0]:
            raise StreamError("the residual's header is cut")
        kept, packets = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
    elif kind <= MAX_LEVELS:
        kept, packets = _usual_header(kind, exact), rest
    else:
        raise StreamError(f"the residual's header byte is {kind:#x}")
    siz = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, width, height, 0, 0, 3) + b"\x0f\x01\x01" * 3
    stream = b"".join(
        (
            struct.pack(">HHH", _SOC, _SIZ, len(siz) + 2) + siz,
            kept,
            struct.pack(">HHHIBBH", _SOT, 10, 0, len(packets) + 14, 0, 1, _SOD),
            packets,
            struct.pack(">H", _EOC),
        )
    )
    try:
        planes = imagecodecs.jpeg2k_decode(stream, numthreads=_threads(height * width))
    except Exception as error:  # OpenJPEG's errors have no common base
        raise StreamError(f"the residual is no JPEG 2000 codestream: {' '.join(str(error).split())}") from None
    if planes.shape != (height, width, 3) or planes.dtype != np.uint16:
        raise StreamError(f"the residual decodes to {planes.dtype} {planes.shape}")
    return planes


def _levels(shape: tuple[int, ...]) -> int:
    return max(0, min(MAX_LEVELS, min(shape[:2]).bit_length() - 4))


def _usual_header(levels: int, exact: bool) -> bytes:
    """The COD and QCD segments that OpenJPEG writes for a number of levels."""
    if exact:
        cod = struct.pack(">BBHBBBBBB", 0, 0, 1, 1, levels, 4, 4, 0, 1)
        qcd = bytes([0x40, 16 << 3]) + bytes([17 << 3, 17 << 3, 18 << 3]) * levels
    else:
        cod = struct.pack(">BBHBBBBBB", 1, 2, 1, 0, levels, 4, 4, 0, 0) + b"\x88" * (levels + 1)
        steps = [_LOW_STEPS[levels]] + [s for level in range(levels, 0, -1) for s in _HIGH_STEPS[level - 1]]
        qcd = b"\x42" + struct.pack(f">{len(steps)}H", *steps)
    return b"".join(struct.pack(">HH", m, len(b) + 2) + b for m, b in ((_COD, cod), (_QCD, qcd)))


def _split(stream: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Segments of the main header, and the packets of the one tile-part."""
    header, position = [], 2
    while True:
        marker, length = struct.unpack_from(">HH", stream, position)
        if marker == _SOT:
            break
        header.append((marker, stream[position + 4 : position + 2 + length]))
        position += 2 + length
    start = position + 14
    if struct.unpack_from(">H", stream, start - 2)[0] != _SOD or stream[-2:] != struct.pack(">H", _EOC):
        raise RuntimeError("OpenJPEG wrote a codestream of another form")
    return header, stream[start:-2]
