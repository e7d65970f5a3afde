"""What a packed JPEG carries inside its segments (``rawbench.camera.carrier``).

The layout::

    varint    length of the camera facts
    ...       the camera facts (``rawbench.camera.facts``)
    4 bytes   CRC-32 of facts, stream and pixels: sRGB, row-major (H, W, 3), the way up in which they were packed
    ...       the stream (``rawbench.stream``)

The pixels count as they are stored: a viewer that only changes the orientation in the Exif changes nothing.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np

from rawbench.camera import carrier
from rawbench.camera.exif import MAKE, MODEL, orientation_of, read_exif
from rawbench.camera.facts import CameraFacts, facts_from_bytes
from rawbench.camera.jpeg import stored_pixels, stored_size, turn
from rawbench.errors import StreamError
from rawbench.stream import Header, read_stream
from rawbench.varint import read_varint, write_varint

_CHECK_BYTES = 4
_MOST_FACTS = 1024


@dataclass(frozen=True)
class Contents:
    """What a packed JPEG holds, not decoded.

    Attributes:
        facts: the camera's, with the names that the JPEG's Exif says.
        stream: the whole file of a method.
        header: the stream's.
        check: CRC-32 of facts, stream and pixels.
        facts_bytes: of facts, their length and the check.
        segment_bytes: of the segments around all that.
    """

    facts: CameraFacts
    stream: bytes
    header: Header
    check: int
    facts_bytes: int
    segment_bytes: int
    kept_facts: bytes = b""


@dataclass(frozen=True)
class Seen:
    """The pixels of a packed JPEG, the way up in which they were packed.

    Attributes:
        srgb: uint8 (H, W, 3).
        changed: whether they are others than those that were packed.
        orientation: 1 to 8, by which a viewer turns them further: somebody changed the orientation since.
    """

    srgb: np.ndarray
    changed: bool
    orientation: int


def write_contents(facts: bytes, stream: bytes, srgb: np.ndarray) -> bytes:
    """The blob of a packed JPEG; ``srgb`` is uint8 (H, W, 3)."""
    return write_varint(len(facts)) + facts + _check(facts, stream, srgb).to_bytes(_CHECK_BYTES, "big") + stream


def read_contents(jpeg: bytes) -> Contents:
    """What a packed JPEG holds.

    Raises:
        SampleError: not a JPEG.
        StreamError: it holds nothing of rawbench, or that is damaged.
    """
    blob = carrier.extract(jpeg)
    if blob is None:
        raise StreamError("holds no rawbench metadata (editors drop them when they save a JPEG anew)")
    length, start = read_varint(blob, 0)
    end = start + length
    if length > _MOST_FACTS or len(blob) < end + _CHECK_BYTES:
        raise StreamError("the rawbench metadata are cut or damaged")
    kept = blob[start:end]
    facts = facts_from_bytes(kept)
    stream = blob[end + _CHECK_BYTES :]
    header, _ = read_stream(stream)
    exif = read_exif(jpeg)
    named = replace(facts, make=facts.make or exif.text(MAKE), model=facts.model or exif.text(MODEL))
    check = int.from_bytes(blob[end : end + _CHECK_BYTES], "big")
    segment_bytes = carrier.carried_bytes(len(blob)) - len(blob)
    return Contents(named, stream, header, check, end + _CHECK_BYTES, segment_bytes, kept)


def look(jpeg: bytes, contents: Contents) -> Seen:
    """The pixels of a packed JPEG.

    Raises:
        SampleError: they cannot be decoded.
        StreamError: the image is of another size than the one that was packed.
    """
    header, size, said = contents.header, stored_size(jpeg), orientation_of(jpeg)
    wanted = (header.height, header.width)
    fitting = [o for o in (said, *range(1, 9)) if (size[::-1] if o > 4 else size) == wanted]
    if not fitting or header.srgb_bits != 8:
        raise StreamError(
            f"the stream is for an image of {header.width}x{header.height} pixels, the JPEG has {size[1]}x{size[0]}"
        )
    stored = stored_pixels(jpeg)
    for orientation in dict.fromkeys(fitting):
        upright = np.ascontiguousarray(turn(stored, orientation))
        if _check(contents.kept_facts, contents.stream, upright) == contents.check:
            return Seen(upright, False, turn_between(orientation, said))
    return Seen(np.ascontiguousarray(turn(stored, fitting[0])), True, 1)


def turn_between(packed: int, said: int) -> int:
    """The orientation that turns what ``packed`` made of stored pixels into what ``said`` makes of them.

    >>> turn_between(1, 6), turn_between(6, 6), turn_between(6, 1)
    (6, 1, 8)
    """
    stored = np.arange(6).reshape(2, 3)
    shown, upright = turn(stored, said), turn(stored, packed)
    return next(o for o in range(1, 9) if np.array_equal(turn(upright, o), shown))


def _check(facts: bytes, stream: bytes, srgb: np.ndarray) -> int:
    return zlib.crc32(srgb.data.cast("B"), zlib.crc32(stream, zlib.crc32(facts)))
