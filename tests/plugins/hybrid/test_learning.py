from __future__ import annotations

import numpy as np
from rawbench_hybrid.learning import learn, rendered
from rawbench_hybrid.mixing import EVEN
from rawbench_hybrid.model import unlearned

from rawbench.training.frames import Frame

from .conftest import scene


def frame() -> Frame:
    raw, srgb = scene(48, 64)
    pixels = np.ascontiguousarray(srgb.permute(1, 2, 0).numpy())
    raw16 = np.rint(raw.permute(1, 2, 0).numpy() * 65535).astype(np.uint16)
    return Frame(np.ascontiguousarray(raw16), pixels, 255 - pixels)


def test_a_frame_teaches_counters_and_weights_the_same_each_time():
    models = [unlearned(), unlearned()]
    for model in models:
        learn(model, frame(), np.random.default_rng(5))
    assert (models[0].counters != EVEN).sum() > 500
    assert (models[0].weights != unlearned().weights).any()
    assert np.array_equal(models[0].counters, models[1].counters)
    assert np.array_equal(models[0].weights, models[1].weights)


def test_renditions_are_of_every_kind():
    random, one = np.random.default_rng(0), frame()
    images = [rendered(one, random) for _ in range(40)]
    plain = sum(np.array_equal(image, one.srgb) for image in images)
    inverse = sum(abs(float(image.mean()) - float(one.developed.mean())) < 3 for image in images)
    assert 4 <= plain <= 20 and 6 <= inverse <= 24
    assert all(image.dtype == np.uint8 and image.shape == one.srgb.shape for image in images)
