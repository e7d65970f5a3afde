from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rawbench.training.quality import psnr_of


@given(st.floats(1e-12, 1.0, allow_subnormal=False))
def test_it_is_the_metrics_own(mse):
    from rawbench.metrics.pixelwise import psnr_of as reference

    assert float(psnr_of(torch.tensor(mse, dtype=torch.float64))) == pytest.approx(reference(mse))


def test_no_error_is_finite_and_has_no_gradient():
    mse = torch.zeros(2, requires_grad=True)
    psnr_of(mse).sum().backward()
    assert mse.grad is not None and bool((mse.grad == 0).all())
