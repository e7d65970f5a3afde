from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rawbench.metrics import strips as module
from rawbench.metrics.strips import strips


@given(height=st.integers(1, 40), width=st.integers(1, 9), halo=st.integers(0, 12), pixels=st.integers(1, 200))
def test_every_window_lies_in_exactly_one_strip(height: int, width: int, halo: int, pixels: int) -> None:
    image = torch.arange(height, dtype=torch.float32).view(1, height, 1).expand(3, height, width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STRIP_PIXELS", pixels)
        pieces = [piece for (piece,) in strips(image, halo=halo)]
    firsts = [int(row) for piece in pieces for row in piece[0, : piece.shape[1] - halo, 0]]
    assert firsts == list(range(max(0, height - halo)))
    for piece in pieces:
        assert piece.dtype == torch.float64 and piece.shape[1] > halo
        assert (piece[0, 1:, 0] - piece[0, :-1, 0] == 1).all()


def test_several_images_stay_together() -> None:
    first, second = torch.zeros(3, 5, 4), torch.full((3, 5, 4), 255, dtype=torch.uint8)
    ((a, b),) = strips(first, second)
    assert (a == 0).all() and (b == 255).all() and b.dtype == torch.float64


def test_broadcasting_is_refused() -> None:
    with pytest.raises(ValueError, match=r"different sizes: \(3, 5, 4\), \(1, 5, 4\)"):
        next(strips(torch.zeros(3, 5, 4), torch.zeros(1, 5, 4)))
