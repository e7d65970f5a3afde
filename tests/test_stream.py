"""The .rbs file: what goes in comes out, and nothing else is read as a stream."""

from __future__ import annotations

import binascii
import tracemalloc
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rawbench.errors import StreamError
from rawbench.stream import (
    MAX_PIXELS,
    MAX_SIDE,
    Header,
    codec_id,
    read_stream,
    srgb_check,
    write_stream,
)
from rawbench.varint import write_varint


def srgb_of(height: int, width: int, start: int = 0) -> torch.Tensor:
    values = torch.arange(start, start + 3 * height * width) % 251
    return values.to(torch.uint8).reshape(3, height, width)


HEADER = Header(codec_id("mine"), 3, 7, 4, 5)
SRGB = srgb_of(4, 5)
STREAM = write_stream(HEADER, b"some payload", SRGB)

headers = st.builds(
    Header,
    codec_id=st.integers(0, 2**16 - 1),
    format_version=st.integers(1, 15),
    rate_point=st.integers(0, 255),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
)


@given(headers, st.binary(max_size=200))
def test_header_and_payload_come_back(header: Header, payload: bytes) -> None:
    srgb = srgb_of(header.height, header.width)
    data = write_stream(header, payload, srgb)
    assert read_stream(data, srgb) == (header, payload)
    assert read_stream(data) == (header, payload)


@given(headers, st.binary(max_size=200))
def test_a_stream_for_16_bits_is_none_for_8_and_the_other_way_round(header: Header, payload: bytes) -> None:
    srgb = srgb_of(header.height, header.width)
    deep, deep_header = (srgb.int() * 257).to(torch.uint16), replace(header, srgb_bits=16)
    data, plain = write_stream(deep_header, payload, deep), write_stream(header, payload, srgb)
    assert read_stream(data, deep) == read_stream(data) == (deep_header, payload)
    assert len(data) == len(plain)
    with pytest.raises(StreamError, match=r"for an sRGB of 16 bits \(rendition png16\), the sRGB has 8"):
        read_stream(data, srgb)
    with pytest.raises(StreamError, match=r"for an sRGB of 8 bits .*, the sRGB has 16"):
        read_stream(plain, deep)
    with pytest.raises(ValueError, match="another depth than the sRGB"):
        write_stream(header, payload, deep)


def test_the_check_of_16_bits_is_of_both_bytes() -> None:
    deep = SRGB.int() * 257
    check = srgb_check(deep.to(torch.uint16))
    assert check == binascii.crc_hqx(deep.permute(1, 2, 0).numpy().astype(">u2").tobytes(), 0xFFFF)
    for change in (1, 256):
        assert srgb_check((deep ^ change).to(torch.uint16)) != check


@given(st.integers(1, 16383), st.integers(1, 16383))
def test_the_header_takes_ten_to_twelve_bytes(height: int, width: int) -> None:
    data = write_stream(Header(1, 1, 0, height, width), b"", SRGB)
    assert len(data) == 10 + (height > 127) + (width > 127)
    assert read_stream(data)[0] == Header(1, 1, 0, height, width)


@pytest.mark.parametrize("payload", [b"", b"\0", b"some payload", bytes(range(64))])
def test_every_flipped_bit_is_refused(payload: bytes) -> None:
    data = write_stream(HEADER, payload, SRGB)
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StreamError):
            read_stream(bytes(damaged), SRGB)


def test_every_burst_of_16_bits_in_the_payload_is_refused() -> None:
    for start in range(10, len(STREAM) - 1):
        for burst in (b"\0\0", b"\xff\xff", b"\xa5\x5a"):
            damaged = STREAM[:start] + burst + STREAM[start + 2 :]
            if damaged != STREAM:
                with pytest.raises(StreamError, match="cut or damaged"):
                    read_stream(damaged, SRGB)


def test_every_cut_is_refused() -> None:
    for size in range(len(STREAM)):
        with pytest.raises(StreamError):
            read_stream(STREAM[:size], SRGB)


@given(st.binary(max_size=64))
def test_arbitrary_bytes_raise_nothing_but_stream_error(data: bytes) -> None:
    try:
        header, payload = read_stream(data)
    except StreamError as error:
        assert "\n" not in str(error)
    else:
        assert 1 <= header.height * header.width <= MAX_PIXELS
        assert len(payload) < len(data)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the stream is empty"),
        (b"\x89PNG\r\n\x1a\n0000", "not a rawbench stream: the first byte is 0x89"),
        (b"\xb0" + STREAM[1:], "not a rawbench stream: the first byte is 0xb0"),
        (STREAM[:9], "the stream is cut: 9 bytes are less than a header"),
        (STREAM[:-1], "the stream is cut or damaged: its checksum does not match"),
        (STREAM[:4] + b"\0" + STREAM[5:], "the header claims an image of 5x0 pixels: refused"),
        (STREAM[:4] + b"\xff\xff\xff\xff" + STREAM[8:], "the stream holds a number of more than 21 bits"),
        (
            STREAM[:4] + write_varint(40_000) * 2 + b"\0\0\0\0",
            "the header claims an image of 40000x40000 pixels: refused",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(data: bytes, sentence: str) -> None:
    with pytest.raises(StreamError) as caught:
        read_stream(data)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("sides", [(25_000, 40_000), (MAX_SIDE, MAX_SIDE)])
def test_a_claim_of_a_billion_pixels_is_refused_without_memory(sides: tuple[int, int]) -> None:
    claim = STREAM[:4] + write_varint(sides[0]) + write_varint(sides[1]) + STREAM[6:]
    tracemalloc.start()
    with pytest.raises(StreamError):
        read_stream(claim, SRGB)
    with pytest.raises(StreamError):
        read_stream(claim)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_another_srgb_is_refused() -> None:
    changed = SRGB.clone()
    changed[2, 3, 4] ^= 1
    for other in (changed, SRGB.flip(0), srgb_of(4, 5, 1)):
        with pytest.raises(StreamError, match="written for another sRGB image, or the sRGB was changed"):
            read_stream(STREAM, other)
    with pytest.raises(StreamError, match="for an image of 5x4 pixels, the sRGB has 4x5"):
        read_stream(STREAM, srgb_of(5, 4))


def test_the_check_of_the_srgb_is_of_its_values_not_of_its_memory() -> None:
    strided = SRGB.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert not strided.is_contiguous()
    assert srgb_check(strided) == srgb_check(SRGB)


@pytest.mark.parametrize(
    "header",
    [
        Header(1, 0, 0, 4, 5),
        Header(1, 16, 0, 4, 5),
        Header(1, 1, 256, 4, 5),
        Header(1, 1, 0, 0, 5),
        Header(1, 1, 0, MAX_SIDE + 1, 5),
        Header(1, 1, 0, 2**16, 2**15),
    ],
)
def test_what_could_not_be_read_is_not_written(header: Header) -> None:
    with pytest.raises(ValueError, match="out of range"):
        write_stream(header, b"", SRGB)


def test_codec_ids_are_fixed_for_ever() -> None:
    # Streams carry them: a change here makes every stream that was ever written unreadable.
    assert codec_id("uniform") == 0xEF37
    assert codec_id("poly") == 0x2E68
