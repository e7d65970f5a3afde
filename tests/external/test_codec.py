"""Programs as methods: their own numbers come out, and all that goes wrong is one line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch

import rawbench
from rawbench.errors import RawbenchError, StreamError
from rawbench.external.exchange import write_raw
from rawbench.results.run import read_run
from tests.external.conftest import POINTS, SERVED, SIMPLE
from tests.tiny_plugin import Tiny


def codec_of(path: Path, index: int = 0) -> rawbench.ExternalCodec:
    """A codec of a configuration, set up."""
    kind = type("Named", (rawbench.ExternalCodec,), {"name": "named", "config": path})
    codec = kind(kind.Options(), kind.rate_points(kind.Options())[index])
    codec.setup(rawbench.Context())
    return codec


def image(number: int = 0) -> rawbench.Sample:
    return Tiny(Tiny.Options()).load(f"image{number}")


@pytest.mark.parametrize("text", [SIMPLE, SERVED], ids=["simple", "served"])
def test_the_numbers_are_the_programs_own(call, config, other_environment, tmp_path, text):
    path = config(text)
    ended = call("run", "--methods", f"external:config={path}", "--dataset", "tiny", "--limit", "2",
                 "--metrics", "psnr", "--out", "run")  # fmt: skip
    assert ended.code == 0, ended.out + ended.err
    rows = read_run(tmp_path / "run").rows
    assert len(rows) == 4
    for row in rows:
        write_raw(tmp_path / "raw.npy", image(int(row.image[-1])).raw)
        command = [other_environment / "env/bin/python", "-m", "oldcodec", "evaluate", "raw.npy"]
        own = json.loads(
            subprocess.run([*command, row.rate_point[7:]], cwd=tmp_path, capture_output=True, check=True).stdout
        )
        stream = next(iter((tmp_path / "run/streams").glob("*.rbs"))).stat().st_size
        assert stream and row.values["bytes"] - own["bytes"] in range(10, 13)  # the header's, as of every method
        assert row.values["psnr"] == pytest.approx(own["psnr"], abs=1e-5)


def test_the_decoder_sees_payload_and_srgb_alone(config):
    text = SIMPLE.replace('"decode", "{payload}", "{raw}", "{height}", "{width}"', '"misbehave", "list"')
    codec = codec_of(config(text))
    payload = codec.encode(image().raw, image().srgb)
    with pytest.raises(StreamError, match=r"exit code 1: payload\.bin,srgb\.png$"):
        codec.decode(payload, image().srgb)
    assert codec.context.recorded == {} and list(codec._folder.iterdir()) == []


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("complain", "decode ended with exit code 3: first | the checkpoint is of another size"),
        ("die", "decode was ended by SIGKILL, and said nothing"),
        ("hang", "decode took more than 1 seconds, and said nothing"),
        ("none", "decode wrote no raw.npy"),
        ("shape", "decode wrote a raw.npy of float32 (2, 2, 3), not of float32 (24, 40, 3)"),
        ("nan", "decode wrote a raw.npy that holds NaN or infinite values"),
        ("garbage", "decode wrote a raw.npy that cannot be read"),
    ],
)
def test_what_goes_wrong_is_told(config, how, told):
    decode = SIMPLE.replace('"decode", "{payload}", "{raw}", "{height}", "{width}"', f'"misbehave", "{how}"')
    seconds = "timeout_seconds = 1\n" if how == "hang" else ""
    codec = codec_of(config(seconds + decode))
    payload = codec.encode(image().raw, image().srgb)
    with pytest.raises(StreamError) as raised:
        codec.decode(payload, image().srgb)
    assert str(raised.value).startswith(told)


def test_an_encoder_that_fails_is_no_matter_of_streams(config):
    codec = codec_of(config(SIMPLE.replace('"encode", "{raw}", "{payload}", "{levels}"', '"misbehave", "complain"')))
    with pytest.raises(RawbenchError, match="encode ended with exit code 3") as raised:
        codec.encode(image().raw, image().srgb)
    assert not isinstance(raised.value, StreamError)


def test_a_served_program_goes_on_after_an_error_and_comes_back_after_a_death(config):
    codec = codec_of(config(SERVED), 1)
    payload = codec.encode(image().raw, image().srgb)
    assert codec.context.recorded == {"requests": 1.0}
    process = codec._served._process.pid
    with pytest.raises(StreamError, match="decode says: oldcodec: Error -3"):
        codec.decode(b"\x0fno stream", image().srgb)
    decoded = codec.decode(payload, image().srgb)
    assert codec._served._process.pid == process
    codec._served._process.kill()
    codec._served._process.wait()
    assert torch.equal(codec.decode(payload, image().srgb), decoded)
    assert codec._served._process.pid != process


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ('"misbehave", "complain"', "serve ended with exit code 3: first | the checkpoint is of another size"),
        ('"misbehave", "hang"', "serve took more than 1 seconds"),
        ('"misbehave", "none"', "serve ended with exit code 0"),
    ],
)
def test_a_served_program_that_is_never_ready(config, command, told):
    with pytest.raises(RawbenchError) as raised:
        codec_of(config("timeout_seconds = 1\n" + SERVED.replace('"serve"]', f"{command}]")))
    assert str(raised.value).startswith(told)


def test_programs_end_with_their_codec(config):
    codec = codec_of(config(SERVED))
    folder, process = codec._folder, codec._served._process
    del codec
    assert process.poll() is not None and not folder.exists()


@pytest.mark.slow
def test_the_class_keeps_the_contract_in_a_package(call, config, tmp_path):
    path = config(SERVED)
    plugin = tmp_path / "theirs.py"
    plugin.write_text(
        "from pathlib import Path\nimport rawbench\n\nclass Theirs(rawbench.ExternalCodec):\n"
        f"    name = 'theirs'\n    config = Path({str(path)!r})\n\n"
        "@rawbench.hookimpl\ndef register_methods(register):\n    register('theirs', Theirs)\n"
    )
    ended = call("check", "theirs", plugin=str(plugin))
    assert ended.code == 0, ended.out + ended.err
    assert " fail" not in ended.out


def test_points_keep_their_index(config):
    points = POINTS.replace("levels = 4", "levels = 4\nindex = 7")
    codec = codec_of(config(SIMPLE.replace(POINTS, points)))
    assert codec.rate_point.index == 7
