from __future__ import annotations

import pytest
import torch
from rawbench_learned import cost
from rawbench_learned.entropy_model import gated_round, iterate, partition
from rawbench_learned.exact import STEP
from rawbench_learned.networks import (
    KERNEL,
    LATENTS,
    Architecture,
    Context,
    Parameters,
    SerialContext,
    cell_transform,
    gain_index,
    gain_of,
    lattice,
    nearness,
    weighted_average,
)
from rawbench_learned.task import LearnedTask
from torch.nn import functional as F

SMALL = Architecture(width=8, means=3, exact_width=8, phi=8, context=8, embedding=4)


def test_size_small_keeps_its_budget():
    networks = cost.networks_of(Architecture())
    encode, decode = cost.kmac_per_pixel(networks)
    assert cost.parameters(networks) <= 1e6
    assert encode <= 25 and decode <= 25


def test_counting_agrees_with_arithmetic():
    layer = torch.nn.Conv2d(3, 5, 3, padding=1, device="meta")
    with cost.counted(layer) as counts:
        layer(torch.zeros(1, 3, 8, 8, device="meta"))
    assert counts == [8 * 8 * 5 * 3 * 9]


@pytest.mark.parametrize("encode", [True, False])
def test_all_tensors_are_made_on_the_device_of_the_networks(encode):
    networks = cost.networks_of(SMALL)
    assert cost.run(networks, encode).device.type == "meta"


def test_the_loss_makes_its_tensors_on_the_device_too():
    task = LearnedTask(LearnedTask.Config(architecture=SMALL, crop=32))
    model = task.model
    z = torch.zeros(2, LATENTS, 8, 8)
    masks = partition(model.order(torch.zeros(2, 8, 8, 8)), training=True)
    outputs = iterate(
        z.to("meta"),
        torch.zeros(2, 8, 8, 8, device="meta"),
        masks.to("meta"),
        torch.ones(2, LATENTS, 1, 1, device="meta"),
        Context(SMALL).to("meta"),
        Parameters(SMALL).to("meta"),
    )
    assert all(x.device.type == "meta" for x in outputs)


def test_the_cell_transform_is_orthonormal():
    transform = cell_transform()
    assert torch.allclose(transform @ transform.T, torch.eye(LATENTS), atol=1e-6)
    grey = torch.ones(LATENTS)
    assert (transform @ grey).abs().argmax() == 0


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


def latents(side: int) -> torch.Tensor:
    """Latents of which some are beyond what 8 bits hold."""
    z = torch.randint(-32, 32, (1, LATENTS, side, side)) * STEP
    z[:, ::16] *= 100
    return z


@pytest.mark.parametrize("step", [0, 3])
def test_the_context_averages_known_neighbours(step):
    context = Context(SMALL).requires_grad_(False)
    known = (torch.rand(1, 1, 9, 9) < 0.4).float()
    z_hat = latents(9) * known
    result, average = context(z_hat, known, step)
    weight, bias = context.deconvolve[step].quantised()
    number = F.conv2d(known, torch.ones(1, 1, KERNEL, KERNEL), padding=2)
    sums = F.conv2d(context.embedded(z_hat).double(), weight.double(), bias.double(), padding=2)
    mean = sums * 8 / number.clamp_min(1)
    expected = torch.floor(torch.maximum(mean, mean / 8) / STEP + 0.5) * STEP
    assert torch.equal(result[:, :-1].double(), expected.clamp(-8, 8 - STEP))
    assert torch.equal(result[:, -1:], number / 4)
    near = nearness(known.device)[None, None].double()
    weights = F.conv2d(known.double(), near, padding=2).clamp_min(1)
    for colour in range(3):
        sums = F.conv2d(z_hat[:, 16 * colour : 16 * colour + 1].double(), near, padding=2)
        assert (average[:, colour] - (sums / weights)[:, 0]).abs().max() <= STEP / 2 + 1e-6


def test_an_average_of_equal_neighbours_is_their_value():
    known = torch.zeros(1, 1, 8, 8)
    known[..., ::2, ::2] = 1
    z_hat = torch.zeros(1, LATENTS, 8, 8)
    z_hat[:, ::16] = 100.5
    average = weighted_average(z_hat * known, known, nearness(known.device))
    assert torch.equal(average, torch.full_like(average, 100.5))
    nothing = weighted_average(z_hat * 0, known * 0, nearness(known.device))
    assert torch.equal(nothing, torch.zeros_like(nothing))


def test_a_believed_average_moves_the_cell_means_alone():
    parameters = Parameters(SMALL).requires_grad_(False)
    phi, context = torch.zeros(1, SMALL.phi, 2, 2), torch.zeros(1, SMALL.context + 1, 2, 2)
    parameters.first.weight[:, -3:] = 0
    means, _ = parameters(phi, context, torch.zeros(1, 3, 2, 2))
    moved, _ = parameters(phi, context, torch.full((1, 3, 2, 2), 40.0))
    expected = torch.where(torch.arange(LATENTS) % 16 == 0, 20.0, 0.0)
    assert torch.equal(moved - means, expected.view(1, -1, 1, 1).expand_as(means))


def test_unknown_latents_do_not_matter_to_the_serial_context():
    context = SerialContext(SMALL).requires_grad_(False)
    z_hat = latents(7)
    ones = torch.ones(1, 1, 7, 7)
    before = torch.cat(context(z_hat, ones), 1)
    changed = z_hat.clone()
    changed[..., 3, 3:] += 1
    changed[..., 4:, :] -= 1
    after = torch.cat(context(changed, ones), 1)
    assert torch.equal(before[..., :3, :], after[..., :3, :])
    assert torch.equal(before[..., 3, :4], after[..., 3, :4])


def test_gains_normalise_the_error():
    errors = 10.0 ** -torch.linspace(1, 8, 30)
    relative = errors * gain_of(gain_index(errors)) ** 2
    assert relative.min() > 0.4 and relative.max() < 2.1
    assert gain_index(torch.tensor(0.0)) <= 31


def test_gated_rounding_rounds():
    x = torch.linspace(-3, 3, 61, requires_grad=True)
    y = gated_round(x)
    assert torch.equal(y, torch.round(x))
    y.sum().backward()
    assert 0.9 < x.grad.mean() < 1.2 and x.grad.min() > 0
