"""What an image must be, and what a method takes, before anything is measured."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from rawbench.codec import Codec
from rawbench.errors import SampleError
from rawbench.run.failure import Skipped
from rawbench.srgb import bits_of
from rawbench.types import Sample


def check_sample(sample: Sample) -> None:
    """Refuse an image that no method could be measured on.

    Raises:
        SampleError: names the image and what is wrong.
    """
    raw, srgb, where = sample.raw, sample.srgb, f"image {sample.info.id}"
    if raw.ndim != 3 or raw.shape[0] != 3 or raw.dtype != torch.float32:
        raise SampleError(f"{where}: raw is {raw.dtype} {tuple(raw.shape)}, not float32 (3, H, W)")
    if srgb.dtype not in (torch.uint8, torch.uint16) or srgb.shape != raw.shape:
        raise SampleError(f"{where}: sRGB is {srgb.dtype} {tuple(srgb.shape)}, raw is {tuple(raw.shape)}: not a pair")
    low, high = (value.item() for value in torch.aminmax(raw))  # NaN where there is one
    if not math.isfinite(low + high):
        raise SampleError(f"{where}: raw holds NaN or infinite values")
    if low < 0 or high > 1:
        raise SampleError(f"{where}: raw spans {low:.4g} to {high:.4g}, outside [0, 1]")


def check_depth(codec_class: type[Codec], options: Any, srgb: Tensor) -> None:
    """Refuse an sRGB of more bits than the method takes with these options.

    Raises:
        Skipped: names the method and both depths.
    """
    capabilities = codec_class.capabilities_of(options)
    depth, taken = bits_of(srgb), capabilities.srgb_bits
    if capabilities.renders_its_own_srgb and depth != 8:
        raise Skipped(f"{codec_class.name} renders its own sRGB, of 8 bits; the image's has {depth}")
    if depth not in taken:
        raise Skipped(f"{codec_class.name} takes an sRGB of {' or '.join(map(str, taken))} bits; this one has {depth}")
