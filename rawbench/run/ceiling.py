"""The ceiling of an image: what its sRGB alone can say of the raw.

No method, but a figure of each image: the error of the best mapping from the 8-bit sRGB triple to raw, which gives
each triple the mean of raw where it occurs. Whatever maps the triple alone, known to the decoder or stored with any
number of bits, is at most as near; to get further, a payload must say something of places. A triple that occurs once
is mapped without error, so that small and noisy images have a higher ceiling than any smooth mapping will reach.

An sRGB of 16 bits has none: nearly every triple is of one pixel alone there, and the bound would say nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rawbench.metrics.pixelwise import psnr_of


def ceiling_psnr(raw: Tensor, srgb: Tensor) -> float:
    """PSNR in dB at peak 1 of the conditional mean of raw given the sRGB triple; infinite where that is exact.

    Computed on the CPU in float64, in a fixed order. Needs some 40 bytes a pixel.

    Args:
        raw: float32 (3, H, W) in [0, 1].
        srgb: uint8 (3, H, W).

    Raises:
        ValueError: the sRGB has another depth.
    """
    if srgb.dtype != torch.uint8:
        raise ValueError(f"a ceiling is of an sRGB of 8 bits, not of {srgb.dtype}")
    red, green, blue = srgb.cpu().reshape(3, -1).int()
    triples, index = torch.unique(red << 16 | green << 8 | blue, return_inverse=True)
    counts = torch.bincount(index, minlength=len(triples))
    error = 0.0
    for channel in raw.cpu().reshape(3, -1):
        channel = channel.double()
        means = torch.bincount(index, channel, minlength=len(triples)) / counts
        error += float((channel - means[index]).square().sum())
    return psnr_of(error / raw.numel())
