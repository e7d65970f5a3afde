from __future__ import annotations

import numpy as np
import pytest
from rawbench_parametric import jpeg2000, rate_search

from rawbench.codec import unwatched


def planes_of(shape, seed=0):
    """Residual-like planes: noise whose strength differs from place to place and from axis to axis."""
    rng = np.random.default_rng(seed)
    strength = np.linspace(0.2, 3, shape[1])[None, :, None] * np.array([60.0, 25.0, 10.0])
    return np.rint(32768 + rng.normal(0, 1, (*shape, 3)) * strength).astype(np.uint16)


@pytest.mark.parametrize("bpp", [0.2, 0.8, 4.0])
def test_large_images_fill_the_room_in_fewer(monkeypatch, bpp):
    """Most of the residual lies in one corner, where bands or blocks of the image could miss it."""
    monkeypatch.setattr(rate_search, "_LARGE_PIXELS", 10_000)
    planes, trials, encode = np.full((320, 384, 3), rate_search.MIDDLE, np.uint16), [], jpeg2000.encode
    planes[200:, 200:] = planes_of((120, 184))
    room = bpp * 320 * 384 / 8
    monkeypatch.setattr(jpeg2000, "encode", lambda *a: trials.append(1) or encode(*a))
    way, body = rate_search.best_quality(planes, room, unwatched)
    assert 0.9 * room < len(body) <= room and way == 0
    assert len(trials) <= 4


@pytest.mark.parametrize("bpp", [1.0, 2.0, 8.0])
def test_few_trials_fill_the_room(monkeypatch, bpp):
    planes, trials, encode = planes_of((160, 192)), [], jpeg2000.encode
    room = bpp * 160 * 192 / 8
    monkeypatch.setattr(jpeg2000, "encode", lambda *a: trials.append(1) or encode(*a))
    way, body = rate_search.best_quality(planes, room, unwatched)
    assert 0.95 * room < len(body) <= room and way == 0
    assert len(trials) <= 5


def test_the_estimate_grows_with_the_quality_and_is_near():
    planes = planes_of((128, 128))
    expected = rate_search.expected_log_bytes(planes)
    assert (np.diff(expected) > 0).all()
    nothing = rate_search.decibels(planes, None)
    for gain in (3.0, 8.0):
        size = len(jpeg2000.encode(planes, nothing + gain))
        assert 0.6 < np.exp(np.interp(gain, rate_search._GAINS, expected)) / size < 1.6


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 5)])
def test_planes_of_zeros_and_of_any_size(shape):
    planes = np.full((*shape, 3), rate_search.MIDDLE, np.uint16)
    found = rate_search.best_quality(planes, 200.0, unwatched)
    assert found is None  # the polynomial alone is as good


@pytest.mark.parametrize("way", range(rate_search.WAYS))
def test_planes_turned_twice_are_as_before(way):
    planes = np.random.default_rng(1).integers(1, 65536, (5, 7, 3)).astype(np.uint16)
    turned = rate_search.turned(planes, way)
    assert np.array_equal(rate_search.turned(turned, way), planes)
    assert way == 0 or not np.array_equal(turned, planes)
    assert rate_search.turned(np.zeros((1, 1, 3), np.uint16), 4).tolist() == [[[65535] * 3]]


@pytest.mark.parametrize("unsound", [{0}, {0, 1, 2}, set(range(rate_search.WAYS))])
def test_a_cut_that_decodes_to_garbage_is_coded_in_another_way(monkeypatch, unsound):
    """Garbage in one corner of every codestream of some ways, as OpenJPEG makes it over a range of rates."""
    planes, decode, turned, ways = planes_of((160, 192)), jpeg2000.decode, rate_search.turned, []

    def spoilt(body, height, width, exact):
        decoded = decode(body, height, width, exact)
        if ways[-1] in unsound:
            decoded[:16, :16] += np.uint16(300)
        return decoded

    monkeypatch.setattr(jpeg2000, "decode", spoilt)
    monkeypatch.setattr(rate_search, "turned", lambda planes, way: ways.append(way) or turned(planes, way))
    room = 160 * 192 / 4
    way, body = rate_search.best_quality(planes, room, unwatched)
    sound = set(range(rate_search.WAYS)) - unsound
    assert way == min(sound, default=way)
    assert 0.75 * room < len(body) <= room
    reached = rate_search.decibels(turned(planes, way), decode(body, 160, 192, False))
    assert reached > rate_search.decibels(planes, None) + 3


@pytest.mark.parametrize("coarser", range(1, jpeg2000.MAX_COARSER + 1))
def test_coarser_steps_cost_little(coarser):
    planes = planes_of((128, 160))
    wanted = rate_search.decibels(planes, None) + 3
    fine, divided = jpeg2000.encode(planes, wanted), planes.copy()
    jpeg2000.divide(divided, coarser)
    coarse = jpeg2000.encode(divided, wanted, coarser)
    reached = [rate_search.decibels(planes, jpeg2000.decode(body, 128, 160, False)) for body in (fine, coarse)]
    assert reached[1] > reached[0] - 0.1 and len(coarse) < 1.1 * len(fine) + 60


def test_planes_are_divided_about_their_middle():
    planes = np.array([[[32768, 32767, 32772], [32764, 1, 65535]]], np.uint16)
    jpeg2000.divide(planes, 3)
    assert planes.tolist() == [[[32768, 32768, 32769], [32768, 28672, 36864]]]


@pytest.mark.parametrize("bpp", [0.3, 1.0, 6.0])
def test_coarsely_coded_planes_fill_the_room(monkeypatch, bpp):
    """Nearly as good as those of which no bit is spared: but for 6 decibels a bit of each of three planes."""
    planes, room, reached = planes_of((320, 400)), bpp * 320 * 400 / 8, []
    monkeypatch.setattr(rate_search, "_LARGE_PIXELS", 10_000)
    for least in (1 << 20, 10_000):
        monkeypatch.setattr(rate_search, "_COARSE_PIXELS", least)
        way, body = rate_search.best_quality(planes.copy(), room, unwatched)
        assert 0.94 * room < len(body) <= room and way == 0
        quality = rate_search.decibels(planes, jpeg2000.decode(body, 320, 400, False))
        reached.append(quality + 6 / 3 * (room - len(body)) / room * bpp)
    assert reached[1] > reached[0] - 0.15


def test_bands_of_rows_tell_how_the_bytes_grow(monkeypatch):
    planes = planes_of((512, 192))
    every = rate_search.expected_log_bytes(planes)
    monkeypatch.setattr(rate_search, "_ESTIMATED_PIXELS", 512 * 192 // 3)
    told = (rate_search._GAINS > 1) & (rate_search._GAINS < 20)
    assert np.abs(rate_search.expected_log_bytes(planes) - every)[told].max() < 0.05
