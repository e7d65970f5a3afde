"""TIFF directories as Exif, DNG and most camera files have them: read leniently, written with their bytes as they are.

A value keeps the bytes of its file, in that file's byte order, so that text of any encoding, rationals and what only
the maker understands come out as they went in. What is damaged (a value outside of the file, a directory that loops)
is passed over: it is not worth losing a photograph for. Facts from TIFF 6.0, Exif 2.32 and the DNG specification 1.4.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 1, 2, 3, 4, 5, 7, 10
EXIF_IFD, GPS_IFD, SUB_IFDS = 34665, 34853, 330
CFA, LINEAR_RAW = 32803, 34892
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_FORMATS = {1: "B", 3: "H", 4: "I", 5: "I", 6: "b", 7: "B", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d", 13: "I"}
_MAGIC = (42, 0x4F52, 0x5352, 0x55)  # TIFF; Olympus (twice); Panasonic
_MOST_DIRECTORIES = 16


@dataclass(frozen=True)
class Value:
    """What a tag says.

    Attributes:
        kind: TIFF's type, 1 to 13.
        data: the bytes, in the file's order.
        order: ``<`` or ``>``.
        place: the byte of its file where it began, for a maker note, whose offsets count from there or from before.
    """

    kind: int
    data: bytes
    order: str = "<"
    place: int = field(default=0, compare=False)

    @property
    def count(self) -> int:
        """How many values of the type."""
        return len(self.data) // _SIZES[self.kind]

    def numbers(self) -> tuple[float, ...]:
        """The values; a rational without a denominator is NaN, and text has none.

        >>> Value(RATIONAL, bytes([1, 0, 0, 0, 4, 0, 0, 0])).numbers()
        (0.25,)
        """
        if self.kind == ASCII:
            return ()
        fraction = self.kind in (RATIONAL, SRATIONAL)
        found = struct.unpack(f"{self.order}{self.count * (2 if fraction else 1)}{_FORMATS[self.kind]}", self.data)
        if not fraction:
            return found
        return tuple(a / b if b else math.nan for a, b in zip(found[::2], found[1::2], strict=True))

    def text(self) -> str:
        """The bytes up to the first nought as text: UTF-8, else Latin-1."""
        data = self.data.partition(b"\0")[0]
        try:
            return data.decode("utf-8").strip()
        except UnicodeDecodeError:
            return data.decode("latin-1").strip()


Directory = dict[int, Value]


@dataclass(frozen=True)
class Tiff:
    """The directories of a file; empty where there are none.

    Attributes:
        order: ``<`` or ``>``.
        image: the first directory.
        exif: the Exif directory.
        gps: the position.
        sensor: of a camera file, the directory of the image before demosaicing, else ``image``.
    """

    order: str = "<"
    image: Directory = field(default_factory=dict)
    exif: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)
    sensor: Directory = field(default_factory=dict)

    def number(self, tag: int, default: int = 0) -> int:
        """The first number of a tag of the image or Exif directory."""
        return _first(self.image.get(tag) or self.exif.get(tag), default)

    def text(self, tag: int) -> str:
        """The text of a tag of the image's directory; empty where there is none."""
        return self.image[tag].text() if tag in self.image else ""


def read_tiff(data: bytes) -> Tiff:
    """The directories of a TIFF file, or of what is like one; an empty ``Tiff`` where it is none. Never raises."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None or len(data) < 8 or struct.unpack_from(f"{order}H", data, 2)[0] not in _MAGIC:
        return Tiff()
    found = list(_directories(data, order))
    image = found[0] if found else {}
    exif, gps = (_pointed(data, order, image.get(tag)) for tag in (EXIF_IFD, GPS_IFD))
    sensors = [one for one in found if _first(one.get(262)) in (CFA, LINEAR_RAW)]
    largest = max(sensors, key=lambda one: _first(one.get(256)) * _first(one.get(257)), default=image)
    return Tiff(order, image, exif, gps, largest)


def _directories(data: bytes, order: str) -> Iterator[Directory]:
    """The directories of a file's chain, each followed by its inner ones."""
    waiting: list[int] = [struct.unpack_from(f"{order}I", data, 4)[0]]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        at = waiting.pop(0)
        if at in seen or at == 0:
            continue
        seen.add(at)
        directory, following = read_directory(data, at, order)
        inner = directory.get(SUB_IFDS)
        waiting += [int(place) for place in inner.numbers()[:_MOST_DIRECTORIES] if place >= 0] if inner else []
        waiting.append(following)
        yield directory


def read_directory(data: bytes, at: int, order: str) -> tuple[Directory, int]:
    """The directory at a byte, and where the next one is (0: nowhere)."""
    if at < 8 or at + 2 > len(data):
        return {}, 0
    count = struct.unpack_from(f"{order}H", data, at)[0]
    found: Directory = {}
    for place in range(at + 2, min(at + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", data, place)
        size = number * _SIZES.get(kind, 0)
        start = place + 8 if size <= 4 else struct.unpack_from(f"{order}I", data, place + 8)[0]
        if size and start + size <= len(data) and tag not in found:
            found[tag] = Value(kind, bytes(data[start : start + size]), order, start)
    end = at + 2 + 12 * count
    following = struct.unpack_from(f"{order}I", data, end)[0] if end + 4 <= len(data) else 0
    return found, following


def _pointed(data: bytes, order: str, pointer: Value | None) -> Directory:
    return read_directory(data, _first(pointer), order)[0]


def _first(value: Value | None, default: int = 0) -> int:
    numbers = value.numbers() if value is not None and value.kind in _FORMATS else ()
    return int(numbers[0]) if numbers and math.isfinite(numbers[0]) else default


def directory_bytes(entries: Directory, at: int, placed: Mapping[int, int] = MappingProxyType({})) -> bytes:
    """A directory that begins at this byte of its file, with its longer values behind it.

    Args:
        entries: values of one byte order.
        at: even.
        placed: tags whose values are elsewhere in the file, and where.
    """
    order = next((value.order for value in entries.values()), "<")
    table, values = bytearray(struct.pack(f"{order}H", len(entries))), bytearray()
    values_at = at + 2 + 12 * len(entries) + 4
    for tag, value in sorted(entries.items()):
        table += struct.pack(f"{order}HHI", tag, value.kind, value.count)
        if tag in placed:
            table += struct.pack(f"{order}I", placed[tag])
        elif len(value.data) <= 4:
            table += value.data.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}I", values_at + len(values))
            values += value.data + b"\0" * (len(value.data) % 2)
    return bytes(table + b"\0\0\0\0" + values)


def header(order: str, image_at: int) -> bytes:
    """The eight bytes that begin a TIFF file whose first directory is at this byte."""
    return (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, image_at)


def numbers(kind: int, values: Iterable[int], order: str) -> Value:
    """A value of integers (of rationals: numerators and denominators, alternating)."""
    found = tuple(values)
    return Value(kind, struct.pack(f"{order}{len(found)}{_FORMATS[kind]}", *found), order)


def rationals(kind: int, values: Iterable[float], limit: int, order: str) -> Value:
    """A value of fractions whose denominators do not exceed a limit."""
    pairs = [Fraction(float(value)).limit_denominator(limit) for value in values]
    return numbers(kind, (part for pair in pairs for part in (pair.numerator, pair.denominator)), order)


def text(value: str | bytes, order: str) -> Value:
    """A value of text, UTF-8."""
    data = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return Value(ASCII, data.rstrip(b"\0") + b"\0", order)
