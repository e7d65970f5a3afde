"""Methods on a rendition of their own: the encoder renders the sRGB, a JPEG carries it, the decoder sees its pixels.

The protocol differs from everybody else's in one thing: the dataset's sRGB is not used. A method asks for it with the
capability ``renders_its_own_srgb``; its label and capabilities in the rows say so. The JPEG lies beside the stream, as
``CELL.jpg``. It takes the place of the JPEG that the photographer keeps anyway, so its bytes are no rate: they are
recorded as ``carrier_bytes``. Quality is 90, as InvISP (CVPR 2021) has it; colour is at half size, as in the datasets'
``jpeg90``.
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

from rawbench.camera.renditions import jpeg_bytes
from rawbench.codec import Codec
from rawbench.errors import PluginError, UsageError
from rawbench.types import OWN_RENDITION_QUALITY, Sample


def carrier_path(stream: Path) -> Path:
    """Where the JPEG of a stream lies, if its method renders its own sRGB."""
    return stream.with_suffix(".jpg")


def rendered(codec: Codec, raw: Tensor) -> bytes:
    """Let a method render and put the result into a JPEG file.

    Args:
        codec: after ``setup``.
        raw: float32 (3, H, W) on its device.

    Raises:
        PluginError: ``render`` returned no uint8 (3, H, W).
    """
    with torch.inference_mode():
        srgb: Any = codec.render(raw)
    if not isinstance(srgb, Tensor) or srgb.dtype != torch.uint8 or srgb.shape != raw.shape:
        found = f"{srgb.dtype} {tuple(srgb.shape)}" if isinstance(srgb, Tensor) else type(srgb).__name__
        raise PluginError(f"render returned {found}, not uint8 {tuple(raw.shape)}")
    return jpeg_bytes(srgb.permute(1, 2, 0).cpu().numpy(), OWN_RENDITION_QUALITY)


def on_carrier(sample: Sample, jpeg: bytes) -> Sample:
    """The sample with the pixels of a JPEG file in place of the dataset's sRGB."""
    with Image.open(io.BytesIO(jpeg)) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()
    return replace(sample, srgb=pixels.to(sample.srgb.device))


def sample_of_stream(sample: Sample, stream: Path) -> Sample:
    """The sample that a stream was made of: with the method's own rendition where one lies beside it."""
    path = carrier_path(stream)
    return on_carrier(sample, path.read_bytes()) if path.exists() else sample


def refuse_own_rendition(codec: type[Codec], options: Any) -> None:
    """Refuse what needs a given sRGB.

    Raises:
        UsageError: with these options the method renders its own.
    """
    if codec.capabilities_of(options).renders_its_own_srgb:
        raise UsageError(f"method {codec.name} renders its own sRGB with these options; only a run can measure that")
