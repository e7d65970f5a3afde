"""What was packed, read back before anybody is told that it is done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from rawbench.camera import carrier
from rawbench.codec import Codec
from rawbench.errors import RawbenchError, SampleError, StreamError
from rawbench.metrics.pixelwise import Psnr
from rawbench.metrics.rendered import PsnrBrighter, PsnrDarker
from rawbench.photo.contents import Contents, Seen, look, read_contents
from rawbench.photo.pack import Packed, Photo
from rawbench.photo.steps import Report
from rawbench.photo.unpack import unpack_photo

VERIFIED_PIXELS = 30_000_000  # photographs up to this size are decoded again unless the user says otherwise


@dataclass(frozen=True)
class Quality:
    """What comes back of a raw, in decibels.

    PSNR of the raw, and of both rendered two stops brighter and darker (NaN where the camera's colours are not known).
    """

    psnr: float
    brighter: float
    darker: float

    def __str__(self) -> str:
        if math.isinf(self.psnr):
            return "the raw comes back exactly"
        edits = f" (edited by +2 EV {self.brighter:.2f}, by -2 EV {self.darker:.2f})"
        return f"the raw comes back with PSNR {self.psnr:.2f} dB{'' if math.isnan(self.brighter) else edits}"


def read_back(packed: Packed, photo: Photo) -> tuple[Contents, Seen]:
    """Read a packed JPEG as ``unpack`` will: facts, stream, segments and pixels.

    Raises:
        RawbenchError: it is not what was packed; it must not be written.
    """
    try:
        contents = read_contents(packed.jpeg)
        seen = look(packed.jpeg, contents)
        whole = carrier.remove(packed.jpeg) == photo.jpeg
    except (SampleError, StreamError) as error:
        raise RawbenchError(f"the packed JPEG cannot be read back: {error}") from None
    if seen.changed or seen.orientation != 1 or contents.kept_facts != photo.facts or not whole:
        raise RawbenchError("the packed JPEG, read back, is not what was packed")
    return contents, seen


def verify(
    packed: Packed, photo: Photo, codec: type[Codec], resources: Mapping[str, Any], device: str, report: Report
) -> Quality:
    """Rebuild the raw of a packed JPEG and hold it against the camera's.

    Raises:
        RawbenchError: it cannot be rebuilt.
    """
    contents, seen = read_back(packed, photo)
    raw = unpack_photo(contents, seen, codec, resources, device, report)
    report.step("comparing")
    sample = photo.sample
    with torch.inference_mode():
        found = [float(metric().compute(sample.raw, raw, sample)) for metric in (Psnr, PsnrBrighter, PsnrDarker)]
    return Quality(*found)
