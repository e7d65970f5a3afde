"""sRGB renditions: LibRaw's 8 or 16 bits as they are, a JPEG, the file beside the raw, or an in-camera-like one."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import numpy as np
from PIL import Image

from rawbench.errors import UsageError

_JPEG = re.compile(r"jpeg(\d{1,3})(-444)?")
KNOWN = (
    "png, jpeg10 to jpeg100 (colour at half size), jpeg10-444 to jpeg100-444 (colour at full size), "
    "given (the image beside the raw), camera (as cameras render), png16 (16 bits)"
)
CAMERA_QUALITY = 92


@dataclass(frozen=True)
class Rendition:
    """How the sRGB image is carried.

    Attributes:
        name: canonical name, such as ``png`` or ``jpeg90-444``.
        quality: JPEG quality, or None for the pixels as they are.
        full_colour: JPEG without colour subsampling (4:4:4 in place of 4:2:0).
        given: the pixels are those of an image beside the raw.
        in_camera: the pixels are made from the raw as ``rawbench.camera.develop`` says.
        bits: 16 where the pixels are uint16.
    """

    name: str
    quality: int | None = None
    full_colour: bool = False
    given: bool = False
    in_camera: bool = False
    bits: int = 8


def parse_rendition(name: str) -> Rendition:
    """Parse ``png``, ``png16``, ``jpeg90``, ``jpeg90-444``, ``given`` or ``camera``.

    Raises:
        UsageError: no such rendition; the line lists the possible ones.
    """
    if name == "png":
        return Rendition("png")
    if name == "given":
        return Rendition("given", given=True)
    if name == "camera":
        return Rendition("camera", CAMERA_QUALITY, in_camera=True)
    if name == "png16":
        return Rendition("png16", bits=16)
    match = _JPEG.fullmatch(name)
    if match and 10 <= int(match[1]) <= 100 and not match[1].startswith("0"):
        return Rendition(name, int(match[1]), match[2] is not None)
    raise UsageError(f"unknown rendition {name!r}; there are {KNOWN}")


def apply_rendition(srgb: np.ndarray, rendition: Rendition) -> tuple[np.ndarray, int | None]:
    """What a viewer sees of the carried image, and what the carrier costs.

    Args:
        srgb: uint8 (H, W, 3); uint16 for ``png16``.
        rendition: how it is carried.

    Returns:
        Pixels of the same kind and the bytes of the JPEG file (None for ``png`` and ``png16``, where the carrier
        changes nothing).
    """
    if rendition.quality is None:
        return srgb, None
    carrier = jpeg_bytes(srgb, rendition.quality, rendition.full_colour)
    with Image.open(io.BytesIO(carrier)) as image:
        return np.array(image.convert("RGB")), len(carrier)


def develop(
    raw16: np.ndarray, xyz_to_balanced: tuple[float, ...], rendition: Rendition
) -> tuple[np.ndarray, int | None]:
    """The in-camera-like rendition of a raw, carried as ``rendition`` says; returns as ``apply_rendition`` does.

    Raises:
        SampleError: the camera's colour matrix is not known.
    """
    from rawbench.camera.develop import develop_pixels

    return apply_rendition(develop_pixels(raw16, xyz_to_balanced), rendition)


def jpeg_bytes(srgb: np.ndarray, quality: int, full_colour: bool = False) -> bytes:
    """A JPEG file of these pixels, by Pillow's encoder; 4:2:0 unless ``full_colour``."""
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(srgb))
    image.save(buffer, "JPEG", quality=quality, subsampling=0 if full_colour else 2)
    return buffer.getvalue()
