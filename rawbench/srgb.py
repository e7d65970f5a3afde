"""The sRGB's depth: 8 or 16 bits, told by the type of its pixels (uint8 or uint16), whether a tensor or an array.

Full scale is the type's, 255 or 65535, and means clipped. torch computes little with uint16: it slices, copies,
compares for equality and converts, but has no order and no maximum of it, and up to 2.7 no indexing (``pick`` has).
Methods convert before they compute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def bits_of(srgb: Tensor | np.ndarray) -> int:
    """Bits of a code of the sRGB: 8 for uint8, 16 for uint16.

    Example:
        >>> import numpy as np
        >>> bits_of(np.zeros(3, np.uint16))
        16
    """
    return 8 * srgb.dtype.itemsize


def full_scale(srgb: Tensor | np.ndarray) -> int:
    """The code of a clipped channel: 255 for uint8, 65535 for uint16.

    Example:
        >>> import numpy as np
        >>> full_scale(np.zeros(3, np.uint8)), full_scale(np.zeros(3, np.uint16))
        (255, 65535)
    """
    return int(2 ** bits_of(srgb) - 1)


def code_step(srgb: Tensor | np.ndarray) -> int:
    """How many codes make one step of 8 bits: 1 for uint8, 257 for uint16, as 65535 = 257 x 255.

    Example:
        >>> import numpy as np
        >>> code_step(np.zeros(3, np.uint16))
        257
    """
    return full_scale(srgb) // 255


def pick(srgb: Tensor, *index: Tensor | slice | list[int]) -> Tensor:
    """``srgb[index]`` by lists, masks or tensors, for either depth and any torch.

    Example:
        >>> import torch
        >>> pick(torch.tensor([7, 8, 9], dtype=torch.uint16), [0, 2]).tolist()
        [7, 9]
    """
    import torch

    same = srgb if srgb.dtype == torch.uint8 else srgb.view(torch.int16)
    return same[index].view(srgb.dtype)


def to_unit(srgb: Tensor) -> Tensor:
    """The sRGB, uint8 or uint16, as float32 in [0, 1].

    Example:
        >>> import torch
        >>> to_unit(torch.tensor([0, 255], dtype=torch.uint8)).tolist()
        [0.0, 1.0]
    """
    return srgb.float() / full_scale(srgb)
