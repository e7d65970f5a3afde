"""The fake device itself: it lets pass what a GPU lets pass, and nothing else."""

from __future__ import annotations

import copy

import pytest
import torch
from fake_device import DEVICE, Elsewhere, FakeDevice, WrongDeviceError, on_device


def test_tensors_say_where_they_are_and_compute() -> None:
    with FakeDevice() as device:
        x = torch.ones(3, 4, device="cuda")
        y = (x + 1).sum(0)
        assert isinstance(y, Elsewhere) and y.device == DEVICE and x.is_cuda
        assert y.cpu().tolist() == [6, 6, 6, 6] and y.cpu().device.type == "cpu"
        assert torch.zeros(2).device.type == "cpu"
    assert device.copies == {"back": 2}


@pytest.mark.parametrize(
    "meet",
    [
        lambda x: x + torch.ones(4),
        lambda x: torch.cat([x, torch.ones(4)]),
        lambda x: torch.ones(4) * x,
        lambda x: x[torch.tensor([1, 2])],
        lambda x: x.copy_(x.cpu()) + torch.zeros(4)[:1],
        lambda x: torch.nn.Linear(4, 2)(x),
        lambda x: x.numpy(),
    ],
)
def test_they_do_not_meet_others(meet) -> None:
    with FakeDevice(), pytest.raises(WrongDeviceError):
        meet(torch.ones(4, device="cuda"))


def test_scalars_may_meet_them() -> None:
    with FakeDevice():
        assert isinstance(torch.ones(4, device="cuda") * torch.tensor(2.0), Elsewhere)


def test_copies_are_counted() -> None:
    with FakeDevice() as device:
        x = torch.tensor([1.0, 2.0], device="cuda")
        y = torch.ones(2).to("cuda") + torch.arange(2, device=x.device)
        assert device.copies == {"to": 2}
        float(x.sum()), bool(y.any()), y.tolist(), y.to("cpu"), x.to(torch.float64), x.to("cuda"), len(x)
    assert device.copies == {"to": 2, "back": 4}


def test_modules_move() -> None:
    with FakeDevice() as device, torch.no_grad():
        module = torch.nn.Conv2d(1, 2, 3, padding=1).to("cuda")
        module.register_buffer("constant", torch.ones(2, 1, 1, device="cuda"))
        assert isinstance(module.weight, Elsewhere) and isinstance(module.state_dict()["weight"], Elsewhere)
        result = module(torch.ones(1, 1, 4, 4, device="cuda")) * module.constant
        assert result.device == DEVICE and result.shape == (1, 2, 4, 4)
        again = copy.deepcopy(module)
        assert isinstance(again.weight, Elsewhere) and isinstance(again.weight, torch.nn.Parameter)
    assert device.copies["to"] == 2
    assert isinstance(on_device(torch.ones(2)), Elsewhere)


def test_what_is_on_the_device_can_be_trained() -> None:
    with FakeDevice():
        weight = torch.ones(3, device="cuda").requires_grad_(True)
        optimizer = torch.optim.Adam([weight], lr=0.1)
        (weight * torch.arange(3.0, device="cuda")).sum().backward()
        assert isinstance(weight.grad, Elsewhere)
        optimizer.step()
        assert weight.detach().cpu()[2] < 1
