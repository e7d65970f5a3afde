"""What validation says of a reconstruction, where a whole batch is on the device."""

from __future__ import annotations

from torch import Tensor


def psnr_of(mse: Tensor) -> Tensor:
    """Return PSNR in dB at peak 1, element by element; at most 120 dB, so that a mean of it is finite.

    Args:
        mse: mean squared errors, any shape; gradients pass through.

    Example:
        >>> import torch
        >>> psnr_of(torch.tensor([0.01, 0.0]))
        tensor([ 20., 120.])
    """
    return -10 * mse.clamp_min(1e-12).log10()
