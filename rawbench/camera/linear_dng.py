"""Write a rebuilt raw as a DNG file: demosaiced (LinearRaw), or put back under the colour filters.

Facts from the DNG specification 1.4 and TIFF 6.0. Values are camera RGB before white balance: the white balance is in
``AsShotNeutral``, so that a raw converter can change it. The pixels are written strip by strip and not compressed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from rawbench.camera.cfa import CFA_ORDERS, mosaic_of
from rawbench.camera.facts import LIBRAW_MAXIMUM_THRESHOLD, CameraFacts
from rawbench.files import write_parts

SOFTWARE = "rawbench"
_LINEAR_RAW, _CFA = 34892, 32803
_EXIF_IFD = 34665
_ASCII, _RATIONAL, _SRATIONAL, _UNDEFINED = 2, 5, 10, 7
_FORMATS = {1: "B", 2: "s", 3: "H", 4: "I", 5: "I", 7: "s", 10: "i"}
_WHITE = 65535
_ROWS = 64

# Exif that a raw converter shows or sorts by: tag and TIFF type.
IMAGE_TAGS = {306: 2, 315: 2, 33432: 2}
EXIF_TAGS = {
    33434: 5, 33437: 5, 34850: 3, 34855: 3, 36867: 2, 36868: 2, 36880: 2, 36881: 2, 37380: 10,
    37383: 3, 37385: 3, 37386: 5, 37521: 2, 41989: 3, 42033: 2, 42034: 5, 42035: 2, 42036: 2,
}  # fmt: skip


@dataclass(frozen=True)
class Rebuilt:
    """A rebuilt raw with what a DNG says of it.

    Attributes:
        raw: float32 (3, H, W) in [0, 1], linear camera RGB after white balance.
        facts: the camera's.
        image_tags: ``IMAGE_TAGS`` that are known, tag -> value as Pillow reads it.
        exif_tags: ``EXIF_TAGS`` that are known, likewise.
        software: who says so.
    """

    raw: np.ndarray
    facts: CameraFacts
    image_tags: Mapping[int, Any]
    exif_tags: Mapping[int, Any]
    software: str = SOFTWARE


def write_linear_dng(path: Path, rebuilt: Rebuilt) -> None:
    """Write a LinearRaw DNG of three 16-bit samples a pixel.

    LibRaw reads it back as ``postprocess`` did the camera's own file, within the rounding to 16 bits before white
    balance. LibRaw takes the brightest value for the white level where it is above three quarters of it; the values
    that the raw was made from had been scaled that way, so a decoded brightest value just below white is set to white,
    lest a small error of one sample brighten the whole image.

    Raises:
        RawbenchError: the file cannot be written.
    """
    entries = _colour_tags(rebuilt, black=0, white=(_WHITE,) * 3)
    entries |= {258: (3, (16,) * 3), 262: (3, (_LINEAR_RAW,)), 277: (3, (3,)), 284: (3, (1,))}
    _write(path, entries, rebuilt, 3, native_strips(rebuilt))


def write_cfa_again(path: Path, rebuilt: Rebuilt) -> None:
    """Write a DNG of one sample a pixel, as the camera's filters let it through, with its black and white level.

    Raises:
        RawbenchError: the file cannot be written.
    """
    facts = rebuilt.facts
    black = min(facts.black)
    entries = _colour_tags(rebuilt, black, white=(facts.white,))
    entries |= {
        258: (3, (16,)),
        262: (3, (_CFA,)),
        277: (3, (1,)),
        33421: (3, (2, 2)),
        33422: (1, CFA_ORDERS[facts.cfa]),
        50710: (1, (0, 1, 2)),
        50711: (3, (1,)),
    }

    scale = (facts.white - black) / _WHITE
    mosaics = (mosaic_of(strip, facts.cfa) for strip in native_strips(rebuilt))
    _write(path, entries, rebuilt, 1, (np.rint(black + mosaic * scale).astype("<u2") for mosaic in mosaics))


def native_strips(rebuilt: Rebuilt) -> Iterator[np.ndarray]:
    """Strips of uint16 (rows, W, 3), from the top: camera RGB before white balance; 65535 is white."""
    gains = np.array(rebuilt.facts.white_balance, dtype=np.float32)
    # As LibRaw applies them: the least is 1, so that a saturated channel stays white.
    gains /= gains.min()
    channel, row, column = _brightest(rebuilt.raw, gains)
    for top in range(0, rebuilt.raw.shape[1], _ROWS):
        strip = np.clip(rebuilt.raw[:, top : top + _ROWS], 0, 1)
        values = np.rint(strip * (_WHITE / gains)[:, None, None]).astype("<u2")
        if top <= row < top + _ROWS and values[channel, row - top, column] > LIBRAW_MAXIMUM_THRESHOLD * _WHITE:
            values[channel, row - top, column] = _WHITE
        yield np.ascontiguousarray(values.transpose(1, 2, 0))


def _brightest(raw: np.ndarray, gains: np.ndarray) -> tuple[int, int, int]:
    """Channel, row and column of the greatest value before white balance."""
    flat = raw.reshape(3, -1)
    places = flat.argmax(axis=1)
    channel = int((flat[range(3), places] / gains).argmax())
    row, column = divmod(int(places[channel]), raw.shape[2])
    return channel, row, column


Entries = dict[int, tuple[int, Any]]


def _colour_tags(rebuilt: Rebuilt, black: int, white: tuple[int, ...]) -> Entries:
    facts = rebuilt.facts
    neutral = [1.0 / gain for gain in facts.white_balance]
    name = " ".join(part for part in (facts.make, facts.model) if part) or "unknown"
    return {
        50706: (1, (1, 4, 0, 0)),
        50707: (1, (1, 1, 0, 0)),
        50708: (2, name),
        50713: (3, (1, 1)),
        50714: (4, (black,) * len(white)),
        50717: (4, white),
        50721: (_SRATIONAL, _rationals(facts.xyz_to_camera, 10_000)),
        50728: (_RATIONAL, _rationals(neutral, 1_000_000)),
        50778: (3, (21,)),
    }


def _write(path: Path, entries: Entries, rebuilt: Rebuilt, samples: int, strips: Iterator[np.ndarray]) -> None:
    height, width = rebuilt.raw.shape[1:]
    starts = list(range(0, height, _ROWS))
    counts = [min(_ROWS, height - top) * width * samples * 2 for top in starts]
    entries |= {
        254: (4, (0,)),
        256: (4, (width,)),
        257: (4, (height,)),
        259: (3, (1,)),
        271: (2, rebuilt.facts.make or "unknown"),
        272: (2, rebuilt.facts.model or "unknown"),
        274: (3, (1,)),
        278: (4, (_ROWS,)),
        279: (4, tuple(counts)),
        305: (2, rebuilt.software),
    }
    entries |= _known(rebuilt.image_tags, IMAGE_TAGS)
    exif = _known(rebuilt.exif_tags, EXIF_TAGS) | {36864: (_UNDEFINED, b"0230")}
    exif_at = 8
    exif_data = _directory(exif, exif_at)
    image_at = exif_at + len(exif_data)
    entries[_EXIF_IFD] = (4, (exif_at,))
    entries[273] = (4, tuple(starts))  # placeholders of the same size, to know where the pixels begin
    pixels_at = image_at + len(_directory(entries, image_at))
    entries[273] = (4, tuple(pixels_at + sum(counts[:i]) for i in range(len(counts))))
    head = struct.pack("<2sHI", b"II", 42, image_at) + exif_data + _directory(entries, image_at)
    write_parts(Path(path), chain([head], strips))


def _directory(entries: Entries, at: int) -> bytes:
    """A TIFF directory that begins at this byte of the file, with its longer values behind it."""
    table, values = bytearray(struct.pack("<H", len(entries))), bytearray()
    values_at = at + 2 + 12 * len(entries) + 4
    for tag, (kind, value) in sorted(entries.items()):
        data, count = _value(kind, value)
        table += struct.pack("<HHI", tag, kind, count)
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack("<I", values_at + len(values))
            values += data + b"\0" * (len(data) % 2)
    return bytes(table + b"\0\0\0\0" + values)


def _value(kind: int, value: Any) -> tuple[bytes, int]:
    if kind == _ASCII:
        value = value.encode("utf-8") + b"\0"
    if isinstance(value, bytes):
        return value, len(value)
    data = struct.pack(f"<{len(value)}{_FORMATS[kind]}", *value)
    return data, len(value) // (2 if kind in (_RATIONAL, _SRATIONAL) else 1)


def _known(values: Mapping[int, Any], types: Mapping[int, int]) -> Entries:
    """Those tags of an Exif, as Pillow reads them, that are what they should be."""
    entries: Entries = {}
    for tag, kind in types.items():
        value = values.get(tag)
        try:
            if value is None:
                continue
            if kind == _ASCII:
                entries[tag] = (kind, str(value).strip(" \0"))
            else:
                several = value if isinstance(value, tuple | list) else (value,)
                fractions = kind in (_RATIONAL, _SRATIONAL)
                numbers = _rationals(several, 1_000_000) if fractions else tuple(map(int, several))
                _value(kind, numbers)
                entries[tag] = (kind, numbers)
        except (ValueError, TypeError, OverflowError, ZeroDivisionError, struct.error):
            continue  # a camera's own idea of the tag: not worth losing the picture for
    return entries


def _rationals(values: Any, limit: int) -> tuple[int, ...]:
    """Numerators and denominators, alternating."""
    pairs = [Fraction(float(value)).limit_denominator(limit) for value in values]
    return tuple(part for pair in pairs for part in (pair.numerator, pair.denominator))
