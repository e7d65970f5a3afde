"""Structural similarity, over the windows that lie wholly inside the image.

Computed here, in float64, rather than by torchmetrics: between two of its releases the mean came to take in
the reflected border, so that a metric's version would not fix its value; and in float32 on a GPU the
convolution may run in TF32, whose ten bits of mantissa do not carry ``E[x^2] - E[x]^2``. Agrees with
scikit-image and pytorch-msssim.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rawbench.metric import Metric
from rawbench.metrics.strips import strips
from rawbench.types import Sample

if TYPE_CHECKING:
    from torch import Tensor

# Wang et al., "Image quality assessment", IEEE TIP 2004, section III-C: K1, K2 and window, at data range 1.
C1 = 0.01**2
C2 = 0.03**2
GAUSSIAN_11 = tuple(math.exp(-((i - 5) ** 2) / (2 * 1.5**2)) for i in range(11))
UNIFORM_7 = (1.0,) * 7
# Wang et al., "Multi-scale structural similarity", Asilomar 2003, section 3.2: exponents, finest scale first.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def similarity(
    reference: Tensor, decoded: Tensor, window: tuple[float, ...], sample_covariance: bool = False
) -> tuple[Tensor, Tensor]:
    """Mean SSIM, and mean of its contrast-structure term alone, of each channel.

    Args:
        reference: (C, H, W) at data range 1.
        decoded: (C, H, W).
        window: taps of the separable window, scaled here to sum to one.
        sample_covariance: divide variances by N - 1 as scikit-image does, rather than by N as Wang et al.

    Returns:
        Two float64 (C,), NaN where the image is smaller than the window.
    """
    import torch

    size = len(window)
    taps = [tap / math.fsum(window) for tap in window]
    unbias = size**2 / (size**2 - 1) if sample_covariance else 1.0
    channels, height, width = reference.shape
    windows = max(0, height - size + 1) * max(0, width - size + 1)
    totals = torch.zeros(2, channels, dtype=torch.float64, device=reference.device)
    for a, b in strips(reference, decoded, halo=size - 1) if windows else ():
        mean_a, mean_b, squares, product = _window_means(torch.stack([a, b, a * a + b * b, a * b]), taps)
        mean_squares, mean_product = mean_a**2 + mean_b**2, mean_a * mean_b
        contrast = (2 * unbias * (product - mean_product) + C2) / (unbias * (squares - mean_squares) + C2)
        luminance = (2 * mean_product + C1) / (mean_squares + C1)
        totals += torch.stack([(luminance * contrast).sum(dim=(1, 2)), contrast.sum(dim=(1, 2))])
    ssim, contrast = totals / windows if windows else totals.fill_(math.nan)
    return ssim, contrast


def _window_means(maps: Tensor, taps: list[float]) -> Tensor:
    """Weighted means over all windows inside: (..., H, W) to (..., H - w + 1, W - w + 1).

    As sums of shifted maps: torch's float64 convolution takes ten times as long on a CPU.
    """
    for axis in (-2, -1):
        length = maps.shape[axis] - len(taps) + 1
        means = maps.narrow(axis, 0, length) * taps[0]
        for shift, tap in enumerate(taps[1:], start=1):
            means.add_(maps.narrow(axis, shift, length), alpha=tap)
        maps = means
    return maps


def multi_scale_similarity(reference: Tensor, decoded: Tensor) -> float:
    """MS-SSIM with the Gaussian window, each channel by itself, then their mean.

    Scales are means of 2x2 pixels (an odd last row or column is left out); negative terms count as nought.
    NaN where the fifth scale would be smaller than the window: with fewer scales it would be another figure
    under the same name.
    """
    import torch
    from torch.nn.functional import avg_pool2d

    smallest = min(reference.shape[-2:]) >> (len(SCALE_WEIGHTS) - 1)
    if smallest < len(GAUSSIAN_11):
        return math.nan
    terms = []
    for scale in range(len(SCALE_WEIGHTS)):
        if scale:
            reference, decoded = avg_pool2d(reference.double(), 2), avg_pool2d(decoded.double(), 2)
        ssim, contrast = similarity(reference, decoded, GAUSSIAN_11)
        terms.append(contrast)
    terms[-1] = ssim
    powers = [term.clamp(min=0) ** weight for term, weight in zip(terms, SCALE_WEIGHTS, strict=True)]
    return float(torch.stack(powers).prod(dim=0).mean())


class Ssim(Metric):
    """SSIM of linear raw as Wang et al. define it, mean over channels. NaN below 11 pixels a side."""

    name = "ssim"
    summary = "SSIM, Gaussian 11x11 window of sigma 1.5, data range 1"

    def compute(self, reference: Tensor, decoded: Tensor, sample: Sample) -> float:
        return float(similarity(reference, decoded, GAUSSIAN_11)[0].mean())


class SsimUniform7(Metric):
    """SSIM of linear raw as R2LCM's evaluation has it: scikit-image's default. NaN below 7 pixels a side."""

    name = "ssim_uniform7"
    summary = "SSIM as scikit-image's default: uniform 7x7 window"

    def compute(self, reference: Tensor, decoded: Tensor, sample: Sample) -> float:
        return float(similarity(reference, decoded, UNIFORM_7, sample_covariance=True)[0].mean())


class MsSsim(Metric):
    """MS-SSIM of linear raw over five scales. NaN where a side is below 176 pixels."""

    name = "ms_ssim"
    summary = "MS-SSIM, five scales; not defined where a side is below 176 pixels"

    def compute(self, reference: Tensor, decoded: Tensor, sample: Sample) -> float:
        return multi_scale_similarity(reference, decoded)
