"""A function of sRGB codes, computed once for each colour that an image has.

A photograph of 24 megapixels has some hundred thousand colours of 8 bits: each is computed once, and pixels look it up.
What comes out is bit for bit what computing every pixel gives.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_COLOURS = 1 << 24
_LARGE_PIXELS = 1 << 21  # below, a table of all colours costs more than it saves
_MOST_SHARE = 0.5  # of the pixels that may be colours of their own
_PART = 1 << 17  # pixels, or colours, at a time

Function = Callable[[Tensor], Tensor]


def by_colour(function: Function, srgb: Tensor) -> Function:
    """The same function for the pixels of one image, faster where the image is large and has few colours.

    Args:
        function: of codes, uint8 or uint16 (3, ...); returns (3, ...), each pixel by itself.
        srgb: the image, uint8 or uint16 (3, ...); the function that is returned takes any pixels of it.

    Example:
        >>> srgb = torch.arange(24, dtype=torch.uint8).reshape(3, 2, 4)
        >>> by_colour(lambda codes: codes.double() / 2, srgb)(srgb[:, 1:, :1]).ravel().tolist()
        [2.0, 6.0, 10.0]
    """
    if srgb.dtype != torch.uint8 or srgb[0].numel() < _LARGE_PIXELS:
        return function
    return _tabled(function, srgb.reshape(3, -1)) or function


def _tabled(function: Function, codes: Tensor) -> Function | None:
    """The function as a table; None where too many of the pixels have a colour of their own."""
    count = codes.shape[1]
    occurs = torch.zeros(_COLOURS, dtype=torch.bool, device=codes.device)
    for start in range(0, count, _PART):
        occurs[_numbers(codes[:, start : start + _PART])] = True
    colours = torch.nonzero(occurs).squeeze(1)
    if len(colours) > _MOST_SHARE * count:
        return None
    place = occurs.cumsum(0, dtype=torch.int32)
    del occurs
    channels = [(colours >> shift & 255).to(torch.uint8) for shift in (16, 8, 0)]
    parts = [slice(start, start + _PART) for start in range(0, len(colours), _PART)]
    values = torch.cat([function(torch.stack([channel[part] for channel in channels])) for part in parts], 1)

    def looked_up(pixels: Tensor) -> Tensor:
        flat = pixels.reshape(3, -1)
        found = place.index_select(0, _numbers(flat)) - 1
        out = values.new_empty(flat.shape)
        for channel in range(3):
            torch.index_select(values[channel], 0, found, out=out[channel])
        return out.reshape(pixels.shape)

    return looked_up


def _numbers(codes: Tensor) -> Tensor:
    """One number for each colour, int32 (N,), of uint8 (3, N)."""
    red, green, blue = codes.int()
    return red.bitwise_left_shift_(16).bitwise_or_(green.bitwise_left_shift_(8)).bitwise_or_(blue)
