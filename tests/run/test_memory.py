"""The peak of memory is that since it was last forgotten."""

from __future__ import annotations

import pytest

from rawbench.run.memory import forget_peak, peak_resident_bytes

BIG = 200_000_000


def test_the_peak_sees_what_is_gone_and_can_be_forgotten():
    forget_peak()
    before = peak_resident_bytes()
    bytearray(b"x") * BIG
    peak = peak_resident_bytes()
    assert peak - before > 0.9 * BIG
    forget_peak()
    if peak_resident_bytes() == peak:
        pytest.skip("this system does not forget")
    assert peak_resident_bytes() < peak - 0.9 * BIG
