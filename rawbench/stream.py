"""The .rbs file: a small header, the same for every method, and the payload. Every byte counts in the rate.

Layout (big-endian)::

    1 byte   0xB0 (sRGB of 8 bits) or 0xC0 (of 16) | format version of the method's payload (1..15)
    2 bytes  codec id: the first 16 bits of SHA-256 of the method's name
    1 byte   rate point index
    1-3 b.   height, varint (7 bits a byte, high bit: more follow)
    1-3 b.   width, varint
    2 bytes  CRC-16 of header and payload (this field left out)
    2 bytes  CRC-16 of the sRGB pixels
    ...      payload

Ten to twelve bytes for images up to 16383 pixels a side. The first check catches a cut or damaged file (every
burst of up to 16 bits, all else but 1 in 65536), the second a file that was written for another sRGB image.
The high nibble of the first byte is the container's own version: it changes when this layout does. The pixels of an
sRGB of 16 bits are checked as big-endian values; the depth has a nibble of its own, so that pixels of the other one
are refused by name.
"""

from __future__ import annotations

import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawbench.errors import StreamError
from rawbench.srgb import bits_of
from rawbench.varint import read_varint, write_varint

if TYPE_CHECKING:
    from torch import Tensor

MAGIC = {8: 0xB0, 16: 0xC0}  # by bits of the sRGB
MAX_SIDE = 2**21 - 1
MAX_PIXELS = 2**30
_FIXED_BYTES = 8


@dataclass(frozen=True)
class Header:
    """What stands before the payload; ``srgb_bits`` is the depth of the sRGB that it was written for."""

    codec_id: int
    format_version: int
    rate_point: int
    height: int
    width: int
    srgb_bits: int = 8


def codec_id(name: str) -> int:
    """The 16-bit id of a method; the registry refuses two methods that share one.

    Example:
        >>> hex(codec_id("poly"))
        '0x2e68'
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big")


def srgb_check(srgb: Tensor) -> int:
    """CRC-16 of the sRGB pixels, uint8 or uint16 (3, H, W), in row-major (H, W, 3) order.

    Example:
        >>> import torch
        >>> srgb_check(torch.zeros(3, 1, 1, dtype=torch.uint8))
        52380
    """
    pixels = srgb.permute(1, 2, 0).contiguous().cpu().numpy()
    pixels = pixels.astype(pixels.dtype.newbyteorder(">"), copy=False)
    return binascii.crc_hqx(pixels.data.cast("B"), 0xFFFF)


def write_stream(header: Header, payload: bytes, srgb: Tensor) -> bytes:
    """Put the header before a payload.

    Raises:
        ValueError: a field is out of range; a fault of the harness or the method, not of the data.

    Example:
        >>> import torch
        >>> srgb = torch.zeros(3, 1, 1, dtype=torch.uint8)
        >>> len(write_stream(Header(codec_id("poly"), 1, 0, 1, 1), b"payload", srgb))
        17
    """
    if not 1 <= header.format_version <= 15 or not 0 <= header.rate_point <= 255:
        raise ValueError(f"header out of range: {header}")
    if header.srgb_bits != bits_of(srgb):
        raise ValueError(f"header of another depth than the sRGB, {bits_of(srgb)} bits: {header}")
    sides = (header.height, header.width)
    if not all(1 <= side <= MAX_SIDE for side in sides) or header.height * header.width > MAX_PIXELS:
        raise ValueError(f"image size out of range: {header.height}x{header.width}")
    head = (
        bytes([MAGIC[header.srgb_bits] | header.format_version])
        + header.codec_id.to_bytes(2, "big")
        + bytes([header.rate_point])
        + write_varint(header.height)
        + write_varint(header.width)
    )
    pixel_check = srgb_check(srgb).to_bytes(2, "big")
    check = binascii.crc_hqx(payload, binascii.crc_hqx(head + pixel_check, 0xFFFF))
    return head + check.to_bytes(2, "big") + pixel_check + payload


def read_stream(data: bytes, srgb: Tensor | None = None) -> tuple[Header, bytes]:
    """Split a file into header and payload, and check both against damage and against the sRGB.

    Args:
        data: the whole file.
        srgb: uint8 or uint16 (3, H, W); None looks at the file alone (``rawbench inspect``).

    Raises:
        StreamError: says in one line what is wrong.

    Example:
        >>> import torch
        >>> srgb = torch.zeros(3, 1, 1, dtype=torch.uint8)
        >>> data = write_stream(Header(codec_id("poly"), 1, 0, 1, 1), b"payload", srgb)
        >>> read_stream(data, srgb)[1]
        b'payload'
    """
    header, position = _read_head(data)
    if srgb is not None and tuple(srgb.shape) != (3, header.height, header.width):
        raise StreamError(
            f"the stream is for an image of {header.width}x{header.height} pixels, "
            f"the sRGB has {srgb.shape[-1]}x{srgb.shape[-2]}"
        )
    if srgb is not None and bits_of(srgb) != header.srgb_bits:
        raise StreamError(
            f"the stream is for an sRGB of {header.srgb_bits} bits (rendition "
            f"{'png16' if header.srgb_bits == 16 else 'png, jpeg... or camera'}), the sRGB has {bits_of(srgb)}"
        )
    check = int.from_bytes(data[position : position + 2], "big")
    pixel_check = data[position + 2 : position + 4]
    payload = data[position + 4 :]
    if check != binascii.crc_hqx(payload, binascii.crc_hqx(data[:position] + pixel_check, 0xFFFF)):
        raise StreamError("the stream is cut or damaged: its checksum does not match")
    if srgb is not None and srgb_check(srgb) != int.from_bytes(pixel_check, "big"):
        raise StreamError("the stream was written for another sRGB image, or the sRGB was changed since")
    return header, payload


def _read_head(data: bytes) -> tuple[Header, int]:
    if not data:
        raise StreamError("the stream is empty")
    depths = [bits for bits, magic in MAGIC.items() if data[0] & 0xF0 == magic]
    if not depths or data[0] & 0x0F == 0:
        raise StreamError(f"not a rawbench stream: the first byte is 0x{data[0]:02x}")
    if len(data) < _FIXED_BYTES + 2:
        raise StreamError(f"the stream is cut: {len(data)} bytes are less than a header")
    height, position = read_varint(data, 4)
    width, position = read_varint(data, position)
    if height == 0 or width == 0 or height * width > MAX_PIXELS:
        raise StreamError(f"the header claims an image of {width}x{height} pixels: refused")
    if len(data) < position + 4:
        raise StreamError(f"the stream is cut: {len(data)} bytes are less than a header")
    header = Header(int.from_bytes(data[1:3], "big"), data[0] & 0x0F, data[3], height, width, depths[0])
    return header, position
