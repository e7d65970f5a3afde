"""Images in pieces, so that float64 costs no gigabytes on a photograph of full size, and stays in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Few enough that the maps of a strip stay in a processor's cache: four to five times as fast as whole images.
STRIP_PIXELS = 1 << 15


def strips(*images: Tensor, halo: int = 0) -> Iterator[tuple[Tensor, ...]]:
    """The same rows of several images, from top to bottom, as float64 on the images' device.

    Args:
        images: (C, H, W) each, of one size.
        halo: rows that neighbouring strips share. With ``halo = w - 1`` every window of ``w`` rows lies in
            exactly one strip.

    Yields:
        One float64 (C, rows, W) for each image, ``rows > halo``; nothing where ``H <= halo``.

    Raises:
        ValueError: the images differ in size, and would be broadcast in silence.
    """
    height, width = images[0].shape[-2:]
    if any(image.shape != images[0].shape for image in images):
        raise ValueError(f"images of different sizes: {', '.join(str(tuple(i.shape)) for i in images)}")
    step = max(1, 2 * halo, STRIP_PIXELS // max(1, width))
    for top in range(0, height - halo, step):
        yield tuple(image[..., top : top + step + halo, :].double() for image in images)
