"""Camera files and JPEGs of any tags and segments, small: what the tests of real photographs' oddities are made of."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rawpy
import tifffile
from PIL import Image

from rawbench.simulate.cameras import find_camera
from rawbench.simulate.cfa_dng import _tags
from rawbench.simulate.sensor import CfaImage, Shot, take_picture

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 1, 2, 3, 4, 5, 7, 10
Change = Mapping[int, tuple[int, int, object] | None]


def frame(height: int = 96, width: int = 128, seed: int = 1, **shot) -> CfaImage:
    """A sensor's values of a scene with details everywhere."""
    random = np.random.default_rng(seed)
    field = random.normal(0, 0.05, (height, width, 3)).cumsum(axis=0).cumsum(axis=1)
    scene = field - field.min() + 0.1
    return take_picture(scene, find_camera("sony-slt-a57"), Shot(**shot), random)


def write_dng(path: Path, image: CfaImage | None = None, change: Change = {}, values=None, **options) -> Path:  # noqa: B006
    """A CFA DNG of a frame; ``change`` is tag -> (type, count, value), or None to leave the tag out."""
    image = frame() if image is None else image
    tags = {tag[0]: tag[1:4] for tag in _tags(image)} | dict(change)
    extra = [(code, *tag, True) for code, tag in sorted(tags.items()) if tag is not None]
    given = {"photometric": 32803, "metadata": None, "byteorder": "<", "software": False} | options
    tifffile.imwrite(path, image.mosaic if values is None else values, extratags=extra, **given)
    return path


def rational(*values: float) -> tuple[int, ...]:
    """Numerators and denominators of 10,000."""
    return tuple(part for value in values for part in (round(value * 10_000), 10_000))


def rendered(path: Path) -> np.ndarray:
    """LibRaw's 8-bit sRGB."""
    with rawpy.imread(str(path)) as raw:
        return raw.postprocess(use_camera_wb=True, no_auto_bright=True)


def linear(path: Path) -> np.ndarray:
    """LibRaw's 16-bit linear camera RGB in [0, 1]."""
    how = {"output_color": rawpy.ColorSpace.raw, "output_bps": 16, "gamma": (1, 1)}
    with rawpy.imread(str(path)) as raw:
        return raw.postprocess(use_camera_wb=True, no_auto_bright=True, **how) / 65535


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((a - b) ** 2) + 1e-30))


def jpeg(pixels: np.ndarray, **options) -> bytes:
    """A JPEG of these pixels."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", **({"quality": 95} | options))
    return buffer.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


def with_segment(data: bytes, marker: int, content: bytes) -> bytes:
    """A JPEG with one more segment, its first."""
    return data[:2] + segment(marker, content) + data[2:]


def tiff(entries, order: str = "<", inner: Mapping[int, list] = {}) -> bytes:  # noqa: B006
    """A TIFF structure of (tag, type, count, bytes); ``inner`` is pointer tag -> entries of its directory."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    pointers = {tag: (tag, LONG, 1, b"\0\0\0\0") for tag in inner}
    body = _directory([*entries, *pointers.values()], 8, order)
    places, data = {}, b""
    for tag, found in inner.items():
        places[tag] = 8 + len(body) + len(data)
        data += _directory(found, places[tag], order)
    pointed = [(tag, LONG, 1, struct.pack(f"{order}I", place)) for tag, place in places.items()]
    return head + _directory([*entries, *pointed], 8, order) + data


def _directory(entries, at: int, order: str) -> bytes:
    table, values = struct.pack(f"{order}H", len(entries)), b""
    for tag, kind, count, data in sorted(entries):
        table += struct.pack(f"{order}HHI", tag, kind, count)
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}I", at + 2 + 12 * len(entries) + 4 + len(values))
            values += data + b"\0" * (len(data) % 2)
    return table + b"\0\0\0\0" + values
