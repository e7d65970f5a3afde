"""A photograph and what its raw needs, in one ordinary JPEG: ``rawbench pack`` and ``unpack``.

Inside the JPEG's segments (``rawbench.camera.carrier``): the camera facts behind a varint of their length
(``rawbench.camera.facts``), then the stream (``rawbench.stream``), which carries the checksum of the sRGB pixels.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from rawbench.camera import carrier
from rawbench.camera.alignment import LEAST_CORRELATION, correlation, fit_raw
from rawbench.camera.cfa import SIMULATED_SOFTWARE
from rawbench.camera.exif import camera_exif, exif_bytes, read_exif
from rawbench.camera.facts import CameraFacts, facts_from_bytes, facts_to_bytes, read_facts
from rawbench.camera.linear_dng import SOFTWARE, Rebuilt, write_cfa_again, write_linear_dng
from rawbench.camera.read import read_camera_file
from rawbench.camera.renditions import jpeg_bytes, parse_rendition
from rawbench.camera.tensors import raw_tensor, srgb_tensor
from rawbench.codec import Codec
from rawbench.errors import SampleError, StreamError, UsageError
from rawbench.files import read_bytes
from rawbench.photo.pictures import check_folder, write_raw
from rawbench.run.coding import decode_stream, encode_stream
from rawbench.run.own_rendition import refuse_own_rendition
from rawbench.run.pairs import check_sample
from rawbench.stream import Header, read_stream, write_stream
from rawbench.types import RatePoint, Sample, SampleInfo
from rawbench.varint import read_varint, write_varint

OUTPUT_SUFFIXES = (".dng", ".tif", ".tiff", ".npy")
_NAMES = (271, 272)
_BLOCK, _FEW_BLOCKS = 256, 8  # side and number of the blocks that stand for a large image
_FAR_ABOVE = 1.5  # times the room: what blocks estimate is not that wrong


class Report(Protocol):
    """Who is told what is being done, and how far it is."""

    def step(self, text: str) -> None:
        """Something else is being done."""

    def advance(self, done: int, total: int) -> None:
        """So much of it is done."""


@dataclass(frozen=True)
class Photo:
    """A JPEG without metadata of ours, and the sample that is to be packed into it.

    Attributes:
        jpeg: the whole file.
        exif_bytes: what of it rawbench added, because the JPEG was rendered here.
        facts: the camera facts that the JPEG's Exif does not say.
        sample: raw, and the pixels of the JPEG.
        border: rows and columns of the raw that the JPEG does not show.
    """

    jpeg: bytes
    exif_bytes: int
    facts: bytes
    sample: Sample
    border: tuple[int, int]


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


@dataclass(frozen=True)
class Contents:
    """What a packed JPEG holds, not decoded."""

    facts: CameraFacts
    stream: bytes
    header: Header
    facts_bytes: int
    segment_bytes: int


def read_photo(photo: Path, given: Path | None, rendition: str = "jpeg95") -> Photo:
    """A camera file and its JPEG: the one given, or LibRaw's rendition.

    Args:
        photo: a camera file.
        given: the JPEG beside it; at most 40 rows and columns smaller than the raw, which is then cropped.
        rendition: of a JPEG that is made here, ``jpeg10`` to ``jpeg100``.

    Raises:
        SampleError: a file is missing or unreadable, or the two do not show the same picture.
        UsageError: the rendition is no JPEG.
    """
    wanted = parse_rendition(rendition)
    if wanted.quality is None:
        raise UsageError(f"rendition {rendition!r}: the carrier is a JPEG, jpeg10 to jpeg100")
    camera = read_camera_file(photo)
    facts = read_facts(photo)
    exif = b""
    if given is None:
        exif = exif_bytes(camera_exif(photo, camera.info))
        jpeg = carrier.add_exif(jpeg_bytes(camera.srgb8, wanted.quality, wanted.full_colour), exif)
    with _naming(given or photo):
        if given is not None:
            jpeg = carrier.remove(read_bytes(given))
        srgb = carrier.decode_jpeg(jpeg)
        raw16 = fit_raw(camera.raw16, (srgb.shape[0], srgb.shape[1]))
        _check_same_picture(raw16, srgb)
        named = all(tag in read_exif(jpeg)[0] for tag in _NAMES)
    height, width, _ = srgb.shape
    info = SampleInfo(photo.name, camera.info.camera, "given" if given else rendition, "camera", height, width,
                      camera.info.digest, camera.info.simulated)  # fmt: skip
    sample = Sample(info, raw_tensor(raw16), srgb_tensor(srgb))
    check_sample(sample)
    border = camera.raw16.shape[0] - height, camera.raw16.shape[1] - width
    kept = facts_to_bytes(facts.without_names() if named else facts)
    return Photo(jpeg, len(exif) + 4 if exif else 0, kept, sample, border)


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
    stream = encode_stream(codec, options, point, placed, device, seed, report.advance).stream
    blob = write_varint(len(photo.facts)) + photo.facts + stream
    jpeg = carrier.insert(photo.jpeg, blob)
    segments = len(jpeg) - len(photo.jpeg) - len(blob)
    return Packed(jpeg, point, len(stream), len(blob) - len(stream), segments, photo.exif_bytes)


def pack_within(
    photo: Photo, codec: type[Codec], options: Any, max_bytes: int, device: str, seed: int, report: Report
) -> Packed:
    """Encode at the last rate point whose metadata fit, all told, into a number of bytes.

    Rate points are ordered by their bytes, so that a few of them are tried. Of a large image, blocks are encoded at all
    of them first: they say where to begin, and a point that they put far above the limit is not tried.

    Raises:
        UsageError: not even the first fits.
    """
    points = codec.rate_points(options)
    shares = _shares(photo, codec, options, points, device, seed, report)
    room = max_bytes - photo.exif_bytes - carrier.carried_bytes(1 + len(photo.facts))  # for the stream, in one segment
    best, low, high = None, -1, len(points)
    while high - low > 1:
        number = (low + high) // 2
        if shares is not None:
            number = min(max(bisect_right(shares, room) - 1, low + 1), high - 1)
            if best is not None and shares[low + 1] > _FAR_ABOVE * room:
                break
        packed = pack_photo(photo, codec, options, points[number], device, seed, report)
        if packed.added_bytes <= max_bytes:
            best, low = packed, number
        else:
            high, smallest = number, packed.added_bytes
        if shares is not None:
            shares = [share * packed.stream_bytes / shares[number] for share in shares]
    if best is None:
        raise UsageError(f"method {codec.name}: {points[0].name} takes {smallest} bytes, more than {max_bytes}")
    return best


def _shares(
    photo: Photo, codec: type[Codec], options: Any, points: list[RatePoint], device: str, seed: int, report: Report
) -> list[float] | None:
    """About how many bytes the stream takes at each rate point, never falling; None for a small image."""
    refuse_own_rendition(codec, options)
    _, height, width = photo.sample.srgb.shape
    pixels = height * width
    if len(points) == 1 or min(height, width) < _BLOCK or pixels < _FEW_BLOCKS * _BLOCK**2 * len(points):
        return None
    raw, srgb = (_blocks(image).to(device) for image in (photo.sample.raw, photo.sample.srgb))
    sample, factor = Sample(photo.sample.info, raw, srgb), pixels / srgb[0].numel()
    report.step("encoding parts to estimate the bytes")
    found = []
    for number, point in enumerate(points):
        report.advance(number, len(points))
        found.append(factor * len(encode_stream(codec, options, point, sample, device, seed).stream))
    return list(accumulate(found, max))


def _blocks(image: torch.Tensor) -> torch.Tensor:
    """Square blocks along the diagonals of an image (C, H, W), one below the other."""
    height, width = image.shape[1:]
    side, half = _BLOCK, _FEW_BLOCKS // 2
    lefts = [number * (width - side) // (half - 1) for number in range(half)]
    tops = [number * (height - side) // (half - 1) for number in range(half)]
    places = [*zip(tops, lefts, strict=True), *zip(tops, reversed(lefts), strict=True)]
    return torch.cat([image[:, top : top + side, left : left + side] for top, left in places], 1)


def read_contents(jpeg: bytes) -> Contents:
    """What a packed JPEG holds.

    Raises:
        SampleError: not a JPEG.
        StreamError: it holds nothing of rawbench, or that is damaged.
    """
    blob = carrier.extract(jpeg)
    if blob is None:
        raise StreamError("holds no rawbench metadata (editors drop them when they save a JPEG anew)")
    length, start = read_varint(blob, 0)
    facts = facts_from_bytes(blob[start : start + length])
    stream = blob[start + length :]
    header, _ = read_stream(stream)
    names = read_exif(jpeg)[0]
    make, model = (str(names.get(tag, "")).strip(" \0") for tag in _NAMES)
    facts = replace(facts, make=facts.make or make, model=facts.model or model)
    return Contents(facts, stream, header, start + length, carrier.carried_bytes(len(blob)) - len(blob))


def accept_changed_pixels(stream: bytes, srgb: torch.Tensor) -> tuple[bytes, bool]:
    """The stream as if it had been written for these pixels, and whether it was not.

    Raises:
        StreamError: the size or the depth is another.
    """
    header, payload = read_stream(stream)
    if (*srgb.shape[1:], 8) != (header.height, header.width, header.srgb_bits):
        read_stream(stream, srgb)
    again = write_stream(header, payload, srgb)
    return again, again != stream


def unpack_photo(
    jpeg: bytes,
    contents: Contents,
    codec: type[Codec],
    resources: Mapping[str, Any],
    device: str,
    force: bool,
    report: Report,
) -> tuple[torch.Tensor, bool]:
    """Rebuild the raw of a packed JPEG.

    Args:
        jpeg: the file.
        contents: what it holds.
        codec: the method of its stream.
        resources: values of the method's ``resource_options``.
        device: ``cpu`` or ``cuda``.
        force: decode from changed pixels too, as well as that goes.
        report: is told how far it is.

    Returns:
        raw on the CPU, float32 (3, H, W), and whether the pixels were changed.

    Raises:
        StreamError: the pixels are not those that the stream was written for.
    """
    srgb = srgb_tensor(carrier.decode_jpeg(jpeg))
    stream, changed = accept_changed_pixels(contents.stream, srgb) if force else (contents.stream, False)
    report.step(f"decoding {codec.name}")
    try:
        raw = decode_stream(codec, resources, stream, srgb.to(device), device, report.advance).raw
    except StreamError as error:
        if not force and "sRGB" in str(error):
            raise StreamError(f"{error}; --force decodes it all the same") from None
        raise
    with torch.inference_mode():
        return raw.cpu().contiguous().clamp_(0, 1), changed


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


def write_unpacked(path: Path, raw: torch.Tensor, facts: CameraFacts, jpeg: bytes, cfa: bool = False) -> None:
    """Write a rebuilt raw by its suffix; a DNG with the camera facts and the JPEG's Exif.

    Raises:
        UsageError: another suffix.
        RawbenchError: the file cannot be written.
    """
    check_unpacked_output(path, cfa)
    if path.suffix.lower() != ".dng":
        write_raw(path, raw)
        return
    image_tags, exif_tags = read_exif(jpeg)
    # What was simulated stays simulated.
    software = SIMULATED_SOFTWARE if image_tags.get(305) == SIMULATED_SOFTWARE else SOFTWARE
    rebuilt = Rebuilt(raw.numpy(), facts, image_tags, exif_tags, software)
    (write_cfa_again if cfa else write_linear_dng)(path, rebuilt)


def _check_same_picture(raw16: np.ndarray, srgb: np.ndarray) -> None:
    found = correlation(raw16, srgb)
    if found < LEAST_CORRELATION:
        raise SampleError(f"does not show the same picture as the raw (their correlation is {found:.2f})")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Puts the file's name before what is wrong with it."""
    try:
        yield
    except SampleError as error:
        raise SampleError(f"{path}: {error}") from None
