"""A decoder has seen nothing but stream and sRGB, and nobody can touch what others are measured by."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest
import torch

from rawbench.plugins import load_plugins
from rawbench.run.decoder import Decoder
from rawbench.run.failure import CellFailed
from rawbench.run.shared import Block
from rawbench.stream import Header, codec_id, write_stream
from tests.conftest import TINY_PLUGIN

PLUGIN = str(Path(__file__).with_name("cheating_plugin.py"))
RUN = ("run", "--dataset", "tiny", "--metrics", "psnr", "--device", "cpu", "--limit", "2")
CHEATS = ("global", "on-class", "cached", "thread", "environment", "frames", "subclass", "late")


def rows(folder: Path) -> dict[tuple[str, str, str], tuple[str, float | None]]:
    with sqlite3.connect(folder / "run.sqlite") as db:
        found = db.execute(
            "SELECT method, rate_point, image, status, value FROM cells LEFT JOIN measurements USING (cell)"
        ).fetchall()
    return {row[:3]: row[3:] for row in found}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_no_cheat_scores_more_than_what_it_is(call, tmp_path, jobs):
    methods = ",".join(("blank", *CHEATS))
    ended = call(*RUN, "--methods", methods, "--out", "run", "-j", jobs, plugin=PLUGIN)
    assert ended.code == 0, ended.err
    found = rows(tmp_path / "run")
    assert len(found) == 2 * 2 * (1 + len(CHEATS))
    for (method, point, image), row in found.items():
        assert row == found["blank", point, image], method


def test_a_decoder_does_not_know_the_other_streams_of_its_image(call, tmp_path):
    ended = call(*RUN, "--methods", "blank,hoarder", "--out", "run", plugin=PLUGIN)
    assert ended.code == 0, ended.err
    found = rows(tmp_path / "run")
    for image in ("image0", "image1"):
        assert found["hoarder", "none", image] == found["blank", "none", image]
        assert found["hoarder", "byte", image] != found["blank", "byte", image]


@pytest.mark.parametrize(
    ("into", "line"),
    [
        ("raw", "encode wrote into raw that it was given"),
        ("view", "encode wrote into raw that it was given"),
        ("srgb", "encode wrote into the sRGB that it was given"),
        ("decode", "decode wrote into the sRGB that it was given"),
    ],
)
def test_a_codec_that_writes_into_its_inputs_fails_and_harms_nobody(call, tmp_path, into, line):
    call(*RUN, "--methods", "mean", "--out", "alone", plugin=PLUGIN)
    ended = call(*RUN, "--methods", f"writes:into={into},mean", "--out", "run", plugin=PLUGIN)
    assert ended.code == 4
    assert f"error: writes:into={into} bytes=1 on tiny/image0: {line}" in ended.err
    alone, found = rows(tmp_path / "alone"), rows(tmp_path / "run")
    assert {place: row for place, row in found.items() if place[0] == "mean"} == alone
    assert {row for place, row in found.items() if place[0] != "mean"} == {("error", None)}


def test_state_that_a_codec_leaves_is_gone_with_its_process(call, tmp_path):
    call(*RUN, "--methods", "mean", "--out", "alone", plugin=PLUGIN)
    ended = call(*RUN, "--methods", "meddles,mean", "--out", "run", plugin=PLUGIN)
    assert ended.code == 0, ended.err
    found = rows(tmp_path / "run")
    assert {place: row for place, row in found.items() if place[0] == "mean"} == rows(tmp_path / "alone")


@pytest.fixture
def decoder():
    decoder = Decoder((TINY_PLUGIN,))
    yield decoder
    decoder.close()


def stream_of(method: str, payload: bytes, index: int = 1) -> tuple[bytes, Block]:
    srgb = torch.arange(3 * 4 * 5, dtype=torch.uint8).reshape(3, 4, 5)
    return write_stream(Header(codec_id(method), 1, index, 4, 5), payload, srgb), Block.holding(srgb)


def test_it_gives_what_decode_gives_here(decoder):
    stream, srgb = stream_of("mean", b"\1\2\3")
    decoded = decoder.decode("mean", {}, stream, srgb, "cpu", 1)
    codec = load_plugins((TINY_PLUGIN,)).methods.load("mean")
    pixels = torch.arange(3 * 4 * 5, dtype=torch.uint8).reshape(3, 4, 5)
    here = codec(codec.Options(), codec.rate_points(None)[0]).decode(b"\1\2\3", pixels)
    assert type(decoded.raw) is torch.Tensor and torch.equal(decoded.raw, here)
    assert 0 < decoded.seconds < 10 and decoded.setup_seconds >= 0


@pytest.mark.parametrize(
    ("method", "payload", "text"),
    [
        ("mean", b"\1", "the payload has another length"),
        ("failing", b"\1", "RuntimeError: lost (tiny_plugin.py:"),
        ("nobody", b"", "no method 'nobody'"),
    ],
)
def test_what_it_raises_comes_back_as_a_failure_and_the_next_stream_is_decoded(decoder, method, payload, text):
    stream, srgb = stream_of(method, payload)
    with pytest.raises(CellFailed) as failed:
        decoder.decode(method, {}, stream, srgb, "cpu", 1)
    assert failed.value.failure.status == "error" and failed.value.failure.text.startswith(text)
    assert "Traceback" in failed.value.failure.traceback
    stream, srgb = stream_of("mean", b"\1\2\3")
    assert decoder.decode("mean", {}, stream, srgb, "cpu", 1).raw.shape == (3, 4, 5)


def gone(pid: int) -> bool:
    for _ in range(400):
        if not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return True
        time.sleep(0.05)
    return False


def test_one_that_was_killed_is_replaced(decoder):
    stream, srgb = stream_of("mean", b"\1\2\3")
    decoder.decode("mean", {}, stream, srgb, "cpu", 1)
    first = decoder._zygote.process
    while Path(f"/proc/{first}/task/{first}/children").read_text():  # the child that decoded ends by itself
        time.sleep(0.01)
    os.kill(first, signal.SIGKILL)
    assert gone(first)
    assert decoder.decode("mean", {}, stream, srgb, "cpu", 1).raw.shape == (3, 4, 5)
    assert decoder._zygote.process != first


def test_it_holds_no_process_when_it_is_closed(decoder):
    stream, srgb = stream_of("mean", b"\1\2\3")
    decoder.decode("mean", {}, stream, srgb, "cpu", 1)
    process = decoder._zygote.process
    decoder.close()
    assert gone(process)


def test_one_that_hangs_is_a_timeout_and_is_gone(call, tmp_path, monkeypatch):
    monkeypatch.setenv("SLEEPER", str(tmp_path / "sleeper"))
    ended = call("run", "--dataset", "tiny", "--metrics", "psnr", "--limit", "1", "--rate-points", "0", "--out", "run",
                 "--methods", "sleeps,blank", "--timeout", "10", plugin=PLUGIN)  # fmt: skip
    assert ended.code == 4 and "timeout: sleeps none on tiny/image0: took more than 10 s" in ended.err
    assert rows(tmp_path / "run")["blank", "none", "image0"][0] == "ok"
    assert gone(int((tmp_path / "sleeper").read_text()))
