"""JPEG files (ITU-T T.81): their marker segments, how large the coded image is, and its pixels as they are stored."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rawbench.errors import SampleError

START, SCAN, END, COMMENT = 0xD8, 0xDA, 0xD9, 0xFE
APPLICATION = range(0xE0, 0xF0)
_ALONE = (0x01, *range(0xD0, 0xD8))  # markers without a content
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_KEPT_FOR_DECODING = (0xE0, 0xEE)  # JFIF and Adobe say which colours the channels are; nothing else concerns a decoder
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


@dataclass(frozen=True)
class Segment:
    """A marker segment before the coded image: ``data[start:end]``, its content from ``content`` on."""

    marker: int
    start: int
    content: int
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """The marker segments of a JPEG file up to, and without, the first scan.

    Stray bytes between them are passed over, as every decoder does.

    Raises:
        SampleError: not a JPEG file, or one that ends before its image.
    """
    if data[:2] != bytes([0xFF, START]):
        raise SampleError("not a JPEG file")
    position = 2
    while True:
        start = data.find(b"\xff", position)
        position = start
        while position >= 0 and data[position : position + 2] == b"\xff\xff":
            position += 1
        if position < 0 or len(data) < position + 4 or data[position + 1] == END:
            raise SampleError("the JPEG file is cut or damaged: it has no image")
        marker = data[position + 1]
        if marker == SCAN:
            return
        if marker == 0 or marker in _ALONE:
            position += 2
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if end < position + 4 or end > len(data):
            raise SampleError("the JPEG file is cut or damaged: a segment is longer than the file")
        yield Segment(marker, start, position + 4, end)
        position = end


def image_end(data: bytes) -> int:
    """Where the coded image ends: what lies behind (previews, gain maps, videos) is not the image's."""
    position = 2
    for segment in segments(data):
        position = segment.end
    position = data.index(b"\xff\xda", position)
    while True:
        found = _MARKER_IN_SCAN.search(data, position + 2)
        if found is None:
            return len(data)
        position = found.start()
        if data[position + 1] == END:
            return position + 2
        position += int.from_bytes(data[position + 2 : position + 4], "big")


def stored_size(data: bytes) -> tuple[int, int]:
    """Height and width of the coded image, as it is stored; nothing is decoded.

    Raises:
        SampleError: not a JPEG file, or one without a frame.
    """
    for segment in segments(data):
        if segment.marker in _FRAMES and segment.end >= segment.content + 5:
            height = int.from_bytes(data[segment.content + 1 : segment.content + 3], "big")
            width = int.from_bytes(data[segment.content + 3 : segment.content + 5], "big")
            return height, width
    raise SampleError("the JPEG file is cut or damaged: it has no image")


def stored_pixels(data: bytes) -> np.ndarray:
    """The pixels as they are stored: uint8 (H, W, 3).

    Pillow's decoder (libjpeg-turbo: exact integer IDCT, smooth chroma upsampling) at full size, grey as three equal
    channels, no colour management. It gets the coded image alone: no Exif, of which it would read the damaged one
    with warnings, and no limit on its size, which is the caller's to hold against what he knows of it.

    Raises:
        SampleError: not a JPEG file, cut, damaged, or with other colours (CMYK).
    """
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with JpegImageFile(io.BytesIO(_coded_image(data))) as image:
                if image.mode not in ("RGB", "L"):
                    raise SampleError(f"a JPEG of mode {image.mode}; RGB or grey is needed")
                return np.array(image.convert("RGB"))
    except MemoryError:
        raise SampleError("the JPEG file's image does not fit into the memory") from None
    except (OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError, ArithmeticError) as error:
        raise SampleError(f"the JPEG file is cut, damaged or of a kind that cannot be decoded ({error})") from None


def _coded_image(data: bytes) -> bytes:
    kept, position = [data[:2]], 2
    for segment in segments(data):
        position = segment.end
        if segment.marker in _KEPT_FOR_DECODING or (segment.marker not in APPLICATION and segment.marker != COMMENT):
            kept.append(data[segment.start : segment.end])
    return b"".join([*kept, data[data.index(b"\xff\xda", position) :]])


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (H, W, ...) as an Exif orientation of 1 to 8 asks; anything else leaves them as they are."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
