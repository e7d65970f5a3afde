"""The images of the kit are what methods are promised."""

from __future__ import annotations

import numpy as np
import pytest

from rawbench.testing import scenes
from rawbench.testing.scenes import Image, kit_images


@pytest.mark.parametrize("image", kit_images(), ids=lambda image: image.name)
def test_raw_on_the_16_bit_grid_and_srgb_of_the_same_size(image: Image) -> None:
    assert image.raw.dtype == np.float32 and image.srgb.dtype == (np.uint16 if image.kind == "deep" else np.uint8)
    assert image.raw.shape == image.srgb.shape and image.raw.shape[0] == 3
    grid = np.round(image.raw.astype(np.float64) * 65535)
    assert np.array_equal((grid / 65535).astype(np.float32), image.raw)
    assert grid.min() >= 0 and grid.max() <= 65535


def test_names_are_unique_and_seeds_make_the_same_images() -> None:
    names = [image.name for image in kit_images()]
    assert len(set(names)) == len(names)
    assert np.array_equal(scenes.dead_leaves(16, 24, 3), scenes.dead_leaves(16, 24, 3))


def test_natural_scenes_clip_a_little_and_hold_detail() -> None:
    for image in kit_images():
        if image.kind in ("natural", "medium"):
            assert 0 < (image.raw == 1).mean() < 0.03
            assert image.raw.std() > 0.08


def test_images_of_16_bits_are_those_of_8_and_finer() -> None:
    images = {image.name: image for image in kit_images()}
    deep = [image for image in images.values() if image.kind == "deep"]
    assert deep
    for image in deep:
        other = images[image.name.removesuffix("-16")]
        assert np.array_equal(image.raw, other.raw)
        assert np.abs(image.srgb / 257 - other.srgb).max() <= 0.5


def test_grey_stays_grey() -> None:
    srgb = scenes.render(np.full((3, 2, 2), 0.18))
    assert len(np.unique(srgb)) == 1
