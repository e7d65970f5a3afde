from __future__ import annotations

import pytest
import torch
from rawbench_learned import cost
from rawbench_learned.architecture import LATENTS, Architecture
from rawbench_learned.context import Context
from rawbench_learned.entropy_model import gated_round, iterate
from rawbench_learned.networks import Parameters, cell_transform, gain_index, gain_of
from rawbench_learned.order import partition
from rawbench_learned.task import LearnedTask

SMALL = Architecture(width=8, base=3, exact_width=8, phi=8, context=8, embedding=4)


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


def test_a_believed_average_moves_the_cell_means_alone():
    parameters = Parameters(SMALL).requires_grad_(False)
    phi, context = torch.zeros(1, SMALL.phi, 2, 2), torch.zeros(1, SMALL.context + 1, 2, 2)
    parameters.first.weight[:, -3:] = 0
    means, _ = parameters(phi, context, torch.zeros(1, 3, 2, 2))
    moved, _ = parameters(phi, context, torch.full((1, 3, 2, 2), 40.0))
    expected = torch.where(torch.arange(LATENTS) % 16 == 0, 20.0, 0.0)
    assert torch.equal(moved - means, expected.view(1, -1, 1, 1).expand_as(means))


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
