"""Bits and Rice codes, written and read one after another."""

from __future__ import annotations

from rawbench.errors import StreamError

_LONGEST = 8192  # bytes of a polynomial: no payload can make the decoder work for long


class BitWriter:
    """Bits, most significant first, into bytes.

    Example:
        >>> out = BitWriter()
        >>> out.write(5, 3)
        >>> out.write_rice(-2, 1)
        >>> out.to_bytes().hex()
        'b4'
    """

    def __init__(self) -> None:
        self._value, self._length = 0, 0

    def write(self, value: int, bits: int) -> None:
        """Append ``value`` as ``bits`` bits."""
        self._value = (self._value << bits) | value
        self._length += bits

    def write_rice(self, value: int, parameter: int) -> None:
        """Append a signed integer: zigzag, quotient in unary, remainder in ``parameter`` bits."""
        folded = 2 * value if value >= 0 else -2 * value - 1
        quotient = folded >> parameter
        self.write((1 << (quotient + 1)) - 2, quotient + 1)
        self.write(folded & ((1 << parameter) - 1), parameter)

    def to_bytes(self) -> bytes:
        """The bits so far, with zero bits up to the byte."""
        padding = -self._length % 8
        return (self._value << padding).to_bytes((self._length + padding) // 8, "big")


class BitReader:
    """Reads what a ``BitWriter`` wrote; every read past the end is a ``StreamError``.

    Example:
        >>> reader = BitReader(bytes.fromhex("b4"))
        >>> reader.read(3), reader.read_rice(1), reader.rest()
        (5, -2, b'')
    """

    def __init__(self, payload: bytes) -> None:
        self._payload, self._position = payload, 0
        self._end = 8 * min(len(payload), _LONGEST)

    def read(self, bits: int) -> int:
        """The next ``bits`` bits as an unsigned integer."""
        end = self._position + bits
        if end > self._end:
            raise StreamError("the coefficients end too early")
        piece = int.from_bytes(self._payload[self._position // 8 : (end + 7) // 8], "big")
        self._position = end
        return (piece >> (-end % 8)) & ((1 << bits) - 1)

    def read_rice(self, parameter: int) -> int:
        """The next signed integer."""
        quotient = 0
        while self.read(1):
            quotient += 1
        folded = (quotient << parameter) | self.read(parameter)
        return -((folded + 1) >> 1) if folded & 1 else folded >> 1

    def rest(self) -> bytes:
        """The bytes after the last one that was read from; the bits skipped must be zero."""
        if self.read(-self._position % 8):
            raise StreamError("the coefficients do not end in zero bits")
        return self._payload[self._position // 8 :]
