"""Metadata inside an ordinary JPEG: application segments of our own, everything else kept byte for byte.

A segment, as JPEG (ITU-T T.81, B.2.4.6) lets applications add them::

    FF E9           APP9
    2 bytes         length, big-endian, without the marker
    9 bytes         "rawbench" and a nought
    1 byte          version of this layout, 2
    2 bytes         number of this segment, from 0
    2 bytes         count of segments
    ...             a piece of at most 65,519 bytes

They stand behind the file's other application segments, but before those of a multi-picture file (CIPA DC-007),
whose offsets count from their own place. Nothing of the coded image is touched, so a viewer shows the same pixels;
what lies behind it (gain map, preview, video) stays, and what says where it lies is moved with it (``offsets``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rawbench.camera.exif import orientation_of
from rawbench.camera.jpeg import APPLICATION, COMMENT, Segment, segments, stored_pixels, stored_size, turn
from rawbench.camera.offsets import MULTI_PICTURE, moved
from rawbench.errors import StreamError

MARKER = 0xE9
IDENTIFIER = b"rawbench\0"
VERSION = 2
SEGMENT_BYTES = 4 + len(IDENTIFIER) + 5
PIECE_BYTES = 0xFFFF - (SEGMENT_BYTES - 2)


def insert(jpeg: bytes, blob: bytes) -> bytes:
    """The JPEG file with a blob in segments of our own; one that it held already is replaced.

    Raises:
        SampleError: not a JPEG file.
        StreamError: the blob is larger than 65,535 segments hold.
    """
    jpeg = remove(jpeg)
    place = 2
    for segment in segments(jpeg):
        application = segment.marker in APPLICATION or segment.marker == COMMENT
        if not application or jpeg[segment.content : segment.content + 4] == MULTI_PICTURE:
            break
        place = segment.end
    added = b"".join(_split(blob))
    return moved(b"".join([jpeg[:place], added, jpeg[place:]]), jpeg, len(added))


def extract(jpeg: bytes) -> bytes | None:
    """The blob inside a JPEG file, or None where there is none.

    Raises:
        SampleError: not a JPEG file.
        StreamError: some of its segments are missing or contradict each other.
    """
    pieces: dict[int, bytes] = {}
    counts = set()
    for segment in segments(jpeg):
        if not _is_ours(jpeg, segment):
            continue
        content = jpeg[segment.content + len(IDENTIFIER) : segment.end]
        if len(content) < 5 or content[0] != VERSION:
            raise StreamError("the JPEG file holds rawbench metadata of a later version, or damaged ones")
        pieces[int.from_bytes(content[1:3], "big")] = content[5:]
        counts.add(int.from_bytes(content[3:5], "big"))
    if not pieces:
        return None
    count = max(counts)
    missing = next((number for number in range(count) if number not in pieces), None)
    if len(counts) > 1 or missing is not None or len(pieces) > count:
        what = f"segment {missing + 1} of {count} is missing" if missing is not None else "they contradict each other"
        raise StreamError(f"the JPEG file's rawbench segments are not whole: {what}")
    return b"".join(pieces[number] for number in range(count))


def remove(jpeg: bytes) -> bytes:
    """The JPEG file without segments of ours, as it was before ``insert``.

    Raises:
        SampleError: not a JPEG file.
    """
    kept, position = [], 0
    for segment in segments(jpeg):
        if _is_ours(jpeg, segment):
            kept.append(jpeg[position : segment.start])
            position = segment.end
    if not kept:
        return jpeg
    plain = b"".join([*kept, jpeg[position:]])
    return moved(plain, jpeg, len(plain) - len(jpeg))


def carried_bytes(blob_bytes: int) -> int:
    """By how much a JPEG file grows that takes up a blob of this size."""
    return blob_bytes + SEGMENT_BYTES * _pieces(blob_bytes)


def room_for(carried: int) -> int:
    """The largest blob by which a JPEG file grows by no more than so many bytes."""
    return max(0, carried - SEGMENT_BYTES * max(1, -(-carried // (PIECE_BYTES + SEGMENT_BYTES))))


def add_exif(jpeg: bytes, exif: bytes) -> bytes:
    """The JPEG file with an Exif segment as its first.

    Args:
        jpeg: a file without Exif.
        exif: ``Exif``, two noughts and a TIFF structure, at most 65,533 bytes.
    """
    head = bytes([0xFF, 0xE1]) + (len(exif) + 2).to_bytes(2, "big")
    return jpeg[:2] + head + exif + jpeg[2:]


def upright_size(jpeg: bytes) -> tuple[int, int]:
    """Height and width of ``decode_jpeg``'s pixels, before anything is decoded.

    Raises:
        SampleError: not a JPEG file.
    """
    height, width = stored_size(jpeg)
    return (width, height) if orientation_of(jpeg) > 4 else (height, width)


def decode_jpeg(jpeg: bytes) -> np.ndarray:
    """The pixels that encoder and decoder agree on: ``stored_pixels``, turned as the Exif orientation says.

    Returns:
        uint8 (H, W, 3).

    Raises:
        SampleError: not a JPEG file, cut, damaged, or with other colours (CMYK).
    """
    return np.ascontiguousarray(turn(stored_pixels(jpeg), orientation_of(jpeg)))


def _is_ours(data: bytes, segment: Segment) -> bool:
    return segment.marker == MARKER and data.startswith(IDENTIFIER, segment.content, segment.end)


def _pieces(size: int) -> int:
    return max(1, -(-size // PIECE_BYTES))


def _split(blob: bytes) -> Iterator[bytes]:
    count = _pieces(len(blob))
    if count > 0xFFFF:
        raise StreamError(f"{len(blob)} bytes of metadata are more than a JPEG file can take up")
    for number in range(count):
        piece = blob[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]
        length = (SEGMENT_BYTES - 2 + len(piece)).to_bytes(2, "big")
        places = bytes([VERSION]) + number.to_bytes(2, "big") + count.to_bytes(2, "big")
        yield bytes([0xFF, MARKER]) + length + IDENTIFIER + places + piece
