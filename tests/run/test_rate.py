from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.run.rate import RATES, bits_per_padded_pixel, bits_per_pixel, padded_side

sides = st.integers(1, 20_000)


def test_bits_per_pixel_by_hand() -> None:
    assert bits_per_pixel(1000, 100, 200) == 0.4
    assert bits_per_pixel(0, 1, 1) == 0


@pytest.mark.parametrize(("side", "padded"), [(1, 128), (127, 128), (128, 256), (129, 256), (912, 1024)])
def test_a_side_that_divides_grows_by_a_full_multiple(side: int, padded: int) -> None:
    assert padded_side(side) == padded


@pytest.mark.parametrize(("height", "width", "ratio"), [(816, 1216, 1.156), (912, 1360, 1.162), (864, 1152, 1.152)])
def test_the_published_test_sizes_lose_fifteen_percent(height: int, width: int, ratio: float) -> None:
    found = bits_per_pixel(1000, height, width) / bits_per_padded_pixel(1000, height, width)
    assert found == pytest.approx(ratio, abs=5e-4)


@given(stream_bytes=st.integers(1, 10**9), height=sides, width=sides)
def test_padding_always_flatters(stream_bytes: int, height: int, width: int) -> None:
    assert bits_per_padded_pixel(stream_bytes, height, width) < bits_per_pixel(stream_bytes, height, width)


@pytest.mark.parametrize("arguments", [(1, 0, 5), (1, 5, 0), (-1, 5, 5)])
def test_nonsense_is_refused(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no rate of"):
        bits_per_pixel(*arguments)


def test_rates_are_listed_like_metrics() -> None:
    assert [rate.name for rate in RATES] == ["bytes", "bpp", "bpp_padded", "bits_estimated"]
    assert all(rate.version == 1 and rate.unit and rate.summary for rate in RATES)
    assert not any(rate.higher_is_better for rate in RATES)
