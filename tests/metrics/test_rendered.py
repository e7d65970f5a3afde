from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from rawbench.camera.color import SRGB_TO_XYZ, camera_to_srgb, srgb_encode
from rawbench.errors import SampleError
from rawbench.metrics.rendered import (
    Ciede2000,
    PsnrBrighter,
    PsnrDarker,
    PsnrRendered,
    PsnrWarmer,
    matrix_to_srgb,
    render_linear,
)

XYZ_TO_CAMERA = [0.766, -0.214, -0.069, -0.353, 1.153, 0.223, -0.042, 0.106, 0.630]
MATRIX = np.array(XYZ_TO_CAMERA).reshape(3, 3)
ALL = [PsnrRendered, PsnrBrighter, PsnrDarker, PsnrWarmer, Ciede2000]


def rendition(raw: torch.Tensor, gains: tuple[float, ...] = (1, 1, 1)) -> np.ndarray:
    """The plain ISP in numpy: (H, W, 3) sRGB values."""
    balanced = np.clip(raw.double().permute(1, 2, 0).numpy() * np.array(gains), 0, 1)
    return srgb_encode(np.clip(balanced @ camera_to_srgb(MATRIX).T, 0, 1))


@pytest.mark.parametrize(
    ("metric", "gains"),
    [
        (PsnrRendered, (1, 1, 1)),
        (PsnrBrighter, (4, 4, 4)),
        (PsnrDarker, (0.25, 0.25, 0.25)),
        (PsnrWarmer, (1.3, 1, 0.75)),
    ],
)
def test_psnr_of_the_rendition_agrees_with_scikit_image(metric, gains, pair, make_sample) -> None:
    raw, decoded = pair
    sample = make_sample(raw, xyz_to_camera=XYZ_TO_CAMERA)
    expected = peak_signal_noise_ratio(rendition(raw, gains), rendition(decoded, gains), data_range=1.0)
    assert metric().compute(raw, decoded, sample) == pytest.approx(expected, rel=1e-9)


def test_ciede2000_agrees_with_scikit_image(pair, make_sample) -> None:
    raw, decoded = pair
    sample = make_sample(raw, xyz_to_camera=XYZ_TO_CAMERA)
    expected = deltaE_ciede2000(rgb2lab(rendition(raw)), rgb2lab(rendition(decoded))).mean()
    # Its white point differs in the fifth digit.
    assert Ciede2000().compute(raw, decoded, sample) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("metric", ALL)
def test_not_defined_without_a_camera_matrix(metric, pair, make_sample) -> None:
    raw, decoded = pair
    assert math.isnan(metric().compute(raw, decoded, make_sample(raw)))


@pytest.mark.parametrize("scale", [1, 10_000])
@pytest.mark.parametrize("nested", [False, True])
def test_the_matrix_is_taken_at_any_scale_and_nesting(scale, nested, pair, make_sample) -> None:
    values = (MATRIX * scale).tolist() if nested else (MATRIX * scale).ravel().tolist()
    found = matrix_to_srgb(make_sample(pair[0], xyz_to_camera=values).info)
    np.testing.assert_allclose(found, camera_to_srgb(MATRIX), rtol=1e-12)


def test_the_noughts_of_an_unknown_camera_are_no_matrix(pair, make_sample) -> None:
    assert matrix_to_srgb(make_sample(pair[0], xyz_to_camera=[[0.0] * 3] * 3).info) is None


@pytest.mark.parametrize("values", [[1, 2, 3], ["x"] * 9, [1] * 9])
def test_a_broken_matrix_is_named(values, pair, make_sample) -> None:
    with pytest.raises(SampleError, match="image one: xyz_to_camera is no invertible 3x3 matrix"):
        matrix_to_srgb(make_sample(pair[0], xyz_to_camera=values).info)


def test_raw_in_xyz_needs_no_camera(make_sample) -> None:
    srgb = torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64).view(3, 1, 1)
    raw = torch.from_numpy(SRGB_TO_XYZ) @ srgb.flatten(1)
    matrix = matrix_to_srgb(make_sample(raw.view(3, 1, 1), raw_space="xyz").info)
    rendered = render_linear(raw.view(3, 1, 1), torch.from_numpy(matrix))
    torch.testing.assert_close(rendered, srgb)


def test_burnt_out_highlights_stay_neutral() -> None:
    matrix = torch.from_numpy(camera_to_srgb(MATRIX))
    bright = torch.tensor([0.6, 0.9, 0.7], dtype=torch.float64).view(3, 1, 1)
    assert render_linear(bright, matrix, (4, 4, 4)).flatten().tolist() == pytest.approx([1, 1, 1])
