"""Methods on a rendition of their own: the encoder renders the sRGB, a carrier holds it, the decoder sees its pixels.

The protocol differs from everybody else's in one thing: the dataset's sRGB is not used. A method asks for it with the
capability ``renders_its_own_srgb``; its label and capabilities in the rows say so. The carrier is what the dataset's
rendition has: a PNG file where that is not compressed, otherwise a JPEG of the same quality, so that both see their own
sRGB through the same losses (``rendition=jpeg90`` is the setting of InvISP, CVPR 2021). It lies beside the stream, as
``CELL.png`` or ``CELL.jpg``. It takes the place of the image that the photographer keeps anyway, so its bytes are no
rate: they are recorded as ``carrier_bytes``.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rawbench.camera.renditions import jpeg_bytes, parse_rendition
from rawbench.codec import Codec
from rawbench.errors import PluginError, UsageError
from rawbench.run.precision import full_precision
from rawbench.types import Sample

PNG = b"\x89PNG"


def carrier_path(stream: Path, carrier: bytes) -> Path:
    """Where the carrier of a stream belongs."""
    return stream.with_suffix(".png" if carrier.startswith(PNG) else ".jpg")


def rendered(codec: Codec, raw: Tensor, rendition: str) -> bytes:
    """Let a method render and put the result into an image file.

    Args:
        codec: after ``setup``.
        raw: float32 (3, H, W) on its device.
        rendition: name of the dataset's, which says how the image is carried.

    Raises:
        PluginError: ``render`` returned no uint8 (3, H, W).
    """
    with torch.inference_mode(), full_precision():
        srgb: Any = codec.render(raw)
    if not isinstance(srgb, Tensor) or srgb.dtype != torch.uint8 or srgb.shape != raw.shape:
        found = f"{srgb.dtype} {tuple(srgb.shape)}" if isinstance(srgb, Tensor) else type(srgb).__name__
        raise PluginError(f"render returned {found}, not uint8 {tuple(raw.shape)}")
    pixels = srgb.permute(1, 2, 0).cpu().numpy()
    carried = parse_rendition(rendition)
    if carried.quality is not None:
        return jpeg_bytes(pixels, carried.quality, carried.full_colour)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return buffer.getvalue()


def on_carrier(sample: Sample, carrier: bytes) -> Sample:
    """The sample with the pixels of an image file in place of the dataset's sRGB."""
    with Image.open(io.BytesIO(carrier)) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()
    return replace(sample, srgb=pixels.to(sample.srgb.device))


def sample_of_stream(sample: Sample, stream: Path) -> Sample:
    """The sample that a stream was made of: with the method's own rendition where one lies beside it."""
    for path in (stream.with_suffix(".png"), stream.with_suffix(".jpg")):
        if path.exists():
            return on_carrier(sample, path.read_bytes())
    return sample


def refuse_own_rendition(codec: type[Codec], options: Any) -> None:
    """Refuse what needs a given sRGB.

    Raises:
        UsageError: with these options the method renders its own.
    """
    if codec.capabilities_of(options).renders_its_own_srgb:
        raise UsageError(f"method {codec.name} renders its own sRGB with these options; only a run can measure that")
