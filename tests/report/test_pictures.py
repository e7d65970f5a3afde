"""Error maps: one scale, and colours that mean the same everywhere."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from rawbench.report.pictures import common_scale, error_colours, picture


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=5))
def test_one_scale_holds_the_errors_of_all_methods(tops):
    scale = common_scale([torch.full((20, 20), top) for top in tops])
    assert max(tops) * (1 - 1e-6) <= scale <= 2.1 * max(tops)


def test_exact_methods_have_a_scale_too():
    assert common_scale([torch.zeros(4, 4)]) == 1.0 == common_scale([])


def test_no_error_is_black_and_the_greatest_is_bright():
    found = error_colours(torch.tensor([[0.0, 0.5, 1.0, 7.0]]) * 0.2, 0.2, 100)
    assert found.shape == (1, 4, 3)
    assert found[0, 0].max() <= 4 and (found[0, 2] == found[0, 3]).all() and found[0, 2].min() > 150


def test_errors_are_shrunk_before_they_are_coloured():
    values = torch.zeros(2, 200)
    values[:, ::2] = 1.0
    assert (error_colours(values, 1.0, 100) == error_colours(torch.full((1, 100), 0.5), 1.0, 100)).all()


def test_errors_are_told_apart_over_three_decades():
    found = error_colours(torch.tensor([[1e-5, 1e-4, 1e-3, 1e-2, 1e-1]]), 0.1, 100)[0].astype(int)
    assert (found[0] == found[1]).all(), "a thousandth of the scale and less is black"
    steps = np.abs(np.diff(found[1:], axis=0)).sum(1)
    assert (steps > 80).all()


@given(st.lists(st.floats(1e-9, 1), min_size=2, max_size=9))
def test_a_greater_error_is_never_darker(errors):
    found = error_colours(torch.tensor([sorted(errors)]), 0.3, 100)[0].astype(float)
    assert (np.diff(found @ [0.2126, 0.7152, 0.0722]) >= -1).all()


def test_pictures_are_small_and_tell_their_size():
    found = picture("title", "caption", np.zeros((300, 600, 3), np.uint8), 200)
    assert (found.width, found.height) == (200, 100)
    assert found.address.startswith("data:image/webp;base64,")
