"""Exif: what a camera file says of a photograph, for a JPEG that is rendered from it; and what a JPEG says."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rawpy
import tifffile

from rawbench.camera.cfa import SIMULATED_SOFTWARE
from rawbench.camera.linear_dng import EXIF_TAGS, IMAGE_TAGS
from rawbench.camera.read import CameraFileInfo

_EXIF_IFD = 34665
_MAKE, _MODEL, _ORIENTATION, _SOFTWARE, _ISO = 271, 272, 274, 305, 34855
_RATIONAL = 5

Tags = dict[int, Any]


def read_exif(jpeg: bytes) -> tuple[Tags, Tags]:
    """The tags of a JPEG's image and Exif directories, as Pillow reads them; empty where there are none."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            exif = image.getexif()
            return dict(exif), dict(exif.get_ifd(_EXIF_IFD))
    except (OSError, SyntaxError, ValueError, KeyError, TypeError):
        return {}, {}


def camera_exif(path: Path, info: CameraFileInfo) -> tuple[Tags, Tags]:
    """What a camera file says, as the tags of a JPEG's image and Exif directories."""
    image, exif = _tiff_tags(path)
    for tag, value in _libraw_tags(path).items():
        exif.setdefault(tag, value)
    if info.iso:
        exif.setdefault(_ISO, info.iso)
    image[_ORIENTATION] = 1  # the pixels are upright
    if info.simulated:
        image[_SOFTWARE] = SIMULATED_SOFTWARE
    return image, exif


def exif_bytes(tags: tuple[Mapping[int, Any], Mapping[int, Any]]) -> bytes:
    """The content of an Exif segment that says these tags."""
    from PIL import Image

    exif = Image.Exif()
    for tag, value in tags[0].items():
        exif[tag] = value
    directory = exif.get_ifd(_EXIF_IFD)
    for tag, value in tags[1].items():
        directory[tag] = value
    return exif.tobytes()


def _tiff_tags(path: Path) -> tuple[Tags, Tags]:
    from PIL.TiffImagePlugin import IFDRational

    try:
        with tifffile.TiffFile(path) as file:
            found = file.pages.first.tags
            image = {tag: str(found[tag].value).strip(" \0") for tag in (_MAKE, _MODEL, *IMAGE_TAGS) if tag in found}
            inner = found[_EXIF_IFD].value if _EXIF_IFD in found else {}
    except (tifffile.TiffFileError, OSError, ValueError, TypeError, KeyError, IndexError):
        return {}, {}
    names = {tifffile.TIFF.TAGS.get(tag, ""): tag for tag in EXIF_TAGS}
    exif: Tags = {}
    for name, value in inner.items() if isinstance(inner, dict) else ():
        tag = names.get(name)
        if tag is None:
            continue
        pair = EXIF_TAGS[tag] in (5, 10) and isinstance(value, tuple) and len(value) == 2
        if pair and value[1]:
            exif[tag] = IFDRational(*value)
        elif not pair and not isinstance(value, tuple):
            exif[tag] = value
    return {tag: value for tag, value in image.items() if value}, exif


def _libraw_tags(path: Path) -> Tags:
    """Exposure time, aperture and focal length, for files that are no TIFF."""
    from PIL.TiffImagePlugin import IFDRational

    try:
        with rawpy.imread(str(path)) as raw:
            other = raw.other
            found = {33434: other.shutter_speed, 33437: other.aperture, 37386: other.focal_length}
    except (rawpy.LibRawError, AttributeError):
        return {}
    return {tag: IFDRational(round(value * 1_000_000), 1_000_000) for tag, value in found.items() if value > 0}
