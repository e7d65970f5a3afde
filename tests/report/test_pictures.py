"""Error maps: one scale, and colours that mean the same everywhere."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from rawbench.report.pictures import _ERROR_COLOURS, choose_images, colour, common_scale, picture


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=5))
def test_one_scale_holds_the_errors_of_all_methods(tops):
    scale = common_scale([torch.full((20, 20), top) for top in tops])
    assert max(tops) * (1 - 1e-6) <= scale <= 2.1 * max(tops)


def test_exact_methods_have_a_scale_too():
    assert common_scale([torch.zeros(4, 4)]) == 1.0 == common_scale([])


def test_no_error_is_black_and_the_greatest_is_bright():
    values = torch.tensor([[0.0, 0.5, 1.0, 7.0]])
    found = colour(values, _ERROR_COLOURS, 100)
    assert found.shape == (1, 4, 3)
    assert found[0, 0].max() <= 4 and (found[0, 2] == found[0, 3]).all() and found[0, 2].min() > 150


def test_errors_are_shrunk_before_they_are_coloured():
    values = torch.zeros(2, 200)
    values[:, ::2] = 1.0
    assert (colour(values, _ERROR_COLOURS, 100) == colour(torch.full((1, 100), 0.5), _ERROR_COLOURS, 100)).all()


def test_pictures_are_small_and_tell_their_size():
    found = picture("title", "caption", np.zeros((300, 600, 3), np.uint8), 200)
    assert (found.width, found.height) == (200, 100)
    assert found.address.startswith("data:image/webp;base64,")


def test_the_hardest_image_is_chosen_first(made):
    assert choose_images(made, "psnr") == [("made:png", "image2"), ("made:png", "image1")]
