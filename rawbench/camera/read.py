"""Read camera files by the field's protocol: linear camera RGB and the rendition, both by LibRaw."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rawpy
import tifffile

from rawbench.camera.cfa import SIMULATED_SOFTWARE
from rawbench.camera.color import SRGB_TO_XYZ
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
        xyz_to_camera: XYZ (D65) to camera RGB after white balance, row by row: the matrix by which LibRaw
            renders, be it the file's own or LibRaw's; noughts where it knows none.
        turned: degrees to the left by which the file asks to be turned, and the renditions are.
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
    xyz_to_camera: tuple[float, ...]
    turned: int = 0


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


def read_camera_info(path: Path) -> CameraFileInfo:
    """What a camera file says of itself.

    Raises:
        SampleError: the file is missing, unreadable, no camera file, or of a sensor that is not supported.
    """
    path = Path(path)
    digest = _digest(path)
    with _opened(path) as raw:
        return _info(path, raw, digest)


def read_camera_file(path: Path, raw_space: str = "camera", srgb_bits: int = 8) -> CameraFile:
    """Read and render a camera file.

    raw is ``postprocess(output_color=raw, use_camera_wb=True, no_auto_bright=True, output_bps=16,
    gamma=(1, 1))``, sRGB is ``postprocess(use_camera_wb=True, no_auto_bright=True)``, with ``output_bps=16`` for 16
    bits; both are turned as the file asks.

    Args:
        path: the camera file.
        raw_space: ``camera``, or ``xyz`` for LibRaw's CIE XYZ (D65; what exceeds 1, such as the Z of white, is cut).
        srgb_bits: 16 for an sRGB of 16 bits, too.

    Raises:
        SampleError: the file is missing, unreadable, no camera file, of a sensor that is not supported, or
            the two renditions differ in size.
    """
    path = Path(path)
    digest = _digest(path)
    with _opened(path) as raw:
        info = _info(path, raw, digest)
        raw16 = raw.postprocess(
            output_color=_SPACES[raw_space],
            use_camera_wb=True,
            no_auto_bright=True,
            output_bps=16,
            gamma=(1, 1),
        )
        srgb = raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=srgb_bits)
    _check_renditions(path, raw16, srgb)
    if srgb_bits == 16:
        return CameraFile(raw16, (srgb >> 8).astype(np.uint8), info, srgb)
    return CameraFile(raw16, srgb, info)


_SPACES = {"camera": rawpy.ColorSpace.raw, "xyz": rawpy.ColorSpace.XYZ}


def _check_renditions(path: Path, raw16: np.ndarray, srgb: np.ndarray) -> None:
    if raw16.shape != srgb.shape:
        size = " and ".join(f"{a.shape[1]}x{a.shape[0]}" for a in (raw16, srgb))
        raise SampleError(f"{path}: raw and sRGB differ in size ({size})")
    if raw16.ndim != 3 or raw16.shape[2] != 3 or raw16.dtype != np.uint16:
        raise SampleError(f"{path}: LibRaw gives no three-channel image; this sensor is not supported")


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SampleError(f"{path}: cannot be read ({error.strerror})") from error


@contextmanager
def _opened(path: Path) -> Iterator[rawpy.RawPy]:
    """Open a camera file whose sensor has the 2x2 pattern of three colours that rawbench supports.

    What LibRaw has to say against the file, then or later, becomes a SampleError.
    """
    try:
        with rawpy.imread(str(path)) as raw:
            problem = _unsupported(raw)
            if problem:
                raise SampleError(f"{path}: {problem}: not supported")
            yield raw
    except rawpy.LibRawFileUnsupportedError as error:
        raise SampleError(f"{path}: not a camera file that LibRaw knows") from error
    except rawpy.LibRawError as error:
        raise SampleError(f"{path}: LibRaw cannot decode it ({_reason(error)})") from error


def _unsupported(raw: rawpy.RawPy) -> str:
    if raw.raw_type != rawpy.RawType.Flat or raw.raw_pattern is None:
        return "a sensor without colour filters (Foveon, or an image that is demosaiced already)"
    if raw.raw_pattern.shape != (2, 2):
        rows, columns = raw.raw_pattern.shape
        return f"a {rows}x{columns} colour filter pattern (X-Trans)"
    if raw.num_colors != 3:
        return f"a sensor of {raw.num_colors} colours"
    return ""


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


def _info(path: Path, raw: rawpy.RawPy, digest: str) -> CameraFileInfo:
    height, width = raw.sizes.height, raw.sizes.width
    if raw.sizes.flip in (5, 6):
        height, width = width, height
    camera, iso, simulated = _tiff_identity(path)
    gains = np.array(raw.camera_whitebalance[:3], dtype=np.float64)
    if not (gains > 0).all():
        raise SampleError(f"{path}: says nothing of its white balance")
    red, green, blue = (float(v) for v in gains / gains[1])
    return CameraFileInfo(
        camera=camera,
        height=height,
        width=width,
        iso=round(raw.other.iso_speed) or iso,
        simulated=simulated,
        digest=digest,
        cfa=_cfa(raw),
        black=tuple(raw.black_level_per_channel),
        white=int(raw.white_level),
        white_balance=(red, green, blue),
        xyz_to_camera=_matrix(raw),
        turned={3: 180, 5: 90, 6: 270}.get(raw.sizes.flip, 0),
    )


def _tiff_identity(path: Path) -> tuple[str, int | None, bool]:
    """Camera, ISO, and whether the simulated camera wrote the file; most camera files are TIFF inside."""
    try:
        with tifffile.TiffFile(path) as file:
            tags = file.pages.first.tags
            make, model, software = (
                str(tags[code].value).strip(" \0") if code in tags else "" for code in (271, 272, 305)
            )
            iso = int(tags[34855].value) if 34855 in tags else None
    except (tifffile.TiffFileError, OSError, ValueError, TypeError, KeyError, IndexError):
        return "unknown", None, False
    # Makers that repeat themselves in the model ("Canon", "Canon EOS 600D") are named once.
    name = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    return name.strip() or "unknown", iso, software == SIMULATED_SOFTWARE


def _reason(error: Exception) -> str:
    text = error.args[0] if error.args else type(error).__name__
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
