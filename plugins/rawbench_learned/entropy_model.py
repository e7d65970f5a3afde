"""The iterative Gaussian entropy model: training's view of what the coder does, differentiable."""

from __future__ import annotations

import torch
from compressai.ops import LowerBound
from torch import Tensor

from rawbench_learned import rate
from rawbench_learned.context import Context
from rawbench_learned.networks import Parameters

LIKELIHOOD_FLOOR = 2.0**-24


def iterate(
    z: Tensor, phi: Tensor, masks: Tensor, steps: Tensor, context: Context, parameters: Parameters
) -> tuple[Tensor, Tensor, Tensor]:
    """Quantise z step by step, each with what the steps before it made known.

    Args:
        z: latents (B, C, H, W).
        phi: of the hyper synthesis.
        masks: (B, S, H, W) one-hot.
        steps: quantisation steps (B, C, 1, 1).
        context: model.
        parameters: network.

    Returns:
        z_hat, the means, and the scales in units of the step, all (B, C, H, W).
    """
    known = torch.zeros_like(masks[:, :1])
    z_hat, all_means, all_indices = torch.zeros_like(z), torch.zeros_like(z), torch.zeros_like(z)
    for step in range(masks.shape[1]):
        mask = masks[:, step : step + 1]
        means, indices = parameters(phi, *context(z_hat, known, step))
        z_hat = z_hat + mask * (gated_round((z - means) / steps) * steps + means)
        all_means = all_means + mask * means
        all_indices = all_indices + mask * indices
        known = known + mask
    index = all_indices + rate.scale_offsets(steps)
    return z_hat, all_means, rate.scale_of_index(index)


class _GatedRound(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.round(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (4 * (x - torch.round(x)).abs()).clamp(0.2, 2)


def gated_round(x: Tensor) -> Tensor:
    """Round to nearest, with a gradient that is large where a small move would change the result; one in the mean.

    A plain straight-through gradient pretends that a latent far inside the zero bin could move what the decoder sees:
    at low rates latents then wander until they cross into the next bin, and means, which are what the decoder does
    see, learn nothing from the distortion. A gradient that is less than one in the mean lets latents shrink.
    """
    return _GatedRound.apply(x)


def gaussian_probability(values: Tensor, scales: Tensor) -> Tensor:
    """Return the mass of [value - 1/2, value + 1/2] under zero-mean Gaussians."""
    values = values.abs()
    root = scales * 2**0.5
    return 0.5 * (torch.erfc((values - 0.5) / root) - torch.erfc((values + 0.5) / root))


def bits(probability: Tensor, bound: LowerBound) -> Tensor:
    """Return -log2 of probabilities that are kept above the floor, with CompressAI's gradient at it."""
    return -torch.log2(bound.to(probability.device)(probability))
