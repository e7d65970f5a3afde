"""The Metric interface: one number for one decoded image.

A metric's version changes whenever its value may change for the same pixels: rows of different versions are
never compared.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar, Literal

from rawbench.types import Sample

if TYPE_CHECKING:
    from torch import Tensor


class Metric(abc.ABC):
    """A figure of how near the decoded raw is to the reference.

    Attributes:
        name: how users call it; also the column in tables.
        version: of its definition.
        unit: ``dB``, ``1``, ...
        higher_is_better: the direction of improvement.
        aggregate: how images are pooled: ``mean`` of the values, or ``mse`` (values are PSNR at peak 1;
            pooled through the mean of the squared errors).
        default: computed when no metrics are named.
        summary: one line with the definition.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    higher_is_better: ClassVar[bool] = True
    aggregate: ClassVar[Literal["mean", "mse"]] = "mean"
    default: ClassVar[bool] = True
    summary: ClassVar[str] = ""

    @abc.abstractmethod
    def compute(self, reference: Tensor, decoded: Tensor, sample: Sample) -> float:
        """The figure for one image.

        Args:
            reference: float32 (3, H, W) in [0, 1], the sample's raw.
            decoded: float32 (3, H, W), clipped by the harness to [0, 1], on the same device.
            sample: the image with its sRGB and facts.
        """
