"""The timer: it measures what it says, and waits for the device."""

from __future__ import annotations

import time

import pytest
import torch

import rawbench
from rawbench.run.plan import Cell, DatasetSpec, MethodSpec
from rawbench.run.timing import Effort, Stages, median, repeat, time_cell
from rawbench.stream import Header, codec_id, write_stream


def test_a_sleep_is_measured_as_it_is():
    taken = repeat(lambda: time.sleep(0.05), lambda: None)
    assert len(taken) == 10
    assert min(taken) == pytest.approx(0.05, abs=0.002)


class Asynchronous:
    """A device that returns at once and is done later, as CUDA is."""

    def __init__(self) -> None:
        self.done_at = 0.0

    def launch(self) -> None:
        self.done_at = max(self.done_at, time.perf_counter()) + 0.02

    def synchronise(self) -> None:
        time.sleep(max(0.0, self.done_at - time.perf_counter()))


def test_the_timer_waits_for_the_device():
    device = Asynchronous()
    assert min(repeat(device.launch, device.synchronise)) >= 0.02
    assert min(repeat(device.launch, lambda: None)) < 0.01, "without waiting it would only time the launch"


def test_stages_wait_and_add_up():
    device = Asynchronous()
    stages = Stages(device.synchronise)
    stages.watching = True
    device.launch()  # work from before the stage is not the stage's
    for _ in range(2):
        with stages.stage("entropy"):
            device.launch()
    assert 0.04 <= stages.seconds["entropy"] < 0.06


def test_long_calls_are_repeated_less_often():
    calls: list[int] = []
    repeat(lambda: calls.append(time.sleep(0.02)), lambda: None, Effort(seconds=0.05))
    assert len(calls) == 1 + 3


@pytest.mark.parametrize(
    ("seconds", "repeats"),
    [(0.001, 10), (0.2, 10), (0.3, 7), (0.9, 3), (1.9, 3), (2.1, 2), (5.1, 2), (10.1, 1), (60, 1)],
)
def test_ten_repeats_or_two_seconds(seconds, repeats):
    taken: list[float] = []
    while Effort().wants_more(taken):
        taken.append(seconds)
    assert len(taken) == repeats


class Sleeps(rawbench.Codec):
    """Encode and decode do nothing but sleep."""

    name = "sleeps"
    instances = 0

    def __init__(self, options, rate_point):
        super().__init__(options, rate_point)
        type(self).instances += 1

    @classmethod
    def rate_points(cls, options):
        return [rawbench.RatePoint(0, "only")]

    def encode(self, raw, srgb):
        with self.context.stage("entropy"):
            time.sleep(0.05)
        return b""

    def decode(self, payload, srgb):
        time.sleep(0.05)
        return srgb / 255


class Launches(Sleeps):
    """Encode and decode hand their work to an asynchronous device and return at once."""

    device = None

    def encode(self, raw, srgb):
        self.device.launch()
        with self.context.stage("entropy"):
            self.device.launch()
        return b""

    def decode(self, payload, srgb):
        self.device.launch()
        return srgb / 255


@pytest.fixture
def timed():
    """Time a codec's only cell; returns the seconds of its repeats by what was timed."""

    def time_it(codec_class):
        raw = torch.rand(3, 4, 5)
        srgb = (raw * 255).to(torch.uint8)
        header = Header(codec_id(codec_class.name), 1, 0, 4, 5)
        point = rawbench.RatePoint(0, "only")
        spec = MethodSpec(codec_class.name, codec_class.name, {}, {}, 1, "", {})
        info = rawbench.SampleInfo("image", "Camera", "png", "camera", 4, 5, "digest")
        cell = Cell("key", spec, point, DatasetSpec("made", "made", "1", {}), info, "cpu", 0)
        rows = time_cell(codec_class, cell, rawbench.Sample(cell.image, raw, srgb), write_stream(header, b"", srgb))
        found: dict[str, list[float]] = {}
        for what, number, value, unit in rows:
            assert unit == ("byte" if "peak" in what else "s") and number == len(found.setdefault(what, []))
            found[what].append(value)
        return found

    return time_it


def test_a_codec_that_sleeps_50_ms_takes_50_ms(timed):
    found = timed(Sleeps)
    for what in ("encode", "decode", "encode/entropy"):
        assert min(found[what]) == pytest.approx(0.05, abs=0.002), what
    assert len(found["encode"]) == len(found["decode"]) == 10 and len(found["encode/entropy"]) == 3


def test_memory_is_measured_with_one_instance(timed):
    Sleeps.instances = 0
    timed(Sleeps)
    assert Sleeps.instances == 2, "an encoder, and then a decoder"


def test_a_codec_on_an_asynchronous_device_is_waited_for(timed, monkeypatch):
    device = Asynchronous()
    monkeypatch.setattr(Launches, "device", device)
    monkeypatch.setattr("rawbench.run.timing.synchroniser", lambda name: device.synchronise)
    found = timed(Launches)
    assert min(found["encode"]) >= 0.04 and min(found["decode"]) >= 0.02
    assert all(0.02 <= seconds < 0.04 for seconds in found["encode/entropy"]), "what came before it is not its own"
    monkeypatch.setattr("rawbench.run.timing.synchroniser", lambda name: lambda: None)
    assert min(timed(Launches)["decode"]) < 0.01, "without waiting it would only time the launch"


@pytest.mark.parametrize(("values", "middle"), [([3.0], 3.0), ([1.0, 9.0], 5.0), ([5.0, 1.0, 2.0], 2.0)])
def test_median(values, middle):
    assert median(values) == middle


def test_the_pass_keeps_every_repeat(call, tmp_path):
    import sqlite3

    ended = call(
        "run", "--dataset", "tiny", "--methods", "mean", "--metrics", "psnr", "--limit", "2", "--timing", "--out", "run"
    )
    assert ended.code == 0, ended.err
    assert "mean bytes=1 on tiny/image0: encode " in ended.out and "10 repeats" in ended.out
    with sqlite3.connect(tmp_path / "run/run.sqlite") as db:
        found = db.execute("SELECT what, COUNT(*), MIN(value) FROM timings GROUP BY what").fetchall()
    counts = {what: count for what, count, _ in found}
    assert counts["encode"] == counts["decode"] == 2 * 2 * 10, "two rate points on two sizes of image"
    assert all(value > 0 for _, _, value in found) and "encode/peak_rss" in counts


GIVEN = ("run", "--dataset", "tiny", "--methods", "mean", "--metrics", "psnr", "--limit", "2", "--timing", "--out")


def test_what_was_timed_is_not_timed_again(call):
    first, second = call(*GIVEN, "run"), call(*GIVEN, "run")
    assert first.code == second.code == 0
    assert "4/4 mean bytes=2 on tiny/image1: encode " in first.out
    assert "4/4 mean" not in second.out
    assert "4/4 mean bytes=2 on tiny/image1: encode " in call(*GIVEN, "run", "--rerun", "all").out


def test_a_cell_that_cannot_be_timed_is_a_failure_and_the_others_are_timed(call, tmp_path):
    assert call(*GIVEN[:-2], "--no-timing", "--out", "run").code == 0
    sorted((tmp_path / "run/streams").iterdir())[0].unlink()
    ended = call(*GIVEN, "run")
    assert ended.code == 4 and ended.err.count("not timed: mean bytes=") == 1
    assert "No such file" in ended.err and ended.out.count("10 repeats") >= 3
    assert "| mean |" in call("table", "run", "--markdown").out
