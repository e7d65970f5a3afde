"""Damage is damage: no case is the honest stream, and all that should be there is."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from rawbench.stream import Header, codec_id, read_stream, write_stream
from rawbench.testing.damage import damaged_files, damaged_payloads, foreign_files

SRGB = torch.arange(3 * 5 * 4, dtype=torch.uint8).reshape(3, 5, 4)


def stream(payload: bytes) -> bytes:
    return write_stream(Header(codec_id("mine"), 1, 0, 5, 4), payload, SRGB)


@given(st.binary(max_size=60))
def test_no_damaged_file_is_the_file(payload: bytes) -> None:
    data = stream(payload)
    cases = dict(damaged_files(data, len(payload)))
    assert data not in cases.values()
    assert cases["an empty file"] == b""
    header_bits = 8 * (len(data) - len(payload))
    flips = [what for what in cases if what.startswith("bit ")]
    assert len(flips) >= header_bits


@given(st.binary(max_size=60))
def test_damaged_payloads_are_cut_flipped_and_made_large(payload: bytes) -> None:
    cases = dict(damaged_payloads(payload))
    cuts = {len(damaged) for what, damaged in cases.items() if what.startswith(("a payload cut", "an empty"))}
    assert cuts == {cut for cut in cuts if cut < len(payload)}
    assert not payload or 0 in cuts
    if len(payload) > 4:
        assert any(
            damaged.startswith(b"\xff\xff\xff\xff") and len(damaged) == len(payload) for damaged in cases.values()
        )


def test_foreign_files_are_whole_but_foreign() -> None:
    cases = list(foreign_files(stream(b"payload"), SRGB, SRGB.flip(2), SRGB[:, 1:], "mine"))
    assert len({what for what, _, _ in cases}) == len(cases) == 7
    for what, data, srgb in cases:
        assert data != stream(b"payload") or srgb.dtype != SRGB.dtype or not torch.equal(srgb, SRGB), what


def test_a_stream_of_a_rate_point_that_is_not_there():
    listed = foreign_files(stream(b"x"), SRGB, SRGB.flip(2), SRGB[:, 1:], "mine", {0, 255})
    cases = {what: data for what, data, _ in listed}
    assert read_stream(cases["a rate point that the method does not have"])[0].rate_point == 254
    every = [what for what, _, _ in foreign_files(stream(b"x"), SRGB, SRGB.flip(2), SRGB[:, 1:], "mine")]
    assert "a rate point that the method does not have" not in every
