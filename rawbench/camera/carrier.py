"""Metadata inside an ordinary JPEG: application segments of our own, everything else kept byte for byte.

A segment, as JPEG (ITU-T T.81, B.2.4.6) lets applications add them::

    FF E9           APP9
    2 bytes         length, big-endian, without the marker
    9 bytes         "rawbench" and a nought
    1 byte          version of this layout, 1
    2 bytes         number of this segment, from 0
    2 bytes         count of segments
    ...             a piece of at most 65,519 bytes

They stand behind the file's other application segments, but before those of a multi-picture file (CIPA DC-007),
whose offsets count from their own place. Nothing of the coded image is touched, so a viewer shows the same pixels.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rawbench.errors import SampleError, StreamError

MARKER = 0xE9
IDENTIFIER = b"rawbench\0"
VERSION = 1
SEGMENT_BYTES = 4 + len(IDENTIFIER) + 5
PIECE_BYTES = 0xFFFF - (SEGMENT_BYTES - 2)
_START, _SCAN, _COMMENT, _MULTI_PICTURE = 0xD8, 0xDA, 0xFE, b"MPF\0"


@dataclass(frozen=True)
class Segment:
    """A marker segment before the coded image: ``data[start:end]``, its content from ``content`` on."""

    marker: int
    start: int
    content: int
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """The marker segments of a JPEG file up to, and without, the first scan.

    Raises:
        SampleError: not a JPEG file, or one that ends before its image.
    """
    if data[:2] != bytes([0xFF, _START]):
        raise SampleError("not a JPEG file")
    position = 2
    while True:
        start = position
        while data[position : position + 2] == b"\xff\xff":
            position += 1
        if len(data) < position + 4 or data[position] != 0xFF:
            raise SampleError("the JPEG file is cut or damaged: it has no image")
        marker = data[position + 1]
        if marker == _SCAN:
            return
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if end < position + 4 or end > len(data):
            raise SampleError("the JPEG file is cut or damaged: a segment is longer than the file")
        yield Segment(marker, start, position + 4, end)
        position = end


def insert(jpeg: bytes, blob: bytes) -> bytes:
    """The JPEG file with a blob in segments of our own; one that it held already is replaced.

    Raises:
        SampleError: not a JPEG file.
        StreamError: the blob is larger than 65,535 segments hold.
    """
    jpeg = remove(jpeg)
    place = 2
    for segment in segments(jpeg):
        application = 0xE0 <= segment.marker <= 0xEF or segment.marker == _COMMENT
        if not application or jpeg[segment.content : segment.content + 4] == _MULTI_PICTURE:
            break
        place = segment.end
    return b"".join([jpeg[:place], *_split(blob), jpeg[place:]])


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
    """The JPEG file without segments of ours.

    Raises:
        SampleError: not a JPEG file.
    """
    kept, position = [], 0
    for segment in segments(jpeg):
        if _is_ours(jpeg, segment):
            kept.append(jpeg[position : segment.start])
            position = segment.end
    return b"".join([*kept, jpeg[position:]]) if kept else jpeg


def carried_bytes(blob_bytes: int) -> int:
    """By how much a JPEG file grows that takes up a blob of this size."""
    return blob_bytes + SEGMENT_BYTES * _pieces(blob_bytes)


def add_exif(jpeg: bytes, exif: bytes) -> bytes:
    """The JPEG file with an Exif segment as its first.

    Args:
        jpeg: a file without Exif.
        exif: ``Exif``, two noughts and a TIFF structure, at most 65,533 bytes.
    """
    head = bytes([0xFF, 0xE1]) + (len(exif) + 2).to_bytes(2, "big")
    return jpeg[:2] + head + exif + jpeg[2:]


def decode_jpeg(jpeg: bytes) -> np.ndarray:
    """The pixels that encoder and decoder agree on: uint8 (H, W, 3).

    Pillow's decoder (libjpeg-turbo: exact integer IDCT, smooth chroma upsampling) at full size, grey as three equal
    channels, no colour management, turned as the Exif orientation says.

    Raises:
        SampleError: not a JPEG file, cut, damaged, or with other colours (CMYK).
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            if image.mode not in ("RGB", "L"):
                raise SampleError(f"a JPEG of mode {image.mode}; RGB or grey is needed")
            orientation = image.getexif().get(274, 1)
            pixels = np.asarray(image.convert("RGB"))
    except UnidentifiedImageError:
        raise SampleError("not a JPEG file") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise SampleError(f"the JPEG file is cut or damaged ({error})") from None
    return np.ascontiguousarray(turn(pixels, orientation))


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (H, W, ...) as an Exif orientation of 1 to 8 asks; anything else leaves them as they are."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


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
