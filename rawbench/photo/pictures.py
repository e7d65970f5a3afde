"""Single pictures from and to files, for the command line: pairs of raw and sRGB, sRGB images, decoded raws."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch

from rawbench.camera.read import CameraFile, read_camera_file
from rawbench.camera.renditions import apply_rendition, develop, parse_rendition
from rawbench.camera.tensors import raw_tensor, row_strips, srgb_tensor
from rawbench.errors import SampleError, UsageError
from rawbench.files import write_parts
from rawbench.types import Sample, SampleInfo

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
OUTPUT_SUFFIXES = (".npy", ".tif", ".tiff")


def read_pair(photo: Path, srgb: Path | None, rendition: str = "png") -> Sample:
    """A camera file and its sRGB as a sample, by the protocol of the datasets.

    Args:
        photo: a camera file.
        srgb: the sRGB image beside it; None renders it from the camera file.
        rendition: what becomes of the rendered sRGB (``png``, ``png16``, ``jpeg90``); of an image, ``png16`` says that
            it has 16 bits.

    Raises:
        SampleError: a file is missing or unreadable, or the two differ in size.
    """
    camera = read_camera_file(photo, srgb_bits=parse_rendition(rendition).bits)
    pixels = read_srgb(srgb, rendition) if srgb else render(camera, rendition)
    if pixels.shape != camera.raw16.shape:
        raise SampleError(f"{srgb}: the sRGB has {_size(pixels)} pixels, the raw of {photo} has {_size(camera.raw16)}")
    height, width, _ = pixels.shape
    info = SampleInfo(
        photo.name,
        camera.info.camera,
        rendition,
        "camera",
        height,
        width,
        camera.info.digest,
        camera.info.simulated,
    )
    return Sample(info, raw_tensor(camera.raw16), srgb_tensor(pixels))


def read_srgb(path: Path, rendition: str = "png") -> np.ndarray:
    """sRGB pixels, uint8 (H, W, 3), or uint16 for ``png16``: of an image file, or rendered from a camera file.

    Raises:
        SampleError: the file is missing or unreadable, or no RGB image of that depth.
    """
    bits = parse_rendition(rendition).bits
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        return render(read_camera_file(path, srgb_bits=bits), rendition)
    if bits == 16:
        from rawbench.camera.images import read_srgb16

        return read_srgb16(path)
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.mode not in ("RGB", "L", "P"):
                raise SampleError(f"{path}: an image of mode {image.mode}; 8-bit RGB is needed")
            return np.array(image.convert("RGB"))
    except UnidentifiedImageError:
        raise SampleError(f"{path}: not an image that Pillow knows") from None
    except OSError as error:
        raise SampleError(f"{path}: cannot be read ({error.strerror or error})") from None


def render(camera: CameraFile, rendition: str) -> np.ndarray:
    """A camera file's sRGB: uint8 (H, W, 3), or uint16 for ``png16``, for which the file was read.

    Raises:
        UsageError: no such rendition, or one that is not made from the camera file.
    """
    wanted = parse_rendition(rendition)
    if wanted.given:
        raise UsageError("rendition given: name the image")
    if wanted.in_camera:
        return develop(camera.raw16, camera.info.xyz_to_camera, wanted)[0]
    return apply_rendition(camera.srgb(wanted.bits), wanted)[0]


def write_raw(path: Path, raw: torch.Tensor) -> None:
    """Write a decoded raw: ``.npy`` keeps float32 (3, H, W), ``.tif`` 16 bits (H, W, 3).

    Raises:
        UsageError: another suffix.
        RawbenchError: the file cannot be written.
    """
    check_output(path)
    pixels = raw.cpu().contiguous().numpy()
    buffer = io.BytesIO()
    if path.suffix.lower() == ".npy":
        np.lib.format.write_array_header_1_0(buffer, np.lib.format.header_data_from_array_1_0(pixels))
        write_parts(path, (buffer.getbuffer(), pixels))
        return
    import tifffile

    values = np.empty((*pixels.shape[1:], pixels.shape[0]), np.uint16)
    for rows in row_strips(pixels.shape[1]):
        values[rows] = np.rint(pixels[:, rows].clip(0, 1) * np.float32(65535)).transpose(1, 2, 0)
    tifffile.imwrite(buffer, values, photometric="rgb", compression="zlib")
    write_parts(path, (buffer.getbuffer(),))


def check_output(path: Path) -> None:
    """Refuse an output name before the work is done, not after.

    Raises:
        UsageError: the suffix is not one that ``write_raw`` writes, or the folder is not there.
    """
    if path.suffix.lower() not in OUTPUT_SUFFIXES:
        raise UsageError(f"{path}: the output is {', '.join(OUTPUT_SUFFIXES)} by its suffix")
    check_folder(path)


def check_folder(path: Path) -> None:
    """Refuse an output in a folder that is not there.

    Raises:
        UsageError: names the folder.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.absolute().parent}")


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
