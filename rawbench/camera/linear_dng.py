"""Write a rebuilt raw as a DNG file: demosaiced (LinearRaw), or put back under the colour filters.

Facts from the DNG specification 1.4 and TIFF 6.0. Values are camera RGB before white balance: the white balance is in
``AsShotNeutral``, so that a raw converter can change it. The pixels are written strip by strip and not compressed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from rawbench.camera.cfa import CFA_ORDERS, mosaic_of
from rawbench.camera.exif import EXIF_VERSION, INTEROPERABILITY, MAKER_NOTE, inner_directories
from rawbench.camera.facts import LIBRAW_MAXIMUM_THRESHOLD, CameraFacts
from rawbench.camera.tiff import (
    ASCII,
    BYTE,
    CFA,
    LINEAR_RAW,
    LONG,
    RATIONAL,
    SHORT,
    SRATIONAL,
    UNDEFINED,
    Directory,
    Tiff,
    Value,
    directory_bytes,
    header,
    numbers,
    rationals,
    text,
)
from rawbench.files import write_parts

SOFTWARE = "rawbench"
_WHITE = 65535
_ROWS = 64

# Tags of a JPEG's first directory that say how its own pixels lie, or point elsewhere: not for a DNG.
_JPEG_ONLY = frozenset({*range(254, 260), 262, 273, 274, *range(277, 280), 284, 318, 319, *range(322, 326), 330, 513,
                        514, *range(529, 533), 33421, 33422, 34665, 34675, 34853, MAKER_NOTE,
                        INTEROPERABILITY, 50341})  # fmt: skip
_FIRST_DNG_TAG = 50706
_NAMES = (271, 272)


@dataclass(frozen=True)
class Rebuilt:
    """A rebuilt raw with what a DNG says of it.

    Attributes:
        raw: float32 (3, H, W) in [0, 1], linear camera RGB after white balance.
        facts: the camera's.
        exif: what its JPEG says of the photograph; goes in with its bytes as they are, in its byte order.
        software: who says so.
        orientation: by which a viewer is to turn it, 1 to 8.
    """

    raw: np.ndarray
    facts: CameraFacts
    exif: Tiff = Tiff()
    software: str = SOFTWARE
    orientation: int = 1


def write_linear_dng(path: Path, rebuilt: Rebuilt) -> None:
    """Write a LinearRaw DNG of three 16-bit samples a pixel.

    LibRaw reads it back as ``postprocess`` did the camera's own file, within the rounding to 16 bits before white
    balance. LibRaw takes the brightest value for the white level where it is above three quarters of it; the values
    that the raw was made from had been scaled that way, so a decoded brightest value just below white is set to white,
    lest a small error of one sample brighten the whole image.

    Raises:
        RawbenchError: the file cannot be written.
    """
    entries: Tags = _colour_tags(rebuilt, black=0, white=(_WHITE,) * 3)
    entries |= {258: (SHORT, (16,) * 3), 262: (SHORT, (LINEAR_RAW,)), 277: (SHORT, (3,)), 284: (SHORT, (1,))}
    _write(path, entries, rebuilt, 3, native_strips(rebuilt))


def write_cfa_again(path: Path, rebuilt: Rebuilt) -> None:
    """Write a DNG of one sample a pixel, as the camera's filters let it through, with its black and white level.

    Raises:
        RawbenchError: the file cannot be written.
    """
    facts = rebuilt.facts
    black = min(facts.black)
    entries: Tags = _colour_tags(rebuilt, black, white=(facts.white,))
    entries |= {
        258: (SHORT, (16,)),
        262: (SHORT, (CFA,)),
        277: (SHORT, (1,)),
        33421: (SHORT, (2, 2)),
        33422: (BYTE, CFA_ORDERS[facts.cfa]),
        50710: (BYTE, (0, 1, 2)),
        50711: (SHORT, (1,)),
    }

    scale = (facts.white - black) / _WHITE
    mosaics = native_strips(rebuilt, facts.cfa)
    _write(path, entries, rebuilt, 1, (np.rint(black + mosaic * scale).astype(np.uint16) for mosaic in mosaics))


def native_strips(rebuilt: Rebuilt, cfa: str = "") -> Iterator[np.ndarray]:
    """Strips of uint16, from the top: camera RGB before white balance; 65535 is white.

    Args:
        rebuilt: the raw.
        cfa: order of the colour filters, for strips of (rows, W); none for strips of (rows, W, 3).
    """
    gains = np.array(rebuilt.facts.white_balance, dtype=np.float32)
    # As LibRaw applies them: the least is 1, so that a saturated channel stays white.
    gains /= gains.min()
    at, most = max(enumerate(strip.max() for strip in _strips(rebuilt.raw, gains, cfa)), key=lambda found: found[1])
    for number, strip in enumerate(_strips(rebuilt.raw, gains, cfa)):
        if number == at and most > LIBRAW_MAXIMUM_THRESHOLD * _WHITE:
            strip.flat[strip.argmax()] = _WHITE
        yield strip


def _strips(raw: np.ndarray, gains: np.ndarray, cfa: str) -> Iterator[np.ndarray]:
    for top in range(0, raw.shape[1], _ROWS):
        strip = np.clip(raw[:, top : top + _ROWS], 0, 1)
        values = np.rint(strip * (_WHITE / gains)[:, None, None]).astype(np.uint16).transpose(1, 2, 0)
        yield mosaic_of(values, cfa) if cfa else np.ascontiguousarray(values)


Tags = dict[int, tuple[int, Any]]


def _colour_tags(rebuilt: Rebuilt, black: int, white: tuple[int, ...]) -> Tags:
    facts = rebuilt.facts
    neutral = [1.0 / gain for gain in facts.white_balance]
    name = " ".join(part for part in (facts.make, facts.model) if part) or "unknown"
    second: Tags = {}
    if facts.second_illuminant:
        second = {50722: (SRATIONAL, facts.second_xyz_to_camera), 50779: (SHORT, (facts.second_illuminant,))}
    return second | {
        50706: (BYTE, (1, 4, 0, 0)),
        50707: (BYTE, (1, 1, 0, 0)),
        50708: (ASCII, name),
        50713: (SHORT, (1, 1)),
        50714: (LONG, (black,) * len(white)),
        50717: (LONG, white),
        50721: (SRATIONAL, facts.xyz_to_camera),
        50728: (RATIONAL, neutral),
        50778: (SHORT, (facts.illuminant,)),
    }


def _write(path: Path, tags: Tags, rebuilt: Rebuilt, samples: int, strips: Iterator[np.ndarray]) -> None:
    height, width = rebuilt.raw.shape[1:]
    order = rebuilt.exif.order
    starts = list(range(0, height, _ROWS))
    counts = [min(_ROWS, height - top) * width * samples * 2 for top in starts]
    tags |= {
        254: (LONG, (0,)),
        256: (LONG, (width,)),
        257: (LONG, (height,)),
        259: (SHORT, (1,)),
        271: (ASCII, rebuilt.facts.make or "unknown"),
        272: (ASCII, rebuilt.facts.model or "unknown"),
        274: (SHORT, (rebuilt.orientation,)),
        278: (LONG, (_ROWS,)),
        279: (LONG, tuple(counts)),
        305: (ASCII, rebuilt.software),
    }
    entries = {tag: _value(kind, value, order) for tag, (kind, value) in tags.items()}
    said = _from_jpeg(rebuilt.exif)
    entries = said | entries | {tag: said[tag] for tag in _NAMES if tag in said}
    exif = {tag: value for tag, value in rebuilt.exif.exif.items() if tag not in (MAKER_NOTE, INTEROPERABILITY)}
    exif.setdefault(EXIF_VERSION, Value(UNDEFINED, b"0230", order))
    note, placed = _maker_note(rebuilt.exif)
    if placed:
        exif[MAKER_NOTE] = rebuilt.exif.exif[MAKER_NOTE]
    inner, pointers = inner_directories(Tiff(order, exif=exif, gps=rebuilt.exif.gps), 8 + len(note), placed)
    inner = note + inner
    entries |= pointers
    image_at = 8 + len(inner)
    entries[273] = numbers(LONG, starts, order)  # placeholders of the same size, to know where the pixels begin
    pixels_at = image_at + len(directory_bytes(entries, image_at))
    entries[273] = numbers(LONG, (pixels_at + sum(counts[:i]) for i in range(len(counts))), order)
    head = header(order, image_at) + inner + directory_bytes(entries, image_at)
    ordered = (strip.astype(np.dtype(f"{order}u2"), copy=False) for strip in strips)
    write_parts(Path(path), chain([head], ordered))


def _from_jpeg(exif: Tiff) -> Directory:
    """What the JPEG's first directory says of the photograph."""
    kept = {tag: v for tag, v in exif.image.items() if tag not in _JPEG_ONLY and tag < _FIRST_DNG_TAG}
    return {tag: value for tag, value in kept.items() if tag not in _NAMES or value.kind == ASCII}


def _maker_note(exif: Tiff) -> tuple[bytes, dict[int, int]]:
    """A JPEG's maker note at the byte at which it was there, since its own offsets may count from the file's start.

    What stands between the header and its end, and where it is; nothing where there is none.
    """
    note = exif.exif.get(MAKER_NOTE)
    if note is None or len(note.data) <= 4 or note.place < 8:
        return b"", {}
    data = bytes(note.place - 8) + note.data
    return data + bytes(len(data) % 2), {MAKER_NOTE: note.place}


def _value(kind: int, value: Any, order: str) -> Value:
    if kind == ASCII:
        return text(value, order)
    if kind in (RATIONAL, SRATIONAL):
        return rationals(kind, value, 1_000_000 if kind == RATIONAL else 10_000, order)
    return numbers(kind, value, order)
