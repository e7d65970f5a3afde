from __future__ import annotations

import torch
from torch import nn

from rawbench.training.average import Average


def stepped(model: nn.Module, average: Average, values: list[float]) -> None:
    for value in values:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(value)
        average.update()


def test_it_follows_and_gives_the_weights_back() -> None:
    model = nn.Linear(2, 1)
    average = Average(model, 0.9)
    stepped(model, average, [1.0] * 200 + [0.0])
    with average.in_place():
        assert torch.allclose(model.weight, torch.tensor(0.9), atol=1e-3)
    assert (model.weight == 0).all()


def test_no_decay_is_the_last_step() -> None:
    model = nn.Linear(2, 1)
    average = Average(model, 0.0)
    stepped(model, average, [3.0, 5.0])
    with average.in_place():
        assert (model.weight == 5).all()


def test_the_start_is_soon_forgotten() -> None:
    model = nn.Linear(2, 1)
    average = Average(model, 0.9999)
    stepped(model, average, [1.0] * 100)
    with average.in_place():
        assert (model.weight - 1).abs().max() < 1e-3


def test_its_state_comes_back() -> None:
    model = nn.Linear(2, 1)
    average, again = Average(model, 0.9), Average(model, 0.9)
    stepped(model, average, [1.0, 2.0, 3.0])
    again.load_state_dict(average.state_dict())
    stepped(model, average, [4.0])
    stepped(model, again, [4.0])
    with average.in_place():
        expected = model.weight.clone()
    with again.in_place():
        assert torch.allclose(model.weight, expected)
