"""Read the image files of the field's pairs: raw at 16 bits, sRGB at 8 or 16."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from rawbench.errors import SampleError

IMAGE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg"})
PACKED_SUFFIXES = frozenset({".npy", ".npz"})


def read_raw16(path: Path, white: int = 65535) -> np.ndarray:
    """A linear raw image: uint16 (H, W, 3), 65535 = white.

    A ``.npy`` or ``.npz`` file holds (H/2, W/2, 4), the four planes of an RGGB mosaic, which is demosaiced bilinearly
    (a colour filter's own samples stay as they are).

    Args:
        path: a 16-bit TIFF or PNG of three channels, or planes.
        white: the value of white in ``.npy`` files of integers; ``.npz`` files say it themselves (``max_val``).

    Raises:
        SampleError: missing, unreadable, or of another kind.
    """
    if path.suffix.lower() in PACKED_SUFFIXES:
        return demosaic_rggb(_read_planes(path, white))
    pixels = _read_image(path)
    if pixels.dtype != np.uint16:
        raise SampleError(f"{path}: a raw of {pixels.dtype}; 16 bits are needed")
    return pixels


def read_srgb8(path: Path) -> np.ndarray:
    """An sRGB image: uint8 (H, W, 3). Of 16 bits, the nearest of 8: 65535 = 257 x 255, so the divisor is 257.

    (To divide by 255, as some of the field's code does, gives values up to 257 of 255.)

    Raises:
        SampleError: missing, unreadable, or of another kind.
    """
    if path.suffix.lower() in (".jpg", ".jpeg"):
        from rawbench.camera.carrier import decode_jpeg

        return decode_jpeg(_read(path))
    pixels = _read_image(path)
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise SampleError(f"{path}: an sRGB of {pixels.dtype}; 8 or 16 bits are needed")
    return pixels


def read_srgb16(path: Path) -> np.ndarray:
    """An sRGB image of 16 bits as it is in the file: uint16 (H, W, 3), 65535 = white.

    One of 8 bits is refused: its figures would stand among those of 16 bits.

    Raises:
        SampleError: missing, unreadable, or of another kind.
    """
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise SampleError(f"{path}: a JPEG has 8 bits; rendition png16 needs an sRGB of 16")
    pixels = _read_image(path)
    if pixels.dtype != np.uint16:
        raise SampleError(f"{path}: an sRGB of {pixels.dtype}; rendition png16 needs 16 bits")
    return pixels


def read_srgb_at(path: Path, bits: int) -> np.ndarray:
    """An sRGB image at a depth: ``read_srgb8`` or ``read_srgb16``."""
    return read_srgb16(path) if bits == 16 else read_srgb8(path)


def demosaic_rggb(planes: np.ndarray) -> np.ndarray:
    """Bilinear: (H/2, W/2, 4) planes R, G, G, B in [0, 1] -> uint16 (H, W, 3)."""
    from scipy.ndimage import convolve

    height, width = planes.shape[0] * 2, planes.shape[1] * 2
    measured = np.zeros((height, width, 3), dtype=np.float64)
    weight = np.zeros_like(measured)
    for plane, channel in enumerate((0, 1, 1, 2)):
        row, column = divmod(plane, 2)
        measured[row::2, column::2, channel] = planes[..., plane]
        weight[row::2, column::2, channel] = 1
    around = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], dtype=np.float64)[..., None]
    sums = convolve(measured, around, mode="mirror")
    mean = sums / convolve(weight, around, mode="mirror")
    filled = np.where(weight > 0, measured, mean)
    return np.rint(np.clip(filled, 0, 1) * 65535).astype(np.uint16)


def _read_planes(path: Path, white: int) -> np.ndarray:
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            planes, top = found, float(white)
        else:
            planes = found["raw"]
            top = float(found["max_val"]) if "max_val" in found else float(white)
    except FileNotFoundError as error:
        raise SampleError(f"{path}: cannot be read ({error.strerror})") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise SampleError(f"{path}: no planes of a raw ({error})") from None
    if planes.ndim != 3 or planes.shape[2] != 4:
        raise SampleError(f"{path}: an array of {planes.shape}; (H/2, W/2, 4) is needed")
    scaled = planes.astype(np.float64) / (top if planes.dtype.kind in "ui" else 1.0)
    if not np.isfinite(scaled).all() or scaled.min() < 0 or scaled.max() > 1:
        raise SampleError(f"{path}: values up to {planes.max():g} are more than the white level of {top:g}")
    return scaled


def _read_image(path: Path) -> np.ndarray:
    import imagecodecs

    data = _read(path)
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            import tifffile

            pixels = tifffile.imread(path)
        else:
            pixels = imagecodecs.png_decode(data)
    except Exception as error:  # every decoder has exceptions of its own
        raise SampleError(f"{path}: cannot be decoded ({str(error).splitlines()[0][:80]})") from None
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise SampleError(f"{path}: an image of {pixels.shape}; three channels are needed")
    return pixels


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SampleError(f"{path}: cannot be read ({error.strerror})") from None
