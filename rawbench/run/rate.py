"""Rates: what a stream costs, as facts of a cell.

They are kept beside the metrics, and listed with them, but they are read off the file and not off the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """The definition of one rate; the fields mean what they mean in ``rawbench.Metric``."""

    name: str
    version: int
    unit: str
    summary: str
    higher_is_better: bool = False
    aggregate: str = "mean"


RATES = (
    Rate("bytes", 1, "byte", "size of the stream's file, header included"),
    Rate("bpp", 1, "bit/pixel", "8 x file bytes / (H x W) of the un-padded image"),
    Rate("bpp_padded", 1, "bit/pixel", "the same over sides padded as R2LCM pads them, for its tables"),
    Rate("bits_estimated", 1, "bit", "what the entropy model's likelihoods promise, where a method says it"),
)


def bits_per_pixel(stream_bytes: int, height: int, width: int) -> float:
    """Bits per pixel of the un-padded image.

    Args:
        stream_bytes: size of the whole file.
        height: rows of the image.
        width: columns of the image.

    Raises:
        ValueError: no pixels, or fewer than no bytes.
    """
    if height < 1 or width < 1 or stream_bytes < 0:
        raise ValueError(f"no rate of {stream_bytes} bytes for {width}x{height} pixels")
    return 8 * stream_bytes / (height * width)


def padded_side(side: int, multiple: int = 128) -> int:
    """The next multiple *above* a side: a side that is a multiple already grows by a full one."""
    return (side // multiple + 1) * multiple


def bits_per_padded_pixel(stream_bytes: int, height: int, width: int) -> float:
    """Bits per padded pixel: the smaller figure that R2LCM's evaluation prints (``examples/test.py``).

    Only for holding a reproduction against the published tables; ``bits_per_pixel`` is the rate.
    """
    return bits_per_pixel(stream_bytes, padded_side(height), padded_side(width))
