"""The iterative Gaussian entropy model: training's view of what the coder does, differentiable."""

from __future__ import annotations

import torch
from compressai.ops import LowerBound
from torch import Tensor

from rawbench_learned import rate
from rawbench_learned.networks import PERIOD, Context, Parameters, lattice

LIKELIHOOD_FLOOR = 2.0**-24


def partition(logits: Tensor, training: bool) -> Tensor:
    """Return one-hot masks (B, S, H, W): every latent pixel belongs to exactly one step.

    In each block of 4x4 latent pixels a step takes as many pixels as it has on the `lattice`, those with the largest
    logits for it against the steps after it. (Without shares every pixel wants the last step, whose context is best,
    until nothing is known when it comes.) Gumbel noise and the gradient of a softmax in training, neither in coding.

    Args:
        logits: (B, S, H, W), sides multiples of 4.
        training: or coding.
    """
    if not training:
        return _assigned(logits)
    noisy = logits - torch.empty_like(logits).exponential_().log()
    soft = noisy.softmax(1)
    return _assigned(noisy.detach()) + (soft - soft.detach())


def _assigned(logits: Tensor) -> Tensor:
    count, steps, height, width = logits.shape
    rows, columns = height // PERIOD, width // PERIOD
    blocks = logits.reshape(count, steps, rows, PERIOD, columns, PERIOD).transpose(3, 4).flatten(4)
    # Less than two logits can differ by: equal ones go by their place, on every machine.
    place = torch.arange(PERIOD**2, device=logits.device) * 2.0**-14
    shares = torch.bincount(lattice(PERIOD, PERIOD, steps, torch.device("cpu")).flatten(), minlength=steps).tolist()
    free = torch.ones_like(blocks[:, 0], dtype=torch.bool)
    masks = []
    for step, share in enumerate(shares[:-1]):
        scores = (blocks[:, step] - blocks[:, step + 1 :].amax(1) - place).masked_fill(~free, -torch.inf)
        mask = torch.zeros_like(free).scatter_(-1, scores.topk(share, -1).indices, True)
        masks.append(mask)
        free = free & ~mask
    masks.append(free)
    whole = torch.stack(masks, 1).unflatten(4, (PERIOD, PERIOD)).transpose(3, 4)
    return whole.reshape(count, steps, height, width).to(logits.dtype)


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
    return -torch.log2(bound(probability))
