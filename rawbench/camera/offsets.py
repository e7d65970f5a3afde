"""What a JPEG says of the place of its later parts, mended when a part before them grows or shrinks.

A multi-picture file (CIPA DC-007, 5.2.3.3) says how many bytes its first picture has; the others' offsets count from
the index itself, and move with it. A maker note may say where a preview behind the image begins. How it does is each
maker's own affair; but 32 bits that hold exactly the distance from one of the usual origins (the TIFF header, the
note, the header inside of the note) to the first byte of a JPEG behind the image are that, and hardly anything else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from rawbench.camera.exif import MAKER_NOTE, read_exif, tiff_place
from rawbench.camera.jpeg import image_end, segments
from rawbench.camera.tiff import read_directory

MULTI_PICTURE = b"MPF\0"
_ENTRIES = 0xB002
_ENTRY_BYTES = 16
_INNER_HEADERS = (0, 8, 10, 12)  # bytes of a maker note before the origin of its offsets
_MOST_PICTURES = 16


def moved(after: bytes, before: bytes, growth: int) -> bytes:
    """A file with its offsets mended.

    Args:
        after: the file, its application segments longer or shorter than they were.
        before: as it was.
        growth: by how many bytes everything behind those segments, and the index of a multi-picture file, moved.
    """
    changes = [*_first_picture(after, growth), *_previews(after, before, growth)]
    if not changes:
        return after
    mended = bytearray(after)
    for place, word in changes:
        mended[place : place + 4] = word
    return bytes(mended)


def _first_picture(jpeg: bytes, growth: int) -> Iterator[tuple[int, bytes]]:
    """The size of the first picture in the index of a multi-picture file."""
    for segment in segments(jpeg):
        base = segment.content + len(MULTI_PICTURE)
        if segment.marker != 0xE2 or not jpeg.startswith(MULTI_PICTURE, segment.content, segment.end):
            continue
        index = jpeg[base : segment.end]
        order = {b"II": "<", b"MM": ">"}.get(index[:2])
        if order is None or len(index) < 8:
            return
        entries = read_directory(index, struct.unpack_from(f"{order}I", index, 4)[0], order)[0].get(_ENTRIES)
        if entries is None:
            return
        for start in range(0, len(entries.data) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
            size, offset = struct.unpack_from(f"{order}II", entries.data, start + 4)
            if offset == 0 and size and 0 <= size + growth < 1 << 32:
                yield base + entries.place + start + 4, struct.pack(f"{order}I", size + growth)
                return
        return


def _previews(after: bytes, before: bytes, growth: int) -> Iterator[tuple[int, bytes]]:
    """Words of the maker note that say where a JPEG behind the image begins."""
    note, origin = read_exif(after).exif.get(MAKER_NOTE), tiff_place(after)[0]
    if note is None or tiff_place(before)[0] != origin:  # what moves together needs no mending
        return
    start = origin + note.place
    origins = {origin, *(start + more for more in _INNER_HEADERS)}
    for picture in _pictures_behind(before):
        for base in sorted(origins):
            for order in "<>":
                if picture - base > 0 and 0 < picture - base + growth < 1 << 32:
                    word = struct.pack(f"{order}I", picture - base)
                    for place in _occurrences(note.data, word):
                        yield start + place, struct.pack(f"{order}I", picture - base + growth)


def _pictures_behind(jpeg: bytes) -> Iterator[int]:
    place = image_end(jpeg) - 1
    for _ in range(_MOST_PICTURES):
        place = jpeg.find(b"\xff\xd8\xff", place + 1)
        if place < 0:
            return
        yield place


def _occurrences(data: bytes, word: bytes) -> Iterator[int]:
    place = data.find(word)
    while place >= 0:
        yield place
        place = data.find(word, place + 1)
