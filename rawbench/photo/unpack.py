"""A packed JPEG's raw, rebuilt: ``rawbench unpack``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rawbench.camera.cfa import SIMULATED_SOFTWARE
from rawbench.camera.exif import SOFTWARE as SOFTWARE_TAG
from rawbench.camera.exif import read_exif
from rawbench.camera.linear_dng import SOFTWARE, Rebuilt, write_cfa_again, write_linear_dng
from rawbench.camera.tensors import srgb_tensor
from rawbench.codec import Codec
from rawbench.errors import StreamError, UsageError
from rawbench.photo.contents import Contents, Seen
from rawbench.photo.pictures import check_folder, write_raw
from rawbench.photo.steps import Report, method_errors
from rawbench.run.coding import decode_stream, plain_raw
from rawbench.stream import read_stream, write_stream

OUTPUT_SUFFIXES = (".dng", ".tif", ".tiff", ".npy")


def unpack_photo(
    contents: Contents,
    seen: Seen,
    codec: type[Codec],
    resources: Mapping[str, Any],
    device: str,
    report: Report,
    force: bool = False,
) -> torch.Tensor:
    """Rebuild the raw of a packed JPEG.

    Args:
        contents: what it holds.
        seen: its pixels.
        codec: the method of its stream.
        resources: values of the method's ``resource_options``.
        device: ``cpu`` or ``cuda``.
        report: is told how far it is.
        force: decode from changed pixels too, as well as that goes.

    Returns:
        raw on the CPU, float32 (3, H, W) in [0, 1].

    Raises:
        StreamError: the pixels are not those that were packed, or the stream makes no sense.
    """
    if seen.changed and not force:
        raise StreamError("the JPEG's pixels were changed since they were packed; --force decodes it all the same")
    srgb = srgb_tensor(seen.srgb)
    stream = contents.stream
    if seen.changed:
        header, payload = read_stream(stream)
        stream = write_stream(header, payload, srgb)
    report.step(f"decoding {codec.name}")
    placed = srgb.to(device)
    with method_errors(codec.name, "decoding"):
        raw = plain_raw(decode_stream(codec, resources, stream, placed, device, report.advance).raw, placed)
    if not torch.isfinite(raw).all():
        raise StreamError(f"method {codec.name} decoded NaN or infinite values")
    with torch.inference_mode():
        return raw.cpu().contiguous().clamp_(0, 1)


def check_unpacked_output(path: Path, cfa: bool) -> None:
    """Refuse an output name before the work is done, not after.

    Raises:
        UsageError: the suffix is none of ``OUTPUT_SUFFIXES``, or ``cfa`` without ``.dng``, or no such folder.
    """
    if path.suffix.lower() not in OUTPUT_SUFFIXES:
        raise UsageError(f"{path}: the output is {', '.join(OUTPUT_SUFFIXES)} by its suffix")
    if cfa and path.suffix.lower() != ".dng":
        raise UsageError(f"{path}: --cfa writes a .dng")
    check_folder(path)


def write_unpacked(
    path: Path, raw: torch.Tensor, contents: Contents, jpeg: bytes, orientation: int = 1, cfa: bool = False
) -> None:
    """Write a rebuilt raw by its suffix; a DNG with the camera facts and the JPEG's Exif.

    Args:
        path: the output.
        raw: float32 (3, H, W) in [0, 1].
        contents: of the packed JPEG.
        jpeg: the packed JPEG.
        orientation: by which a viewer is to turn the DNG.
        cfa: one colour a pixel.

    Raises:
        UsageError: another suffix.
        RawbenchError: the file cannot be written.
    """
    check_unpacked_output(path, cfa)
    if path.suffix.lower() != ".dng":
        write_raw(path, raw)
        return
    exif = read_exif(jpeg)
    # What was simulated stays simulated.
    software = SIMULATED_SOFTWARE if exif.text(SOFTWARE_TAG) == SIMULATED_SOFTWARE else SOFTWARE
    rebuilt = Rebuilt(raw.numpy(), contents.facts, exif, software, orientation)
    (write_cfa_again if cfa else write_linear_dng)(path, rebuilt)
