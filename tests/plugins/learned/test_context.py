from __future__ import annotations

import pytest
import torch
from rawbench_learned.architecture import LATENTS, Architecture
from rawbench_learned.context import (
    KERNEL,
    Context,
    KnownLatents,
    SerialContext,
    nearness,
    weighted_average,
)
from rawbench_learned.exact import STEP
from rawbench_learned.order import lattice
from torch.nn import functional as F

SMALL = Architecture(width=8, base=3, exact_width=8, phi=8, context=8, embedding=4)


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


def test_each_step_gathers_the_context_that_training_sees(weights):
    context, (height, width) = weights.networks.context, (6, 9)
    z_hat = torch.randint(-400, 400, (1, LATENTS, height, width)) / 8
    known, order = (
        KnownLatents(weights.networks.context, height, width, z_hat.device),
        lattice(height, width, 4, z_hat.device),
    )
    for step in range(4):
        mask = (order < step).float()[None, None]
        expected = torch.cat(context(z_hat * mask, mask, step), 1)[0].flatten(1)
        positions = (order.flatten() == step).nonzero()[:, 0]
        assert torch.equal(torch.cat(known.context(positions, step), 1), expected[:, positions].T)
        known.add(positions, *known.embedded(z_hat[0].flatten(1).T[positions]))


def test_the_serial_coder_gathers_what_its_training_sees(weights):
    networks, (height, width) = weights.networks, (4, 7)
    context = SerialContext(networks.config.model_copy(update={"serial": True})).requires_grad_(False)
    context.embed.load_state_dict(networks.context.embed.state_dict())
    context.deconvolve[0].load_state_dict(networks.context.deconvolve[0].state_dict())
    z_hat = torch.randint(-400, 400, (1, LATENTS, height, width)) / 8
    expected = torch.cat(context(z_hat, torch.ones(1, 1, height, width)), 1)[0].flatten(1)
    known = KnownLatents(weights.networks.context, height, width, z_hat.device)
    for position in torch.arange(height * width).split(1):
        assert torch.equal(torch.cat(known.context(position, 0), 1), expected[:, position].T)
        known.add(position, *known.embedded(z_hat[0].flatten(1).T[position]))
