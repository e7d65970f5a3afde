from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.color import deltaE_ciede2000, rgb2lab

from rawbench.camera.color import srgb_encode as srgb_encode_numpy
from rawbench.metrics.color import ciede2000, lab_of, srgb_encode

# Sharma, Wu and Dalal 2005, Table 1.
SHARMA = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, 3.1571, -77.2803), (50.0, 0.0, -82.7485), 2.8615),
    ((50.0, 2.8361, -74.0200), (50.0, 0.0, -82.7485), 3.4412),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "expected"), SHARMA)
def test_ciede2000_of_the_published_pairs(first, second, expected) -> None:
    a, b = (torch.tensor(lab, dtype=torch.float64) for lab in (first, second))
    assert float(ciede2000(a, b)) == pytest.approx(expected, abs=5e-5)


def labs(count: int = 8) -> st.SearchStrategy[np.ndarray]:
    channel = hnp.arrays(np.float64, count, elements=st.floats(-100, 100).map(lambda v: round(v, 3)))
    return st.tuples(channel, channel, channel).map(lambda t: np.stack([abs(t[0]), t[1], t[2]]))


@given(first=labs(), second=labs())
def test_ciede2000_agrees_with_scikit_image(first: np.ndarray, second: np.ndarray) -> None:
    ours = ciede2000(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    np.testing.assert_allclose(ours, deltaE_ciede2000(first, second, channel_axis=0), atol=1e-6)


@given(first=labs(), second=labs())
def test_ciede2000_is_symmetric_and_nought_for_itself(first: np.ndarray, second: np.ndarray) -> None:
    a, b = torch.from_numpy(first), torch.from_numpy(second)
    torch.testing.assert_close(ciede2000(a, b), ciede2000(b, a), rtol=1e-9, atol=1e-6)
    assert (ciede2000(a, a) == 0).all()


def test_lab_agrees_with_scikit_image() -> None:
    linear = torch.rand(3, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = rgb2lab(srgb_encode(linear).numpy(), channel_axis=0)
    # Its white is rounded to five digits and does not quite sum from its matrix.
    np.testing.assert_allclose(lab_of(linear).numpy(), expected, atol=0.02)


def test_white_and_black_are_neutral() -> None:
    for level, lightness in ((1.0, 100.0), (0.0, 0.0), (0.18, 49.496)):
        lab = lab_of(torch.full((3, 1, 1), level, dtype=torch.float64)).flatten()
        assert lab.tolist() == pytest.approx([lightness, 0, 0], abs=1e-3)


def test_the_curve_is_the_cameras() -> None:
    linear = torch.linspace(0, 1, 1001, dtype=torch.float64)
    np.testing.assert_allclose(srgb_encode(linear).numpy(), srgb_encode_numpy(linear.numpy()), atol=1e-12)
