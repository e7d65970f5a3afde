"""``rawbench.encode`` and ``rawbench.decode``: a method at work on arrays in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rawbench.errors import StreamError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rawbench.codec import Codec
    from rawbench.registry import Registry
    from rawbench.stream import Header
    from rawbench.types import RatePoint


def encode(
    method: str,
    raw: np.ndarray | Tensor,
    srgb: np.ndarray | Tensor,
    rate_point: str | int | None = None,
    *,
    device: str = "cpu",
    seed: int = 0,
    plugins: Iterable[str] = (),
) -> bytes:
    """Write what brings a raw back from its sRGB: the bytes of a whole ``.rbs`` file.

    Args:
        method: ``NAME:option=value``.
        raw: float32 (3, H, W) in [0, 1], linear camera RGB.
        srgb: uint8 or uint16 (3, H, W).
        rate_point: number from 0 (fewest bytes), or name; a method with one needs none.
        device: ``cpu`` or ``cuda``.
        seed: for methods that draw random numbers.
        plugins: files or modules to load beside the installed plugins.

    Raises:
        UsageError: unknown method, option or rate point, or an sRGB of a depth that the method does not take.
        SampleError: the arrays are no pair of raw and sRGB.
    """
    from rawbench.options import build_options, parse_spec
    from rawbench.plugins import load_plugins
    from rawbench.run.cell import check_depth, check_sample
    from rawbench.run.coding import encode_stream
    from rawbench.run.own_rendition import refuse_own_rendition
    from rawbench.types import Sample, SampleInfo

    name, given = parse_spec(method)
    codec = load_plugins(plugins).methods.load(name)
    options = build_options(codec.Options, given, f"method {name}")
    refuse_own_rendition(codec, options)
    point = choose_point(codec, options, None if rate_point is None else str(rate_point))
    pixels, colours = _tensor(raw, device), _tensor(srgb, device)
    height, width = tuple(pixels.shape[-2:]) if pixels.ndim >= 2 else (0, 0)
    sample = Sample(SampleInfo("in memory", "", "png", "camera", height, width, ""), pixels, colours)
    check_sample(sample)
    check_depth(codec, options, sample.srgb)
    return encode_stream(codec, options, point, sample, device, seed).stream


def decode(
    stream: bytes,
    srgb: np.ndarray | Tensor,
    *,
    device: str = "cpu",
    plugins: Iterable[str] = (),
    **resources: Any,
) -> np.ndarray:
    """Rebuild a raw from the bytes of an ``.rbs`` file and the sRGB, and nothing else.

    Args:
        stream: what ``encode`` returned, or the content of a file.
        srgb: uint8 or uint16 (3, H, W), as the encoder had it.
        device: ``cpu`` or ``cuda``.
        plugins: files or modules to load beside the installed plugins.
        resources: the method's ``resource_options``, for example ``weights="w.safetensors"``.

    Returns:
        raw: float32 (3, H, W) in [0, 1].

    Raises:
        StreamError: the stream is damaged, of another image, or of a method that is not installed.
        UsageError: an option that the decoder does not take.
    """
    from rawbench.options import build_options
    from rawbench.plugins import load_plugins
    from rawbench.run.coding import decode_stream, plain_raw
    from rawbench.stream import read_stream

    colours = _tensor(srgb, device)
    codec = method_of(read_stream(stream, colours)[0], load_plugins(plugins).methods)
    for name in resources:
        if name not in codec.resource_options:
            known = ", ".join(codec.resource_options) or "none"
            raise UsageError(f"the decoder of {codec.name} has no option {name!r} (known: {known})")
    options = build_options(codec.Options, resources, f"method {codec.name}").model_dump()
    values = {name: options[name] for name in codec.resource_options}
    decoded = decode_stream(codec, values, stream, colours, device)
    return plain_raw(decoded.raw, colours).cpu().numpy()


def choose_point(codec: type[Codec], options: Any, wanted: str | None) -> RatePoint:
    """The rate point that the user named; a method with one needs no name.

    Raises:
        UsageError: none of that name; the line lists them.
    """
    points = codec.rate_points(options)
    listed = ", ".join(f"{i} ({point.name})" for i, point in enumerate(points))
    if wanted is None and len(points) == 1:
        return points[0]
    for number, point in enumerate(points):
        if wanted in (point.name, str(number)):
            return point
    what = f"no rate point {wanted!r}" if wanted else "a rate point (--rate-point) is needed"
    raise UsageError(f"method {codec.name}: {what}; there are {listed}")


def method_of(header: Header, methods: Registry) -> type[Codec]:
    """The method that a stream's header asks for.

    Raises:
        StreamError: it is not installed.
    """
    name = methods.by_codec_id(header.codec_id)
    if name is None:
        raise StreamError(
            f"the stream is of a method (id {header.codec_id:04x}) that is not installed here "
            f"(there are {', '.join(methods.names())})"
        )
    return methods.load(name)


def _tensor(values: np.ndarray | Tensor, device: str) -> Tensor:
    import torch

    if isinstance(values, torch.Tensor):
        return values.to(device)
    import numpy as np

    return torch.from_numpy(np.ascontiguousarray(values)).to(device)
