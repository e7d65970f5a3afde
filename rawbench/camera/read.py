"""Read camera files by the field's protocol: linear camera RGB and the rendition, both by LibRaw, from one opening."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rawpy

from rawbench.camera.alignment import Box
from rawbench.camera.cfa import CFA_ORDERS, SIMULATED_SOFTWARE
from rawbench.camera.color import SRGB_TO_XYZ
from rawbench.camera.facts import CameraFacts
from rawbench.camera.tiff import Tiff, read_tiff
from rawbench.errors import SampleError


@dataclass(frozen=True)
class CameraFileInfo:
    """What a camera file says of itself, read without demosaicing.

    Attributes:
        camera: maker and model; ``unknown`` where the file does not say.
        height: rows of the renditions, after turning.
        width: columns of the renditions, after turning.
        iso: sensitivity, or None.
        simulated: True for files of the simulated camera.
        digest: SHA-256 of the file, hexadecimal.
        cfa: order of the colour filters, such as ``RGGB``.
        black: black level of each of LibRaw's four channels (red, green, blue, second green).
        white: saturation level.
        white_balance: gains of red, green and blue as shot, green = 1.
        xyz_to_balanced: XYZ (D65) to camera RGB after white balance, row by row: the matrix by which LibRaw
            renders, be it the file's own or LibRaw's; noughts where it knows none.
        turned: degrees to the left by which the file asks to be turned, and the renditions are.
        mirrored: whether the file asks to be mirrored, left to right, before that, and the renditions are.
        shown: top, left, height and width of what the camera's own JPEG shows of the renditions, where it is known.
    """

    camera: str
    height: int
    width: int
    iso: int | None
    simulated: bool
    digest: str
    cfa: str
    black: tuple[int, ...]
    white: int
    white_balance: tuple[float, float, float]
    xyz_to_balanced: tuple[float, ...]
    turned: int = 0
    mirrored: bool = False
    shown: Box | None = None


@dataclass(frozen=True)
class CameraFile:
    """A camera file and its two renditions.

    Attributes:
        raw16: uint16 (H, W, 3), demosaiced linear camera RGB, black removed, white balance applied.
        srgb8: uint8 (H, W, 3), LibRaw's rendition without automatic brightness.
        info: what the file says of itself.
        srgb16: uint16 (H, W, 3), the same rendition, where it was asked for: LibRaw cuts it off to the 8 bits.
    """

    raw16: np.ndarray
    srgb8: np.ndarray
    info: CameraFileInfo
    srgb16: np.ndarray | None = None

    def srgb(self, bits: int) -> np.ndarray:
        """LibRaw's rendition of 8 or 16 bits."""
        found = self.srgb16 if bits == 16 else self.srgb8
        assert found is not None, "read_camera_file was not asked for 16 bits"
        return found


class OpenedFile:
    """A camera file that is open: read once, unpacked once, demosaiced once.

    What is wrong with it is a SampleError that names it.
    """

    def __init__(self, path: Path, digest: str, tiff: Tiff, raw: rawpy.RawPy, white: int | None = None) -> None:
        self.path = path
        self.digest = digest
        self.tiff = tiff
        self._raw = raw
        self._white = white

    @cached_property
    def info(self) -> CameraFileInfo:
        """What the file says of itself."""
        found = _info(self.path, self._raw, self.tiff, self.digest)
        return found if self._white is None else replace(found, white=self._white)

    def facts(self) -> CameraFacts:
        """What a DNG must say of the camera."""
        from rawbench.camera.sensor_facts import sensor_facts

        try:
            return sensor_facts(self._raw, self.tiff, self.info)
        except SampleError as error:
            raise SampleError(f"{self.path}: {error}") from None

    def warning(self) -> str:
        """What is odd about the sensor's values: none that makes use of the upper bits; empty where all is well."""
        largest, white = int(self._raw.raw_image_visible.max()), self.info.white
        if largest <= max(self.info.black) or largest.bit_length() > white.bit_length() - _UNUSED_BITS:
            return ""
        bits = largest.bit_length()
        return (
            f"{self.path}: no value of the sensor is above {largest}, its white level is {white}: if these are values "
            f"of {bits} bits, the raw is nearly black by mistake, and --white {2**bits - 1} mends it"
        )

    def shot(self) -> dict[str, float]:
        """Exposure time in seconds, aperture and focal length in millimetres, as far as LibRaw knows them."""
        other = self._raw.other
        found = {"seconds": other.shutter_speed, "aperture": other.aperture, "millimetres": other.focal_length}
        return {name: float(value) for name, value in found.items() if value > 0}

    def raw16(self, raw_space: str = "camera") -> np.ndarray:
        """The raw, uint16 (H, W, 3).

        ``postprocess(output_color=raw, use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=(1, 1))``; in
        ``xyz``, LibRaw's CIE XYZ (D65; what exceeds 1 is cut).
        """
        if raw_space == "camera":
            return self._linear
        return self._demosaiced(rawpy.ColorSpace.XYZ)

    def srgb(self, bits: int = 8) -> np.ndarray:
        """The sRGB, bit by bit that of ``postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=bits)``."""
        from rawbench.camera.libraw_rendition import render

        return render(self._linear, self._raw.color_matrix[:, :3], bits)

    @cached_property
    def _linear(self) -> np.ndarray:
        return self._demosaiced(rawpy.ColorSpace.raw)

    def _demosaiced(self, space: rawpy.ColorSpace) -> np.ndarray:
        white: dict[str, Any] = {} if self._white is None else {"user_sat": self._white}
        pixels = self._raw.postprocess(
            output_color=space, use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=(1, 1), **white
        )
        if pixels.ndim != 3 or pixels.shape[2] != 3:
            raise SampleError(f"{self.path}: LibRaw gives no three-channel image; this sensor is not supported")
        return pixels


@contextmanager
def open_camera_file(path: Path, white: int | None = None) -> Iterator[OpenedFile]:
    """Open a camera file whose sensor has the 2x2 pattern of three colours that rawbench supports.

    Args:
        path: the file, which is read once.
        white: its white level, in place of the one that it says.

    Raises:
        SampleError: the file is missing, unreadable, no camera file, or of a sensor that is not supported; also what
            LibRaw has to say against it later.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SampleError(f"{path}: cannot be read ({error.strerror})") from None
    if not data:
        raise SampleError(f"{path}: an empty file")
    tiff = read_tiff(data)
    try:
        with _silenced():
            opened = rawpy.imread(io.BytesIO(data))
        with opened as raw:
            with _silenced():
                problem = _unsupported(raw, tiff)
            if problem:
                raise SampleError(f"{path}: {problem}: not supported")
            yield OpenedFile(path, hashlib.sha256(data).hexdigest(), tiff, raw, white)
    except rawpy.LibRawFileUnsupportedError as error:
        raise SampleError(f"{path}: not a camera file that LibRaw knows") from error
    except NotImplementedError as error:  # rawpy's, of patterns that only X-Trans-like or damaged files have
        raise SampleError(f"{path}: colour filters that are not supported ({error})") from error
    except rawpy.LibRawIOError as error:
        raise SampleError(f"{path}: cut short, or no camera file (LibRaw: {_reason(error)})") from error
    except rawpy.LibRawError as error:
        raise SampleError(f"{path}: LibRaw cannot decode it ({_reason(error)})") from error


@contextmanager
def _silenced() -> Iterator[None]:
    """What LibRaw itself writes to the screen of a damaged file, past everybody; the exception says it too."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def read_camera_info(path: Path) -> CameraFileInfo:
    """What a camera file says of itself.

    Raises:
        SampleError: the file is missing, unreadable, no camera file, or of a sensor that is not supported.
    """
    with open_camera_file(path) as file:
        return file.info


def read_camera_file(path: Path, raw_space: str = "camera", srgb_bits: int = 8, white: int | None = None) -> CameraFile:
    """Read and render a camera file; both renditions are turned as the file asks.

    Args:
        path: the camera file.
        raw_space: ``camera``, or ``xyz`` for LibRaw's CIE XYZ.
        srgb_bits: 16 for an sRGB of 16 bits, too.
        white: its white level, in place of the one that it says.

    Raises:
        SampleError: the file is missing, unreadable, no camera file, of a sensor that is not supported, or
            the two renditions differ in size.
    """
    with open_camera_file(path, white) as file:
        raw16, srgb, info = file.raw16(raw_space), file.srgb(srgb_bits), file.info
    _check_renditions(path, raw16, srgb)
    if srgb_bits == 16:
        return CameraFile(raw16, (srgb >> 8).astype(np.uint8), info, srgb)
    return CameraFile(raw16, srgb, info)


def _check_renditions(path: Path, raw16: np.ndarray, srgb: np.ndarray) -> None:
    if raw16.shape != srgb.shape:
        size = " and ".join(f"{a.shape[1]}x{a.shape[0]}" for a in (raw16, srgb))
        raise SampleError(f"{path}: raw and sRGB differ in size ({size})")


def _unsupported(raw: rawpy.RawPy, tiff: Tiff) -> str:
    if raw.raw_type != rawpy.RawType.Flat or raw.raw_pattern is None:
        return "a sensor without colour filters (Foveon, or an image that is demosaiced already)"
    said = tiff.sensor[_PATTERN_SIZE].numbers() if _PATTERN_SIZE in tiff.sensor else ()
    rows, columns = raw.raw_pattern.shape
    if len(said) == 2 and said != (2, 2):
        rows, columns = (int(side) for side in said)
    if (rows, columns) != (2, 2):
        return f"a {rows}x{columns} colour filter pattern ({'X-Trans' if rows == 6 else 'Quad Bayer'})"
    if raw.num_colors != 3:
        return f"a sensor of {raw.num_colors} colours"
    if _cfa(raw) not in CFA_ORDERS:
        return f"a colour filter order {_cfa(raw)}"
    if abs(raw.sizes.pixel_aspect - 1) > _SQUARE:
        return f"pixels that are not square ({raw.sizes.pixel_aspect:.4g} times as wide as high)"
    black, white = min(signed(level) for level in raw.black_level_per_channel), int(raw.white_level)
    if black < 0:
        return f"a black level of {black}, below nought, of which LibRaw makes a black image"
    if black >= white:
        return f"a black level of {black}, which is not below the white level of {white}"
    return ""


_PATTERN_SIZE = 33421
_UNUSED_BITS = 2  # of a dark photograph, two stops below white; more are more likely a wrong white level
_SQUARE = 0.005  # LibRaw takes pixels for square that are off by no more than this


def signed(level: int) -> int:
    """A black level that LibRaw keeps without its sign.

    >>> signed(512), signed(2**32 - 64)
    (512, -64)
    """
    return int(level) - (1 << 32) if level >= 1 << 31 else int(level)


def _cfa(raw: rawpy.RawPy) -> str:
    names = raw.color_desc.decode("ascii")
    return "".join(names[index] for index in np.asarray(raw.raw_pattern).ravel())


def _matrix(raw: rawpy.RawPy) -> tuple[float, ...]:
    # Not raw.rgb_xyz_matrix: for a camera in LibRaw's table it is the table's, whatever the file says.
    camera_to_srgb = np.array(raw.color_matrix[:, :3], dtype=np.float64)
    if not np.isfinite(camera_to_srgb).all() or abs(np.linalg.det(camera_to_srgb)) < 1e-6:
        return (0.0,) * 9
    matrix = np.linalg.inv(SRGB_TO_XYZ @ camera_to_srgb)
    return tuple(round(float(v), 7) for v in matrix.ravel())


def _info(path: Path, raw: rawpy.RawPy, tiff: Tiff, digest: str) -> CameraFileInfo:
    flip = raw.sizes.flip
    height, width = (raw.sizes.width, raw.sizes.height) if flip & 4 else (raw.sizes.height, raw.sizes.width)
    gains = np.array(raw.camera_whitebalance[:3], dtype=np.float64)
    if not (gains > 0).all():
        raise SampleError(f"{path}: says nothing of its white balance that LibRaw understands: not supported")
    red, green, blue = (float(v) for v in gains / gains[1])
    return CameraFileInfo(
        camera=_camera(tiff),
        height=height,
        width=width,
        iso=round(raw.other.iso_speed) or tiff.number(_ISO) or None,
        simulated=tiff.text(_SOFTWARE) == SIMULATED_SOFTWARE,
        digest=digest,
        cfa=_cfa(raw),
        black=tuple(signed(level) for level in raw.black_level_per_channel),
        white=int(raw.white_level),
        white_balance=(red, green, blue),
        xyz_to_balanced=_matrix(raw),
        turned={3: 180, 2: 180, 5: 90, 4: 90, 6: 270, 7: 270}.get(flip, 0),
        mirrored=flip in (1, 2, 4, 7),
        shown=_shown(raw.sizes),
    )


_MAKE, _MODEL, _SOFTWARE, _ISO = 271, 272, 305, 34855


def _camera(tiff: Tiff) -> str:
    """Maker and model; most camera files are TIFF inside."""
    make, model = tiff.text(_MAKE), tiff.text(_MODEL)
    # Makers that repeat themselves in the model ("Canon", "Canon EOS 600D") are named once.
    name = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    return name.strip() or "unknown"


def _shown(sizes: rawpy.ImageSizes) -> Box | None:
    """The camera's own margins, which LibRaw counts from the sensor's corner, on the turned image."""
    rows, columns = sizes.crop_height, sizes.crop_width
    top, left = sizes.crop_top_margin - sizes.top_margin, sizes.crop_left_margin - sizes.left_margin
    if not (rows and columns) or min(top, left) < 0 or top + rows > sizes.height or left + columns > sizes.width:
        return None
    if sizes.flip & 2:
        top = sizes.height - top - rows
    if sizes.flip & 1:
        left = sizes.width - left - columns
    return (left, top, columns, rows) if sizes.flip & 4 else (top, left, rows, columns)


def _reason(error: Exception) -> str:
    text = error.args[0] if error.args else type(error).__name__
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
