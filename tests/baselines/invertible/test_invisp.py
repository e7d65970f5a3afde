from __future__ import annotations

import sqlite3

import pytest
import torch
from rawbench_invertible.invisp import InvISP, weights_of

from rawbench import StreamError, UsageError
from rawbench.run.own_rendition import on_carrier, rendered
from rawbench.testing import CodecConformance
from rawbench.types import Sample

from ..conftest import psnr


class TestContractOnItsOwnRendition(CodecConformance):
    method = "invisp:rendition=own"
    only = ("declaration", "options", "runs", "noise_images")


def test_no_bytes_and_a_raw(codec, scenes):
    raw, srgb = scenes["scene-a"]
    assert codec(InvISP, "none").encode(raw, srgb) == b""
    decoded = codec(InvISP, "none").decode(b"", srgb)
    assert decoded.shape == raw.shape and psnr(raw, decoded) > 10


def test_a_payload_is_refused(codec, scenes):
    with pytest.raises(StreamError, match="has no payload"):
        codec(InvISP, "none").decode(b"\0", scenes["scene-a"][1])


def test_its_own_rendition_brings_raw_back(codec, scenes):
    raw, srgb = scenes["scene-a"]
    encoder = codec(InvISP, "none", rendition="own")
    own = on_carrier(Sample(None, raw, srgb), rendered(encoder, raw, "jpeg90")).srgb
    with torch.inference_mode():
        unjpegged = codec(InvISP, "none").decode(b"", encoder.render(raw))
    decoder = codec(InvISP, "none")
    assert psnr(raw, decoder.decode(b"", own)) > psnr(raw, decoder.decode(b"", srgb))
    assert psnr(raw, unjpegged) > psnr(raw, decoder.decode(b"", own))


def test_tiles_change_nothing(codec, scenes):
    srgb = scenes["scene-a"][1]
    whole, tiled = (codec(InvISP, "none", tile=tile).decode(b"", srgb) for tile in (4096, 64))
    assert torch.allclose(whole, tiled, atol=1e-5)


def test_capabilities_of_the_two_modes():
    given, own = (InvISP.capabilities_of(InvISP.Options(rendition=r)) for r in ("dataset", "own"))
    assert not given.renders_its_own_srgb and not given.opt_outs and not given.uses_metadata
    assert own.renders_its_own_srgb and all(own.opt_outs.values())


def test_the_published_size_has_no_weights():
    with pytest.raises(UsageError, match="no weights.*weights=FILE"):
        weights_of(InvISP.Options(size="reference"), "cpu")
    assert 1.40e6 < InvISP.complexity(InvISP.Options(size="reference"))["parameters"] < 1.43e6


def test_both_modes_in_a_run(call, tmp_path):
    ended = call("run", "--methods", "invisp,invisp:rendition=own", "--dataset", "sample", "--metrics", "psnr",
                 "--images", "olympus-e-pl6_city_2", "--device", "cpu", "--out", "run", plugin=None)  # fmt: skip
    assert ended.code == 0, ended.err
    assert "invisp:rendition=own: not on the dataset's sRGB" in ended.out
    streams = tmp_path / "run" / "streams"
    assert len(list(streams.glob("*.rbs"))) == 2 and len(list(streams.glob("*.png"))) == 1
    assert all(stream.stat().st_size <= 12 for stream in streams.glob("*.rbs"))
    with sqlite3.connect(tmp_path / "run" / "run.sqlite") as db:
        found = dict(db.execute("SELECT method, value FROM cells JOIN measurements USING (cell)").fetchall())
    assert found["invisp:rendition=own"] > found["invisp"] + 3
