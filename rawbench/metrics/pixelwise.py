"""Metrics of pixel differences in linear raw."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rawbench.metric import Metric
from rawbench.metrics.strips import strips
from rawbench.srgb import full_scale
from rawbench.types import Sample

if TYPE_CHECKING:
    from torch import Tensor

# Below this, relative error is absolute: R2LCM's examples/test.py.
RELATIVE_FLOOR = 1e-3
FULL_SCALE_16 = 65535.0


def mean_squared_error(reference: Tensor, decoded: Tensor) -> float:
    """Mean over channels and pixels of the squared difference."""
    total = sum((a - b).square().sum() for a, b in strips(reference, decoded))
    return float(total) / reference.numel()


def psnr_of(mse: float) -> float:
    """PSNR in dB at peak 1; infinite where the error is nought, NaN where it is not defined."""
    return math.inf if mse == 0 else -10 * math.log10(mse)


def mean_squared_error_16(reference: Tensor, decoded: Tensor) -> float:
    """The same on values rounded to 16-bit codes, as 16-bit files would hold them; at peak 1."""
    total = sum(
        ((a * FULL_SCALE_16).round() - (b * FULL_SCALE_16).round()).square().sum()
        for a, b in strips(reference, decoded)
    )
    return float(total) / reference.numel() / FULL_SCALE_16**2


def mean_absolute_error(reference: Tensor, decoded: Tensor) -> float:
    """Mean over channels and pixels of the absolute difference."""
    return float(sum((a - b).abs().sum() for a, b in strips(reference, decoded))) / reference.numel()


def relative_error(reference: Tensor, decoded: Tensor) -> float:
    """Mean of ``|a - b| / max((a + b) / 2, 0.001)`` (R2LCM, ``examples/test.py``)."""
    total = sum(((a - b).abs() / ((a + b) / 2).clamp(min=RELATIVE_FLOOR)).sum() for a, b in strips(reference, decoded))
    return float(total) / reference.numel()


def mean_squared_error_where_clipped(reference: Tensor, decoded: Tensor, srgb: Tensor) -> float:
    """Mean squared error over the pixels whose sRGB is at full scale in any channel; NaN where there are none.

    Args:
        reference: float32 (3, H, W).
        decoded: float32 (3, H, W).
        srgb: uint8 or uint16 (3, H, W).
    """
    squared, pixels = [], []
    for a, b, shown in strips(reference, decoded, srgb):
        clipped = (shown == full_scale(srgb)).any(dim=0)
        squared.append(((a - b).square() * clipped).sum())
        pixels.append(clipped.sum())
    count = int(sum(pixels))
    return float(sum(squared)) / (3 * count) if count else math.nan


class Psnr(Metric):
    """PSNR of linear raw at peak 1: the primary figure. Infinite for an exact image."""

    name = "psnr"
    unit = "dB"
    summary = "PSNR of linear raw, peak 1, output clipped; mean of per-image values"

    def compute(self, reference: Tensor, decoded: Tensor, sample: Sample) -> float:
        return psnr_of(mean_squared_error(reference, decoded))


class Psnr16(Metric):
    """PSNR of linear raw after both were rounded to 16 bits: infinite where the 16-bit files are equal."""

    name = "psnr16"
    unit = "dB"
    summary = "PSNR of linear raw, both rounded to 16 bits"

    def compute(self, reference: Tensor, decoded: Tensor, sample: Sample) -> float:
        return psnr_of(mean_squared_error_16(reference, decoded))


class PsnrPooled(Psnr):
    """``psnr`` for one image; over images, PSNR of the mean squared error: finite unless all are exact."""

    name = "psnr_pooled"
    aggregate = "mse"
    summary = "PSNR of the mean over images of the squared error"


class PsnrClipped(Metric):
    """PSNR of linear raw where the rendition has lost it: any sRGB channel at full scale. NaN if nowhere."""

    name = "psnr_clipped"
    unit = "dB"
    default = False
    summary = "PSNR of linear raw where a channel of the sRGB is at full scale"

    def compute(self, reference: Tensor, decoded: Tensor, sample: Sample) -> float:
        return psnr_of(mean_squared_error_where_clipped(reference, decoded, sample.srgb))


class MeanAbsoluteError(Metric):
    """Mean absolute error of linear raw."""

    name = "mae"
    higher_is_better = False
    summary = "mean absolute error of linear raw"

    def compute(self, reference: Tensor, decoded: Tensor, sample: Sample) -> float:
        return mean_absolute_error(reference, decoded)


class RelativeError(Metric):
    """Mean relative error of linear raw, floored in the dark: sees the shadows that PSNR does not."""

    name = "relative_error"
    higher_is_better = False
    summary = "mean of |a - b| / max((a + b) / 2, 0.001)"

    def compute(self, reference: Tensor, decoded: Tensor, sample: Sample) -> float:
        return relative_error(reference, decoded)
