from __future__ import annotations

import pytest
import torch
from rawbench_learned.context import KERNEL
from rawbench_learned.order import lattice, partition
from torch.nn import functional as F


@pytest.mark.parametrize("steps", range(1, 9))
def test_masks_partition_every_latent(steps):
    order = lattice(8, 12, steps, torch.device("cpu"))
    assert set(order.unique().tolist()) == set(range(steps))
    logits = torch.randn(1, steps, 8, 12)
    for training in (True, False):
        masks = partition(logits, training)
        assert torch.equal(masks.sum(1), torch.ones(1, 8, 12))
        assert set(masks.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("steps", range(1, 9))
def test_every_step_has_its_share_of_every_block(steps):
    order = lattice(4, 4, steps, torch.device("cpu"))
    shares = torch.bincount(order.flatten(), minlength=steps)
    # Networks that want the same step everywhere, and equal logits.
    for logits in (torch.randn(2, steps, 8, 12), torch.arange(steps).view(1, -1, 1, 1).expand(2, -1, 8, 12) * 10.0):
        masks = partition(logits, training=False)
        counts = masks.unfold(2, 4, 4).unfold(3, 4, 4).sum((4, 5))
        assert torch.equal(counts, shares.view(1, -1, 1, 1).expand_as(counts).float())


def test_the_lattice_is_the_order_where_nothing_is_predicted():
    order = lattice(8, 12, 4, torch.device("cpu"))
    logits = (order == torch.arange(4).view(-1, 1, 1)).float()[None] * 4
    assert torch.equal(partition(logits, training=False)[0].argmax(0), order)
    # A pixel that is wanted early changes places with one of its block.
    logits[0, 0, 1, 1] += 9
    moved = partition(logits, training=False)[0].argmax(0)
    assert moved[1, 1] == 0 and moved[0, 0] != 0 and torch.equal(moved[:, 4:], order[:, 4:])


def test_masks_have_the_gradient_of_a_softmax():
    logits = torch.zeros(1, 4, 8, 8, requires_grad=True)
    (partition(logits, training=True) * torch.arange(4.0).view(1, -1, 1, 1)).sum().backward()
    assert logits.grad.abs().min() > 0 and logits.grad.sum(1).abs().max() < 1e-5


@pytest.mark.parametrize("steps", range(2, 9))
def test_the_lattice_goes_from_coarse_to_fine(steps):
    order = lattice(16, 16, steps, torch.device("cpu"))
    shares = torch.bincount(order.flatten(), minlength=steps)
    assert shares[0] == shares.min()
    if steps == 4:
        assert (shares / shares.sum()).tolist() == [1 / 16, 3 / 16, 1 / 4, 1 / 2]
    assert torch.equal(order[:12, :12], order[4:, 4:])
    for step in range(1, steps):
        known = (order < step).float()[None, None]
        seen = F.conv2d(known, torch.ones(1, 1, KERNEL, KERNEL))[0, 0]
        assert seen[order[2:-2, 2:-2] == step].min() >= 1, "every later pixel has a known neighbour"
