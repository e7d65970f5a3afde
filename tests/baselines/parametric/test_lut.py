from __future__ import annotations

import numpy as np
import pytest
import torch
from rawbench_parametric import lut
from rawbench_parametric.lut import SIZES, Lut

from rawbench.codec import unwatched

from ..conftest import psnr


@pytest.mark.parametrize("name", ["scene-a", "17x33", "7x12", "1x1", "black", "saturated", "unrelated-noise"])
@pytest.mark.parametrize("size", [3, 33])
def test_any_image_comes_back_as_raw(codec, scenes, name, size):
    raw, srgb = scenes[name]
    decoded = codec(Lut, f"lattice={size}").decode(codec(Lut, f"lattice={size}").encode(raw, srgb), srgb)
    assert decoded.shape == raw.shape and decoded.dtype == torch.float32
    assert float(decoded.min()) >= 0 and float(decoded.max()) <= 1


def test_bytes_and_psnr_grow_with_the_lattice(codec, scenes):
    raw, srgb = scenes["medium"]
    sizes, values = [], []
    for point in Lut.rate_points(None):
        payload = codec(Lut, point.name).encode(raw, srgb)
        sizes.append(len(payload))
        values.append(psnr(raw, codec(Lut, point.name).decode(payload, srgb)))
    assert sizes == sorted(sizes) and len(set(sizes)) == len(SIZES) and sizes[-1] <= 65536
    assert values == sorted(values)


@pytest.mark.parametrize("size", SIZES)
def test_look_up_is_the_trilinear_matrix(size):
    rng = np.random.default_rng(0)
    nodes = rng.normal(size=(size**3, 3))
    colours = rng.integers(0, 256, (200, 3), dtype=np.uint8)
    colours[0], colours[1] = 0, 255
    weights = lut.trilinear(colours, size)
    assert np.allclose(weights.sum(1), 1) and weights.min() >= 0
    srgb = torch.from_numpy(colours.T.reshape(3, 10, 20).copy())
    looked_up = lut.look_up(nodes, srgb, size, unwatched).reshape(3, -1).T.numpy()
    assert np.allclose(looked_up, weights @ nodes)
    near = lut.node_weights(colours, np.full(200, 3), size)
    assert np.allclose(near, 3 * np.asarray(weights.sum(0)).ravel())


def test_a_smooth_function_is_fitted():
    rng = np.random.default_rng(1)
    srgb = torch.from_numpy(rng.integers(0, 256, (3, 100, 100), dtype=np.uint8))
    truth = (srgb.double() / 255) ** 2 - 0.3
    colours, counts, means = lut.colour_means(srgb, truth)
    nodes = lut.fit_lattice(colours, counts, means, 9)
    assert float((lut.look_up(nodes, srgb, 9, unwatched) - truth).abs().mean()) < 0.01


def test_damaged_payloads(codec, scenes, check_damage):
    raw, srgb = scenes["17x33"]
    check_damage(codec(Lut, "lattice=9"), codec(Lut, "lattice=9").encode(raw, srgb), srgb)
