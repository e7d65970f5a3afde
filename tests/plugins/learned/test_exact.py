from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rawbench_learned.exact import (
    MANTISSA,
    STEP,
    ExactConv2d,
    activate,
    headroom,
    power_of_two,
    quantised_bias,
    quantised_weight,
    to_grid,
    weight_unit,
)
from torch.nn import functional as F


def grid_input(seed: int, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-128, 128, shape, generator=generator).float() * STEP


def layer(seed: int, inputs: int, outputs: int, kernel: int, spread: float) -> ExactConv2d:
    torch.manual_seed(seed)
    made = ExactConv2d(inputs, outputs, kernel)
    torch.nn.init.normal_(made.weight, 0, spread)
    torch.nn.init.normal_(made.bias, 0, 3)
    return made.requires_grad_(False)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    inputs=st.integers(1, 41),
    kernel=st.sampled_from([1, 3, 5]),
    spread=st.sampled_from([1e-3, 0.05, 1.0, 30.0]),
)
def test_sums_are_exact_in_any_order(seed, inputs, kernel, spread):
    made = layer(seed, inputs, 4, kernel, spread)
    x = grid_input(seed, 1, inputs, 9, 7)
    weight, bias = made.quantised()
    assume(headroom(weight, bias).max() < 1)
    exact = F.conv2d(x.double(), weight.double(), bias.double(), padding=kernel // 2)
    result = made(x)
    assert torch.equal(result.double(), exact)
    columns = F.unfold(x, kernel, padding=kernel // 2)
    order = torch.randperm(columns.shape[1], generator=torch.Generator().manual_seed(seed))
    total = torch.zeros(4, columns.shape[2])
    for position in order:  # one product after the other, in a random order, in float32
        total += weight.flatten(1)[:, position, None] * columns[0, position]
    assert torch.equal((total + bias[:, None]).view(result.shape[1:]), result[0])
    with torch.backends.mkldnn.flags(enabled=False):
        assert torch.equal(made(x), result)


def test_rows_are_the_same_sums_as_maps():
    made = layer(3, 8, 5, 5, 0.2)
    x = grid_input(1, 1, 8, 6, 6)
    windows = F.unfold(x, 5, padding=2).view(8, 25, 36).permute(2, 1, 0).reshape(36, 200)
    assert torch.equal(made(windows).T.reshape(5, 6, 6), made(x)[0])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), spread=st.floats(1e-6, 1e3))
def test_quantising_twice_changes_nothing(seed, spread):
    made = layer(seed, 3, 4, 3, spread)
    weight, bias = made.quantised()
    assert torch.equal(quantised_weight(weight), weight)
    assert torch.equal(quantised_bias(bias, weight_unit(weight)), bias)
    units = weight / weight_unit(weight)
    assert torch.equal(units, units.round()) and units.abs().max() <= 127


def test_largest_sums_stay_inside_the_mantissa():
    made = layer(0, 41, 48, 5, 0.1)
    weight, bias = made.quantised()
    assert headroom(weight, bias).max() < 1
    worst = torch.where(weight > 0, 127 * STEP, -128 * STEP)  # the input that makes the sums largest
    total = (weight.double() * worst.double()).flatten(1).sum(1) + bias.double()
    assert (total / (weight_unit(weight).flatten() * STEP)).abs().max() < MANTISSA


def test_a_layer_without_headroom_is_refused():
    made = layer(0, 100, 2, 5, 0.1)
    made.weight.fill_(1.0)
    with pytest.raises(ValueError, match="float32"):
        made.check()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=20))
def test_activations_are_eight_bits(values):
    x = torch.tensor(values)
    for y in (to_grid(x), activate(x)):
        steps = y / STEP
        assert torch.equal(steps, steps.round()) and steps.min() >= -128 and steps.max() <= 127


def test_rounding_passes_gradients_where_it_does_not_clamp():
    x = torch.tensor([-20.0, -1.03, 0.5, 20.0], requires_grad=True)
    to_grid(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 0]
    x.grad = None
    activate(x).sum().backward()
    assert x.grad.tolist() == [0.125, 0.125, 1, 0]


def test_powers_of_two():
    exponents = torch.arange(-100, 100)
    assert power_of_two(exponents).double().tolist() == [2.0**k for k in range(-100, 100)]
