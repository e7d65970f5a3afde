"""Variable-length integers: what goes in comes out, and no length of bytes is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.errors import StreamError
from rawbench.varint import read_varint, write_varint


@given(value=st.integers(0, 2**35 - 1), before=st.binary(max_size=3), rest=st.binary(max_size=4))
def test_varints_come_back(value: int, before: bytes, rest: bytes) -> None:
    data = write_varint(value)
    assert len(data) == max(1, -(-value.bit_length() // 7))
    assert read_varint(before + data + rest, len(before), max_bytes=5) == (value, len(before) + len(data))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff\xff"])
def test_a_cut_number_is_refused(data: bytes) -> None:
    with pytest.raises(StreamError, match="cut within a number"):
        read_varint(data, 0)


def test_a_number_of_too_many_bytes_is_refused() -> None:
    with pytest.raises(StreamError, match="more than 21 bits"):
        read_varint(write_varint(2**21), 0)
