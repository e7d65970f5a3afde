"""Variable-length integers (LEB128): 7 bits a byte, least significant first; a high bit says that more follow."""

from __future__ import annotations

from rawbench.errors import StreamError


def write_varint(value: int) -> bytes:
    """Return a non-negative integer as bytes.

    Example:
        >>> write_varint(300).hex()
        'ac02'
    """
    out = bytearray()
    while value > 0x7F:
        out.append(0x80 | value & 0x7F)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, position: int, max_bytes: int = 3) -> tuple[int, int]:
    """Return the value at ``position``, and the position behind it.

    Raises:
        StreamError: the data end within it, or it is longer than ``max_bytes``.

    Example:
        >>> read_varint(bytes.fromhex("ac02"), 0)
        (300, 2)
    """
    value = 0
    for shift in range(max_bytes):
        if position + shift >= len(data):
            raise StreamError("the stream is cut within a number")
        byte = data[position + shift]
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, position + shift + 1
    raise StreamError(f"the stream holds a number of more than {7 * max_bytes} bits")
