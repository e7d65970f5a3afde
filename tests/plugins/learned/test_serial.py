from __future__ import annotations

import pytest
import torch
from rawbench_learned.context import KERNEL
from rawbench_learned.serial import SerialCoder


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (6, 11), (13, 5)])
def test_a_diagonal_knows_all_that_raster_order_has_before_it_and_no_more(weights, shape):
    height, width = shape
    groups = [group for _, group in SerialCoder(weights).groups(torch.zeros(shape, dtype=torch.long))]
    assert sorted(torch.cat(groups).tolist()) == list(range(height * width))
    number = torch.empty(height * width, dtype=torch.long)
    for place, group in enumerate(groups):
        number[group] = place
    number = number.view(shape)
    reach = KERNEL // 2
    for y in range(height):
        for x in range(width):
            for v in range(max(y - reach, 0), min(y + reach + 1, height)):
                for u in range(max(x - reach, 0), min(x + reach + 1, width)):
                    if (v, u) != (y, x):
                        assert (number[v, u] < number[y, x]) == ((v, u) < (y, x))


def test_there_are_few_of_them(weights):
    assert len(list(SerialCoder(weights).groups(torch.zeros(96, 128, dtype=torch.long)))) == 128 + 3 * 95
