"""The timer: it measures what it says, and waits for the device."""

from __future__ import annotations

import time

import pytest

from rawbench.timing import Effort, Stages, median, repeat


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
    device.launch()  # work from before the stage is not the stage's
    for _ in range(2):
        with stages.stage("entropy"):
            device.launch()
    assert 0.04 <= stages.seconds["entropy"] < 0.06


def test_long_calls_are_repeated_less_often():
    calls: list[int] = []
    repeat(lambda: calls.append(time.sleep(0.02)), lambda: None, Effort(1, 10, 3, 0.05))
    assert len(calls) == 1 + 3


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
