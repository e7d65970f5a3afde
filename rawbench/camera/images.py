"""Read image files: raw at 16 bits, sRGB at 8 or 16, upright as their orientation says; and a raw with its sRGB."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rawbench.camera.alignment import Box, Fit, check_sizes, fit_raw
from rawbench.camera.carrier import decode_jpeg, upright_size
from rawbench.camera.jpeg import turn
from rawbench.camera.tiff import Tiff, read_tiff
from rawbench.errors import SampleError

_JPEG_SUFFIXES = (".jpg", ".jpeg")
IMAGE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".bmp", ".webp", *_JPEG_SUFFIXES})
PACKED_SUFFIXES = frozenset({".npy", ".npz"})
_FULL = 65535
_FEW_BITS = 14  # of 16: what cameras' own values have, and renditions to 16 bits hardly ever stop at
_ORIENTATION = 274


@dataclass(frozen=True)
class Pair:
    """A raw and the sRGB that shows it, at one size.

    Attributes:
        raw16: uint16 (H, W, 3).
        srgb: uint8 or uint16 (H, W, 3).
        fit: where in the whole raw it lies.
    """

    raw16: np.ndarray
    srgb: np.ndarray
    fit: Fit


def pair_with(raw16: np.ndarray, path: Path, bits: int = 8, shown: Box | None = None, turned: int = 0) -> Pair:
    """A raw with the sRGB image of a file, which must show it: the one way in which a given image meets its raw.

    Args:
        raw16: uint16 (H, W, 3).
        path: the image.
        bits: 8 or 16, of the sRGB.
        shown: the camera's own margins, where they are known.
        turned: degrees to the left by which the image is to be turned, beyond what it says itself.

    Raises:
        SampleError: names the image: it is missing, unreadable, or does not fit.
    """
    size = (raw16.shape[0], raw16.shape[1])
    try:
        if path.suffix.lower() in _JPEG_SUFFIXES:
            found = upright_size(_read(path))
            check_sizes(size, found[::-1] if turned % 180 else found, shown)
        srgb = np.ascontiguousarray(np.rot90(read_srgb_at(path, bits), turned // 90))
        part, fit = fit_raw(raw16, srgb, shown)
    except SampleError as error:
        raise SampleError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    return Pair(part, srgb, fit)


def read_raw16(path: Path, white: int = 65535, image_white: int | None = 65535) -> np.ndarray:
    """A linear raw image: uint16 (H, W, 3), 65535 = white.

    A ``.npy`` or ``.npz`` file holds (H/2, W/2, 4), the four planes of an RGGB mosaic, which is demosaiced bilinearly
    (a colour filter's own samples stay as they are).

    Args:
        path: a 16-bit TIFF or PNG of three channels, or planes.
        white: the value of white in ``.npy`` files of integers; ``.npz`` files say it themselves (``max_val``).
        image_white: the value of white in a TIFF or PNG. None: 65535, if the values make use of the upper bits.

    Raises:
        SampleError: missing, unreadable, of another kind, brighter than white, or, where white is not known, of fewer
            bits than the file has.
    """
    if path.suffix.lower() in PACKED_SUFFIXES:
        return demosaic_rggb(_read_planes(path, white))
    pixels = _read_image(path)
    if pixels.dtype != np.uint16:
        raise SampleError(f"{path}: a raw of {pixels.dtype}; 16 bits are needed")
    largest = int(pixels.max())
    used = largest.bit_length()
    if image_white is None and 0 < used <= _FEW_BITS:
        raise SampleError(
            f"{path}: no value is above {largest}: {used} bits of 16 are used, and by 65535 as white the raw would be "
            f"nearly black; say which value is white (white={2**used - 1}; white=65535 if it is dark indeed)"
        )
    if image_white in (None, _FULL):
        return pixels
    if largest > image_white:
        raise SampleError(f"{path}: values up to {largest} are more than the white level of {image_white}")
    return np.rint(pixels * (_FULL / image_white)).astype(np.uint16)


def read_srgb8(path: Path) -> np.ndarray:
    """An sRGB image: uint8 (H, W, 3). Of 16 bits, the nearest of 8: 65535 = 257 x 255, so the divisor is 257.

    (To divide by 255, as some of the field's code does, gives values up to 257 of 255.)

    Raises:
        SampleError: missing, unreadable, or of another kind.
    """
    pixels = _read_image(path, grey=True)
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
    if path.suffix.lower() in _JPEG_SUFFIXES:
        raise SampleError(f"{path}: a JPEG has 8 bits; rendition png16 needs an sRGB of 16")
    pixels = _read_image(path, grey=True)
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


def _read_image(path: Path, grey: bool = False) -> np.ndarray:
    """Three channels, upright; one is as good where ``grey`` is allowed."""
    suffix, data = path.suffix.lower(), _read(path)
    if suffix in _JPEG_SUFFIXES:
        try:
            return decode_jpeg(data)
        except SampleError as error:
            raise SampleError(f"{path}: {error}") from None
    try:
        pixels, orientation = _decoded(suffix, data)
    except Exception as error:  # every decoder has exceptions of its own
        raise SampleError(f"{path}: cannot be decoded ({(str(error) or 'damaged').splitlines()[0][:80]})") from None
    if grey and pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise SampleError(f"{path}: an image of {pixels.shape}; three channels are needed")
    return np.ascontiguousarray(turn(pixels, orientation))


def _decoded(suffix: str, data: bytes) -> tuple[np.ndarray, int]:
    """Pixels as they are stored, and the orientation that the file asks for."""
    import imagecodecs
    import tifffile

    if suffix == ".bmp":
        return imagecodecs.bmp_decode(data), 1
    if suffix == ".webp":
        return imagecodecs.webp_decode(data), 1
    if suffix in (".tif", ".tiff"):
        return tifffile.imread(io.BytesIO(data)), read_tiff(data).number(_ORIENTATION, 1)
    found = data.find(b"eXIf", 0, data.find(b"IDAT"))
    said = read_tiff(data[found + 4 :]) if found > 0 else Tiff()
    return imagecodecs.png_decode(data), said.number(_ORIENTATION, 1)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SampleError(f"{path}: cannot be read ({error.strerror})") from None
