from __future__ import annotations

import numpy as np
import pytest
from rawbench_hybrid.guide import GROUPS, Guide, fit_guide, plus, read_guide
from rawbench_hybrid.wavelet import Bands, forward

from rawbench import StreamError


def bands_of(seed, shape=(48, 64)):
    random = np.random.default_rng(seed)
    return [forward(random.normal(0, 400, shape).astype(np.float32), 3) for _ in range(3)]


def scaled(bands, factor):
    details = [tuple(np.float32(factor) * band for band in three) for three in bands.details]
    return Bands(np.float32(factor) * bands.low, details)


def energy(bands):
    return sum(float((band**2).sum()) for b in bands for three in b.details for band in three)


def test_what_follows_the_texture_is_guessed():
    texture = bands_of(0)
    wanted = [scaled(b, -0.25) for b in texture]
    guide = fit_guide([(wanted, texture)], exchange=10.0, size=50.0)
    left = plus(wanted, guide.guess(texture), -1)
    assert set(guide.groups) == set(GROUPS)
    assert energy(left[:2]) < 0.01 * energy(wanted[:2])  # the third colour has no group in the third level
    again = plus(left, guide.guess(texture))
    assert np.allclose(again[0].details[0][0], wanted[0].details[0][0], atol=1e-2)


def test_what_does_not_pay_is_not_written():
    guide = fit_guide([(bands_of(1), bands_of(2))], exchange=1e5, size=50.0)
    assert not guide.groups and guide.to_bytes() == b"\0"


def test_bytes_come_back():
    guide = Guide({(0, 1): (12, np.array([1, -127, 127, 0])), (2, 0): (40, np.array([-3, 4, 5, -6]))})
    read, rest = read_guide(guide.to_bytes() + b"rest")
    assert rest == b"rest" and set(read.groups) == set(guide.groups)
    for group, (reach, terms) in guide.groups.items():
        assert read.groups[group][0] == reach and np.array_equal(read.groups[group][1], terms)


def test_images_of_fewer_levels_are_guided_where_they_have_any():
    random = np.random.default_rng(3)
    texture = [forward(random.normal(0, 400, (20, 30)).astype(np.float32), 1) for _ in range(3)]
    guide = fit_guide([([scaled(b, 0.5) for b in texture], texture)], exchange=1.0, size=50.0)
    assert {level for level, _ in guide.groups} == {0}
    assert not fit_guide([([Bands(b.low, []) for b in texture], [Bands(b.low, []) for b in texture])], 1.0, 50.0).groups


@pytest.mark.parametrize("payload", [b"", b"\x01abc", b"\x01\xff0000"])
def test_malformed_bytes_are_told(payload):
    with pytest.raises(StreamError):
        read_guide(payload)
