"""Exif: what a JPEG says, and what a camera file says of a photograph for a JPEG that is rendered from it.

Values keep their bytes (``rawbench.camera.tiff``): nobody decodes them on the way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType

from rawbench.camera.cfa import SIMULATED_SOFTWARE
from rawbench.camera.jpeg import segments
from rawbench.camera.tiff import (
    EXIF_IFD,
    GPS_IFD,
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Directory,
    Tiff,
    Value,
    directory_bytes,
    header,
    numbers,
    rationals,
    read_tiff,
    text,
)

MAKE, MODEL, ORIENTATION, SOFTWARE, ISO = 271, 272, 274, 305, 34855
MAKER_NOTE, INTEROPERABILITY, EXIF_VERSION = 37500, 40965, 36864
IDENTIFIER = b"Exif\0\0"
_LARGEST = 0xFFFF - 2 - len(IDENTIFIER)
_LARGEST_VALUE = 4096  # of a camera file's: captions and names are shorter, previews and tables are not Exif's business
# Of a camera file's first directory, what a JPEG may say too: names, dates, captions, ratings, not how pixels lie.
_IMAGE_TAGS = (270, MAKE, MODEL, SOFTWARE, 306, 315, 18246, 18249, 33432, *range(40091, 40096))
_SHOT = {33434: "seconds", 33437: "aperture", 37386: "millimetres"}


def tiff_place(jpeg: bytes) -> tuple[int, int]:
    """Where the TIFF structure of a JPEG's Exif begins and ends; twice 0 where there is no Exif."""
    for segment in segments(jpeg):
        if segment.marker == 0xE1 and jpeg.startswith(IDENTIFIER, segment.content, segment.end):
            place = segment.content
            while jpeg.startswith(IDENTIFIER, place, segment.end):
                place += len(IDENTIFIER)
            return place, segment.end
    return 0, 0


def read_exif(jpeg: bytes) -> Tiff:
    """What the Exif segment of a JPEG says; empty where there is none, or where it is damaged.

    Raises:
        SampleError: not a JPEG file.
    """
    start, end = tiff_place(jpeg)
    return read_tiff(jpeg[start:end])


def orientation_of(jpeg: bytes) -> int:
    """The orientation that a JPEG's Exif asks for, 1 to 8; 1 where it asks for none of them."""
    value = read_exif(jpeg).image.get(ORIENTATION)
    if value is None or value.kind != SHORT or value.count != 1:
        return 1
    found = int(value.numbers()[0])
    return found if 1 <= found <= 8 else 1


def camera_exif(tiff: Tiff, shot: Mapping[str, float], iso: int | None, simulated: bool) -> bytes:
    """The content of an Exif segment that says what a camera file says.

    Args:
        tiff: the file's directories; empty for files that are no TIFF.
        shot: what LibRaw knows of the exposure, ``OpenedFile.shot``.
        iso: sensitivity.
        simulated: whether a simulated camera made it, which stays said.
    """
    order = tiff.order
    image = _only(tiff.image, _IMAGE_TAGS)
    exif = {tag: value for tag, value in tiff.exif.items() if _is_small(value)}
    for tag, name in _SHOT.items():
        if name in shot:
            exif.setdefault(tag, rationals(RATIONAL, (shot[name],), 1_000_000, order))
    if iso:
        exif.setdefault(ISO, numbers(SHORT, (min(iso, 0xFFFF),), order))
    exif.setdefault(EXIF_VERSION, Value(UNDEFINED, b"0230", order))
    image[ORIENTATION] = numbers(SHORT, (1,), order)  # the pixels are upright
    if simulated:
        image[SOFTWARE] = text(SIMULATED_SOFTWARE, order)
    for left_out in (MAKER_NOTE, INTEROPERABILITY):
        exif.pop(left_out, None)
    content = exif_bytes(replace(tiff, image=image, exif=exif))
    return content if len(content) <= _LARGEST else exif_bytes(Tiff(order, image))


def exif_bytes(tiff: Tiff) -> bytes:
    """The content of an Exif segment of these directories."""
    inner, pointers = inner_directories(tiff, 8)
    at = 8 + len(inner)
    return IDENTIFIER + header(tiff.order, at) + inner + directory_bytes(tiff.image | pointers, at)


def inner_directories(tiff: Tiff, at: int, placed: Mapping[int, int] = MappingProxyType({})) -> tuple[bytes, Directory]:
    """The Exif and GPS directories, the first to begin at this byte; and the tags that point to them.

    Args:
        tiff: the directories.
        at: even.
        placed: tags of the Exif directory whose values are elsewhere in the file, and where.
    """
    data, pointers = b"", {}
    for tag, directory in ((EXIF_IFD, tiff.exif), (GPS_IFD, tiff.gps)):
        if directory:
            pointers[tag] = numbers(LONG, (at + len(data),), tiff.order)
            data += directory_bytes(directory, at + len(data), placed if tag == EXIF_IFD else {})
    return data, pointers


def _only(directory: Directory, tags: Collection[int]) -> Directory:
    return {tag: value for tag, value in directory.items() if tag in tags and _is_small(value)}


def _is_small(value: Value) -> bool:
    return len(value.data) <= _LARGEST_VALUE
