"""A budget of bytes: met from below, within 5 % where the method has rates in between."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rawbench.codec import Codec
from rawbench.photo.budget import CLOSE, _Search, _Shares
from rawbench.plugins import load_plugins
from rawbench.types import RatePoint
from tests.camera_files import frame, write_dng


def added(call, *arguments) -> int:
    ended = call("pack", *arguments, "-o", "x.rb.jpg", "--no-verify")
    assert ended.code == 0, ended.err
    found = json.loads(call("inspect", "x.rb.jpg", "--json").out)
    assert f"{found['added_bytes']} bytes added" in ended.out
    return found["added_bytes"]


@pytest.mark.parametrize("method", ["residual", "hybrid"])
@pytest.mark.parametrize("limit", [700, 2500, 9000])
def test_a_budget_is_used_within_5_percent(call, tmp_path, limit, method):
    from tests.camera_files import jpeg, rendered

    path = write_dng(tmp_path / "a.dng", frame(192, 256, iso=800))
    carrier = tmp_path / "a.jpg"
    carrier.write_bytes(jpeg(rendered(path)))
    used = added(call, path, "--carrier", carrier, "--max-bytes", limit, "--method", method)
    assert CLOSE * limit - 64 <= used <= limit


def test_a_budget_that_holds_no_polynomial_is_refused_in_one_line(call, tmp_path):
    path = write_dng(tmp_path / "a.dng", frame(192, 256))
    ended = call("pack", path, "--max-bytes", 190, "--method", "hybrid", "-o", "x.rb.jpg")
    assert ended.code == 2 and "more than 190" in ended.err and len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("method", ["residual", "learned"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
def test_a_rate_in_between_is_a_rate_point_of_its_own_options(method, share):
    codec = load_plugins().methods.load(method)
    options = codec.Options()
    points = codec.rate_points(options)
    for lower, higher in zip(points, points[1:], strict=False):
        found = codec.between(options, lower, higher, share)
        if found is not None:
            chosen, point = found
            assert codec.rate_points(chosen) == [point]
            assert lower.index <= max(point.index, lower.index) <= higher.index


class Smooth(Codec):
    """A method whose bytes are an exponential of the position."""

    name = "smooth"

    @classmethod
    def rate_points(cls, options):
        return [RatePoint(index, str(index)) for index in range(6)]

    @classmethod
    def between(cls, options, lower, higher, share):
        return options, RatePoint(lower.index, f"{lower.index + share}")

    def encode(self, raw, srgb):
        raise NotImplementedError

    def decode(self, payload, srgb):
        raise NotImplementedError


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.floats(10, 3e6), st.floats(0.3, 3.0), st.booleans(), st.floats(1.5, 6))
def test_the_search_ends_close_below_the_room(room, wrong, known, growth):
    """Whatever the blocks say, or where they say nothing."""

    def size(position):
        return round(50 * growth ** (2 * position))

    shares = [wrong * size(position) for position in range(6)] if known else None
    search = _Search(Smooth, None, Smooth.rate_points(None), room, shares)
    for _ in range(8):
        position = search.next()
        if position is None:
            break
        assert search.at(position) is not None and position not in search.known
        search.known[position] = size(position)
    low, high = search.bounds()
    if room < size(0):
        assert low == -1 and high == 0
    elif room >= size(5):
        assert low == 5 or search.known[low] >= CLOSE * room
    else:
        assert low >= 0 and (search.known[low] >= CLOSE * room or search.known[low] + 3 >= room or high - low < 0.05)


def test_shares_are_found_out_once_and_only_where_they_are_asked_for():
    found = []
    shares = _Shares(8, lambda number: found.append(number) or 10.0 * 3**number)
    search = _Search(Smooth, None, Smooth.rate_points(None), 400.0, shares)
    assert 3 < search.next() < 4
    assert len(set(found)) == len(found) < 6
    assert shares[2:4] == [90.0, 270.0]
    with pytest.raises(IndexError):
        shares[8]


@pytest.mark.parametrize("method", ["poly", "residual", "hybrid"])
def test_expected_bytes_are_those_of_a_target_rate(method):
    codec = load_plugins().methods.load(method)
    points = codec.rate_points(codec.Options())
    expected = [codec.expected_bytes(codec.Options(), point, 8_000_000) for point in points]
    if method != "residual":
        assert expected == [None] * len(points)
    else:
        assert expected[0] is None and expected[-1] is None and expected[1:-1] == sorted(expected[1:-1])
        assert expected[1] == 10_000
