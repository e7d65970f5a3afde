"""Metrics of what a user of the raw sees: both raws through the same plain ISP, then compared.

The ISP: a gain for each channel, clipping at white, the camera's matrix to linear sRGB, clipping, the sRGB
curve; float, no rounding to 8 bits, no tone curve. Camera white balance is in the raw already. The matrix is
made of the image's fact ``xyz_to_camera`` (XYZ of D65 to camera RGB, nine numbers at any scale, row by row);
an image without it has no rendition here, and NaN for a figure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from rawbench.errors import SampleError
from rawbench.metric import Metric
from rawbench.metrics.color import ciede2000, lab_of, srgb_encode
from rawbench.metrics.pixelwise import psnr_of
from rawbench.metrics.strips import strips
from rawbench.types import Sample, SampleInfo

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Gains = tuple[float, float, float]


def matrix_to_srgb(info: SampleInfo) -> np.ndarray | None:
    """float64 (3, 3): the image's raw to linear sRGB, or None where the image does not say.

    All noughts, LibRaw's answer for a camera that it does not know, say nothing either.

    Raises:
        SampleError: ``xyz_to_camera`` does not hold nine numbers that make an invertible matrix.
    """
    import numpy as np

    from rawbench.camera.color import SRGB_TO_XYZ, camera_to_srgb

    if info.raw_space == "xyz":
        return np.linalg.inv(SRGB_TO_XYZ)
    values = info.facts.get("xyz_to_camera")
    if values is None:
        return None
    try:
        matrix = np.asarray(values, dtype=np.float64).reshape(3, 3)
        return camera_to_srgb(matrix) if matrix.any() else None
    except (ValueError, np.linalg.LinAlgError):
        raise SampleError(f"image {info.id}: xyz_to_camera is no invertible 3x3 matrix: {values!r}") from None


def render_linear(raw: Tensor, matrix: Tensor, gains: Gains = (1.0, 1.0, 1.0)) -> Tensor:
    """raw (3, H, W) to linear sRGB (3, H, W), clipped to [0, 1].

    Clipped at white before the matrix too, as raw developers do: highlights that burn out stay neutral.
    """
    balanced = (raw * raw.new_tensor(gains).view(3, 1, 1)).clamp(0, 1)
    return matrix.matmul(balanced.flatten(1)).reshape(raw.shape).clamp(0, 1)


def _rendered(
    reference: Tensor, decoded: Tensor, matrix: np.ndarray, gains: Gains = (1.0, 1.0, 1.0)
) -> Iterator[tuple[Tensor, Tensor]]:
    for a, b in strips(reference, decoded):
        on_device = a.new_tensor(matrix)
        yield render_linear(a, on_device, gains), render_linear(b, on_device, gains)


class PsnrRendered(Metric):
    """PSNR of the sRGB values, peak 1. NaN for an image whose camera matrix is not known."""

    name = "psnr_rendered"
    unit = "dB"
    default = False
    summary = "PSNR of both raws rendered to sRGB by a plain ISP"
    gains: ClassVar[Gains] = (1.0, 1.0, 1.0)

    def compute(self, reference: Tensor, decoded: Tensor, sample: Sample) -> float:
        matrix = matrix_to_srgb(sample.info)
        if matrix is None:
            return math.nan
        pairs = _rendered(reference, decoded, matrix, self.gains)
        total = sum((srgb_encode(a) - srgb_encode(b)).square().sum() for a, b in pairs)
        return psnr_of(float(total) / reference.numel())


class PsnrBrighter(PsnrRendered):
    """``psnr_rendered`` after an edit of +2 EV: what the shadows hold."""

    name = "psnr_ev+2"
    summary = "PSNR of both raws rendered two stops brighter"
    gains = (4.0, 4.0, 4.0)


class PsnrDarker(PsnrRendered):
    """``psnr_rendered`` after an edit of -2 EV: what the highlights hold."""

    name = "psnr_ev-2"
    summary = "PSNR of both raws rendered two stops darker"
    gains = (0.25, 0.25, 0.25)


class PsnrWarmer(PsnrRendered):
    """``psnr_rendered`` after an edit of the white balance: red times 1.3, blue times 0.75."""

    name = "psnr_wb"
    summary = "PSNR of both raws rendered with a warmer white balance"
    gains = (1.3, 1.0, 0.75)


class Ciede2000(Metric):
    """Mean CIEDE2000 over the pixels of the plain renditions. NaN where the camera matrix is not known."""

    name = "ciede2000"
    unit = "dE00"
    higher_is_better = False
    default = False
    summary = "mean CIEDE2000 of both raws rendered to sRGB by a plain ISP"

    def compute(self, reference: Tensor, decoded: Tensor, sample: Sample) -> float:
        matrix = matrix_to_srgb(sample.info)
        if matrix is None:
            return math.nan
        total = sum(ciede2000(lab_of(a), lab_of(b)).sum() for a, b in _rendered(reference, decoded, matrix))
        return float(total) / reference[0].numel()
