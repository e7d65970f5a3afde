from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rawbench_hybrid.bands import Choice
from rawbench_hybrid.quantiser import STEPS
from rawbench_hybrid.search import ENOUGH, bracket, find_step, reach


def falling(index: int, price: float) -> float:
    return 1e6 * math.exp(-0.06 * index) * (price / Choice().price) ** -0.2


@given(st.floats(10, 9e5), st.integers(0, STEPS - 1))
def test_a_room_is_nearly_filled_and_never_exceeded(room: float, first: int) -> None:
    found = falling(*find_step(falling, room, first))
    assert ENOUGH * room <= found <= room


@pytest.mark.parametrize("room", [0.0, 0.3])
def test_no_room_at_all_is_no_error(room: float) -> None:
    assert find_step(falling, room, STEPS // 2)[0] == STEPS - 1
    assert bracket(lambda index: falling(index, 0.12), room, 7, 12)[0] == STEPS


def test_between_two_points_that_enclose_it() -> None:
    assert reach([(1.0, 2.0), (3.0, 6.0)], 4.0) == 2.0
    assert reach([(1.0, 2.0)], 4.0) == 3.0
