"""A photograph and what its raw needs, in one ordinary JPEG: ``rawbench pack``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rawbench.camera import carrier
from rawbench.camera.alignment import Fit, check_sizes, fit_raw
from rawbench.camera.cfa import shifted_cfa
from rawbench.camera.exif import MAKE, MODEL, camera_exif, read_exif
from rawbench.camera.facts import facts_to_bytes
from rawbench.camera.read import open_camera_file
from rawbench.camera.renditions import jpeg_bytes, parse_rendition
from rawbench.camera.tensors import raw_tensor, srgb_tensor
from rawbench.codec import Codec
from rawbench.errors import UsageError, naming
from rawbench.files import read_bytes
from rawbench.photo.contents import write_contents
from rawbench.photo.steps import Report, method_errors
from rawbench.run.coding import encode_stream
from rawbench.run.own_rendition import refuse_own_rendition
from rawbench.run.pairs import check_sample
from rawbench.types import RatePoint, Sample, SampleInfo


@dataclass(frozen=True)
class Photo:
    """A JPEG without metadata of ours, and the sample that is to be packed into it.

    Attributes:
        jpeg: the whole file.
        exif_bytes: what of it rawbench added, because the JPEG was rendered here.
        facts: the camera facts that the JPEG's Exif does not say.
        sample: raw, and the pixels of the JPEG.
        border: rows and columns of the raw that the JPEG does not show.
        fit: how raw and JPEG fit; None where the JPEG was rendered here.
        warning: what is odd about the camera file; empty where nothing is.
    """

    jpeg: bytes
    exif_bytes: int
    facts: bytes
    sample: Sample
    border: tuple[int, int]
    fit: Fit | None = None
    warning: str = ""


@dataclass(frozen=True)
class Packed:
    """A JPEG with metadata inside, and what each part of them costs in bytes."""

    jpeg: bytes
    point: RatePoint
    stream_bytes: int
    facts_bytes: int
    segment_bytes: int
    exif_bytes: int

    @property
    def added_bytes(self) -> int:
        """All that the JPEG carries for the raw's sake."""
        return self.stream_bytes + self.facts_bytes + self.segment_bytes + self.exif_bytes


def read_photo(photo: Path, given: Path | None, rendition: str = "jpeg95", white: int | None = None) -> Photo:
    """A camera file and its JPEG: the one given, or LibRaw's rendition. The camera file is opened once.

    Args:
        photo: a camera file.
        given: the JPEG beside it; at most 40 rows and columns smaller than the raw, which is then cropped.
        rendition: of a JPEG that is made here, ``jpeg10`` to ``jpeg100``.
        white: white level of the camera file, in place of the one that it says.

    Raises:
        SampleError: a file is missing or unreadable, or the two do not show the same picture.
        UsageError: the rendition is no JPEG.
    """
    wanted = parse_rendition(rendition)
    if wanted.quality is None:
        raise UsageError(f"rendition {rendition!r}: the carrier is a JPEG, jpeg10 to jpeg100")
    with open_camera_file(photo, white) as camera:
        info, facts, warning = camera.info, camera.facts(), camera.warning()
        whole, exif = camera.raw16(), b""
        if given is None:
            exif = camera_exif(camera.tiff, camera.shot(), info.iso, info.simulated)
            jpeg = carrier.add_exif(jpeg_bytes(camera.srgb(), wanted.quality, wanted.full_colour), exif)
    raw16, fit = whole, None
    with naming(given or photo):
        if given is not None:
            jpeg = carrier.remove(read_bytes(given))
            check_sizes((whole.shape[0], whole.shape[1]), carrier.upright_size(jpeg), info.shown)
        srgb = carrier.decode_jpeg(jpeg)
        if given is not None:
            raw16, fit = fit_raw(whole, srgb, info.shown)
            facts = replace(facts, cfa=shifted_cfa(facts.cfa, fit.top, fit.left))
    with naming(photo):
        said = read_exif(jpeg)
        kept = facts_to_bytes(facts.without_names() if said.text(MAKE) and said.text(MODEL) else facts)
    height, width, _ = srgb.shape
    border = whole.shape[0] - height, whole.shape[1] - width
    named = SampleInfo(photo.name, info.camera, "given" if given else rendition, "camera", height, width, info.digest,
                       info.simulated, {"xyz_to_camera": list(info.xyz_to_balanced)})  # fmt: skip
    sample = Sample(named, raw_tensor(raw16), srgb_tensor(srgb))
    check_sample(sample)
    return Photo(jpeg, len(exif) + 4 if exif else 0, kept, sample, border, fit, warning)


def pack_photo(
    photo: Photo, codec: type[Codec], options: Any, point: RatePoint, device: str, seed: int, report: Report
) -> Packed:
    """Encode at one rate point and put the stream into the JPEG.

    Raises:
        RawbenchError: whatever the method has to say against the picture.
    """
    refuse_own_rendition(codec, options)
    placed = Sample(photo.sample.info, photo.sample.raw.to(device), photo.sample.srgb.to(device))
    report.step(f"encoding {point.name}")
    with method_errors(codec.name, "encoding"):
        encoded = encode_stream(codec, options, point, placed, device, seed, report.advance)
    return packed_with(photo, point, encoded.stream)


def packed_with(photo: Photo, point: RatePoint, stream: bytes) -> Packed:
    """The photograph's JPEG with a stream inside."""
    srgb = photo.sample.srgb.permute(1, 2, 0).contiguous().numpy()
    blob = write_contents(photo.facts, stream, srgb)
    jpeg = carrier.insert(photo.jpeg, blob)
    segments = len(jpeg) - len(photo.jpeg) - len(blob)
    return Packed(jpeg, point, len(stream), len(blob) - len(stream), segments, photo.exif_bytes)
