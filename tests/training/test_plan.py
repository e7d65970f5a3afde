from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rawbench.training.plan import Plan, steps_within


def test_one_plan_is_a_straight_line():
    plan = Plan(10)
    assert [plan.progress(step) for step in (0, 5, 10, 11)] == [0.0, 0.5, 1.0, 1.0]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 500)), min_size=1, max_size=8))
def test_progress_never_falls_nor_jumps_however_often_it_is_planned_anew(changes):
    plan, step = Plan(200), 0
    for steps_taken, end in changes:
        before = plan.progress(step)
        for _ in range(steps_taken):
            step += 1
            assert before <= plan.progress(step) <= 1.0
            before = plan.progress(step)
        again = plan.again(step, end)
        if step < again.steps:
            assert again.progress(step) == before
        assert again.progress(again.steps) == 1.0
        plan = again


def test_validations_are_part_of_the_budget():
    assert steps_within(100, 0.5, 0, 10) == 200
    assert steps_within(100, 0.5, 5, 10) == 100
    assert steps_within(-3, 0.5, 5, 10) == 0
