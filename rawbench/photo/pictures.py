"""Single pictures from and to files, for the command line: pairs of raw and sRGB, sRGB images, decoded raws."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch

from rawbench.camera.alignment import Fit
from rawbench.camera.images import IMAGE_SUFFIXES, pair_with, read_srgb_at
from rawbench.camera.read import CameraFile, open_camera_file, read_camera_file
from rawbench.camera.renditions import apply_rendition, develop, parse_rendition
from rawbench.camera.tensors import raw_tensor, row_strips, srgb_tensor
from rawbench.errors import UsageError
from rawbench.files import write_parts
from rawbench.types import Sample, SampleInfo

OUTPUT_SUFFIXES = (".npy", ".tif", ".tiff")


def read_pair(photo: Path, srgb: Path | None, rendition: str = "png") -> tuple[Sample, Fit | None]:
    """A camera file and its sRGB as a sample, by the protocol of the datasets.

    Args:
        photo: a camera file.
        srgb: the sRGB image beside it, to which the raw is cropped; None renders it from the camera file.
        rendition: what becomes of the rendered sRGB (``png``, ``png16``, ``jpeg90``); of an image, ``png16`` says that
            it has 16 bits.

    Returns:
        The sample, and how the given image fits.

    Raises:
        SampleError: a file is missing or unreadable, or the two do not show the same picture.
    """
    wanted = parse_rendition(rendition)
    if srgb is None:
        camera = read_camera_file(photo, srgb_bits=wanted.bits)
        info, raw16, pixels, fit = camera.info, camera.raw16, render(camera, rendition), None
    else:
        with open_camera_file(photo) as file:
            info, whole = file.info, file.raw16()
        pair = pair_with(whole, srgb, wanted.bits, info.shown)
        raw16, pixels, fit = pair.raw16, pair.srgb, pair.fit
    height, width, _ = pixels.shape
    named = SampleInfo(photo.name, info.camera, rendition, "camera", height, width, info.digest, info.simulated)
    return Sample(named, raw_tensor(raw16), srgb_tensor(pixels)), fit


def read_srgb(path: Path, rendition: str = "png") -> np.ndarray:
    """sRGB pixels, uint8 (H, W, 3), or uint16 for ``png16``: of an image file, or rendered from a camera file.

    Raises:
        SampleError: the file is missing or unreadable, or no RGB image of that depth.
    """
    bits = parse_rendition(rendition).bits
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return read_srgb_at(path, bits)
    return render(read_camera_file(path, srgb_bits=bits), rendition)


def render(camera: CameraFile, rendition: str) -> np.ndarray:
    """A camera file's sRGB: uint8 (H, W, 3), or uint16 for ``png16``, for which the file was read.

    Raises:
        UsageError: no such rendition, or one that is not made from the camera file.
    """
    wanted = parse_rendition(rendition)
    if wanted.given:
        raise UsageError("rendition given: name the image")
    if wanted.in_camera:
        return develop(camera.raw16, camera.info.xyz_to_balanced, wanted)[0]
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
