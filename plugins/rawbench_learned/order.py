"""Order: which context step each latent pixel belongs to. Exact."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rawbench_learned.architecture import Architecture
from rawbench_learned.exact import ExactConv2d, activate, to_grid

PREFERENCE = 4
"""Logits by which a latent pixel prefers its step on the lattice: the most that the prediction can add."""
PERIOD = 4
"""Of the lattice, in latent pixels."""


class Order(nn.Module):
    """Order prediction: logits over the S steps, the same for all channels of a latent pixel. Exact.

    The prediction is added to the preference for a lattice. Which pixels a step gets is decided among the pixels of a
    block (`entropy_model.partition`).
    """

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.steps = config.steps
        self.first = ExactConv2d(config.phi, 16)
        self.second = ExactConv2d(16, config.steps, 1)

    def forward(self, phi: Tensor) -> Tensor:
        """Return logits (B, S, H/4, W/4), multiples of 1/16."""
        prediction = to_grid(self.second(activate(self.first(phi))), lowest=-4, highest=4)
        steps = torch.arange(self.steps, device=phi.device).view(-1, 1, 1)
        return prediction + PREFERENCE * (lattice(phi.shape[-2], phi.shape[-1], self.steps, phi.device) == steps)


def lattice(height: int, width: int, steps: int, device: torch.device) -> Tensor:
    """Return the step (height, width) that a latent pixel has by its place alone, with a period of `PERIOD`.

    From coarse to fine: with four steps a sixteenth of the pixels, a quarter, a half, all. What is smooth is
    interpolated, so only the sixteenth is coded without neighbours.
    """
    ranks = torch.tensor([[0, 8, 2, 13], [12, 4, 9, 6], [3, 15, 1, 10], [11, 7, 14, 5]], device=device)
    bounds = torch.tensor(sorted((8, 4, 1, 2, 12, 6, 10)[: steps - 1]), dtype=torch.long, device=device)
    y, x = torch.arange(height, device=device)[:, None], torch.arange(width, device=device)
    return torch.bucketize(ranks, bounds, right=True)[y % PERIOD, x % PERIOD]


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
