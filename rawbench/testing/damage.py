"""Streams as accidents and strangers make them: cut, flipped, foreign, and payloads that lie about sizes."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from rawbench.stream import codec_id, read_stream, write_stream
from rawbench.varint import write_varint


def damaged_files(data: bytes, payload_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Cuts, flips of every bit of the header and of some of the payload, and other damage.

    Args:
        data: a whole .rbs file.
        payload_bytes: how much of it is the payload.

    Yields:
        What was done, and the file.
    """
    head = len(data) - payload_bytes
    chance = random.Random(len(data))
    cuts = {0, 1, 3, head - 1, head, head + payload_bytes // 2, len(data) - 1}
    for size in sorted(size for size in cuts if 0 <= size < len(data) and not (size == head == len(data))):
        yield ("an empty file" if size == 0 else f"cut to {size} of {len(data)} bytes"), data[:size]
    bits = [8 * byte + bit for byte in range(head) for bit in range(8)]
    bits += sorted(chance.randrange(8 * head, 8 * len(data)) for _ in range(24 if payload_bytes else 0))
    for bit in bits:
        yield f"bit {bit % 8} of byte {bit // 8} flipped", _flip(data, bit)
    yield "a byte appended", data + b"\0"
    yield "its first byte lost", data[1:]
    yield "a text file", b"This is no stream.\n" * 4
    claim = data[:4] + write_varint(40_000) + write_varint(25_000) + bytes(4)
    yield "a header that claims 10^9 pixels", claim
    yield "a header that claims 4*10^12 pixels", data[:4] + write_varint(2**21 - 1) * 2 + bytes(4)
    yield "a format version of 0", bytes([data[0] & 0xF0]) + data[1:]


def foreign_files(
    data: bytes,
    srgb: Tensor,
    other_srgb: Tensor,
    wrong_size_srgb: Tensor,
    name: str,
    listed: Collection[int] = range(256),
) -> Iterator[tuple[str, bytes, Tensor]]:
    """Whole and undamaged files that do not belong here: other image, method, version.

    Args:
        data: a file for ``srgb``.
        srgb: uint8 (3, H, W).
        other_srgb: another image of the same size.
        wrong_size_srgb: an image of another size.
        name: the method's name.
        listed: indices of the rate points that it has.

    Yields:
        What is foreign, the file and the sRGB to decode it with.
    """
    header, payload = read_stream(data, srgb)
    changed = srgb.clone()
    changed[0, 0, 0] ^= 1
    yield "the sRGB of another image", data, other_srgb
    yield "an sRGB with one value changed", data, changed
    yield "the sRGB with 16 bits", data, (srgb.int() * 257).to(torch.uint16)
    yield "an sRGB of another size", data, wrong_size_srgb
    yield "an sRGB with rows and columns swapped", data, srgb.transpose(1, 2).contiguous()
    foreign = replace(header, codec_id=codec_id(f"not {name}"))
    yield "the stream of another method", write_stream(foreign, payload, srgb), srgb
    unlisted = next((index for index in range(255, -1, -1) if index not in listed), None)
    if unlisted is not None:
        yield (
            "a rate point that the method does not have",
            write_stream(replace(header, rate_point=unlisted), payload, srgb),
            srgb,
        )
    if header.format_version < 15:
        newer = replace(header, format_version=15)
        yield "a format version of the future", write_stream(newer, payload, srgb), srgb


def damaged_payloads(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """What may stand where a payload should: given to ``decode`` itself, behind the back of the checksums.

    Numbers at the start of a payload are made large on purpose, as those are the ones to allocate by.
    """
    size = len(payload)
    chance = random.Random(size)
    cuts = {*range(min(size, 8)), size // 4, size // 2, 3 * size // 4, size - 2, size - 1}
    for cut in sorted(cut for cut in cuts if 0 <= cut < size):
        yield ("an empty payload" if cut == 0 else f"a payload cut to {cut} of {size} bytes"), payload[:cut]
    for start in range(min(size, 12)):
        for run in (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"):
            yield f"bytes {start}.. of the payload set to {run.hex()}", _overwrite(payload, start, run)
        yield f"byte {start} of the payload set to 0", _overwrite(payload, start, b"\0")
        yield f"bit 0 of byte {start} of the payload flipped", _flip(payload, 8 * start)
    for bit in sorted(chance.randrange(8 * size) for _ in range(16 if size else 0)):
        yield f"bit {bit % 8} of byte {bit // 8} of the payload flipped", _flip(payload, bit)
    for length in (1, 4, 16, max(size, 1), 4096):
        yield f"{length} random bytes", chance.randbytes(length)
        yield f"{length} bytes 0x00", bytes(length)
        yield f"{length} bytes 0xff", b"\xff" * length
    yield "the payload twice", payload * 2
    yield "the payload backwards", payload[::-1]
    yield "the payload with a byte appended", payload + b"\0"


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _overwrite(data: bytes, start: int, run: bytes) -> bytes:
    return (data[:start] + run + data[start + len(run) :])[: len(data)]
