"""A codec at work in this process: raw and sRGB into a whole file, and a whole file and sRGB into raw."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from rawbench.codec import Advance, Codec, Context, unwatched
from rawbench.errors import PluginError, StreamError
from rawbench.options import validated
from rawbench.run.device import synchroniser
from rawbench.run.failure import Mismatch
from rawbench.run.precision import full_precision
from rawbench.srgb import bits_of
from rawbench.stream import Header, codec_id, read_stream, write_stream
from rawbench.types import RatePoint, Sample

T = TypeVar("T")


@dataclass(frozen=True)
class Encoded:
    """A whole file, and what its making told.

    Attributes:
        stream: header and payload.
        seconds: of ``encode``.
        setup_seconds: of ``setup``, before it.
        bits_estimated: what the entropy model's likelihoods promise, where the method says it.
        recorded: other figures that the method kept.
    """

    stream: bytes
    seconds: float
    setup_seconds: float
    bits_estimated: float | None
    recorded: Mapping[str, float]


@dataclass(frozen=True)
class Decoded:
    """What a decoder returned (``raw``, not yet looked at), and the seconds of ``decode`` and of ``setup``."""

    raw: Any
    seconds: float
    setup_seconds: float


def encode_stream(
    codec_class: type[Codec],
    options: Any,
    point: RatePoint,
    sample: Sample,
    device: str,
    seed: int,
    advance: Advance = unwatched,
) -> Encoded:
    """Make an encoder, encode, and put the header before the payload; ``advance`` is told how far it is.

    Raises:
        PluginError: encode returned no bytes, or recorded what is no number.
    """
    codec = codec_class(options, point)
    context = Context(device, seed, advance=advance)
    with full_precision():
        _, setup_seconds = timed(device, lambda: codec.setup(context))
        with torch.inference_mode():
            payload, seconds = timed(device, lambda: codec.encode(sample.raw, sample.srgb))
    if not isinstance(payload, bytes):
        raise PluginError(f"encode returned {type(payload).__name__}, not bytes")
    _, height, width = sample.srgb.shape
    header = Header(codec_id(codec.name), codec.format_version, point.index, height, width, bits_of(sample.srgb))
    recorded = _numbers(context.recorded)
    estimated = recorded.pop("bits_estimated", None)
    return Encoded(write_stream(header, payload, sample.srgb), seconds, setup_seconds, estimated, recorded)


def decode_stream(
    codec_class: type[Codec],
    resources: Mapping[str, Any],
    stream: bytes,
    srgb: Tensor,
    device: str,
    advance: Advance = unwatched,
) -> Decoded:
    """Make a fresh decoder and decode a whole file.

    Args:
        codec_class: the method, found by the header's codec id or known.
        resources: values of the method's ``resource_options``; every other option is at its default.
        stream: the file's bytes.
        srgb: uint8 or uint16 (3, H, W) on the device.
        device: ``cpu`` or ``cuda``.
        advance: is told how far it is.

    Raises:
        StreamError: the file is damaged, or not of this method or image.
    """
    header, payload = read_stream(stream, srgb)
    expected = codec_id(codec_class.name)
    if header.codec_id != expected or header.format_version > codec_class.format_version:
        what = "another method" if header.codec_id != expected else f"format version {header.format_version}"
        raise StreamError(f"the stream is of {what}, which {codec_class.name} cannot read")
    options = validated(codec_class.Options, resources)
    codec = codec_class(options, point_of(codec_class, options, header.rate_point))
    with full_precision():
        _, setup_seconds = timed(device, lambda: codec.setup(Context(device, advance=advance)))
        with torch.inference_mode():
            raw, seconds = timed(device, lambda: codec.decode(payload, srgb))
    return Decoded(raw, seconds, setup_seconds)


def point_of(codec_class: type[Codec], options: Any, index: int) -> RatePoint:
    """The rate point of an index.

    Raises:
        StreamError: the method has none of that index.
    """
    listed = {point.index: point for point in codec_class.rate_points(options)}
    if index not in listed and not codec_class.any_rate_point:
        raise StreamError(f"the stream is of rate point {index}, which {codec_class.name} does not have")
    return listed.get(index, RatePoint(index, f"#{index}"))


def plain_raw(decoded: Any, srgb: Tensor) -> Tensor:
    """What a decoder returned, as a plain tensor that can tell nothing but its values.

    Args:
        decoded: whatever ``decode`` returned.
        srgb: (3, H, W) on the device that raw must be on.

    Raises:
        Mismatch: wrong type, shape, dtype or device.
    """
    if not isinstance(decoded, Tensor):
        raise Mismatch(f"decode returned {type(decoded).__name__}, not a tensor")
    with torch._C.DisableTorchFunctionSubclass():
        raw = torch.Tensor.as_subclass(torch.Tensor.detach(decoded), Tensor)
    if type(raw) is not Tensor:
        raise Mismatch(f"decode returned {type(decoded).__name__}, which is no plain tensor")
    if raw.shape != srgb.shape or raw.dtype != torch.float32:
        raise Mismatch(f"decode returned {raw.dtype} {tuple(raw.shape)}, not float32 {tuple(srgb.shape)}")
    if raw.device != srgb.device:
        raise Mismatch(f"decode returned a tensor on {raw.device}, not on {srgb.device}")
    return raw


def timed(device: str, call: Callable[[], T]) -> tuple[T, float]:
    """What a call returns, and its seconds, with the device idle before and after."""
    synchronise = synchroniser(device)
    synchronise()
    started = time.perf_counter()
    result = call()
    synchronise()
    return result, time.perf_counter() - started


def _numbers(recorded: Mapping[Any, Any]) -> dict[str, float]:
    """What a method recorded; it had the dictionary in its hands."""
    found = {}
    for name, value in recorded.items():
        if not isinstance(name, str) or not isinstance(value, int | float):
            raise PluginError(f"encode recorded {name!r:.40} = {value!r:.40}, which is no name with a number")
        found[name] = float(value) if math.isfinite(value) else math.nan
    if found.get("bits_estimated", 0.0) < 0:
        raise PluginError(f"encode recorded bits_estimated = {found['bits_estimated']:g}, less than nothing")
    return found
