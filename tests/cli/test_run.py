"""``rawbench run``: tables, failures, resuming, bad input."""

from __future__ import annotations

import errno
import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

RUN = ("run", "--dataset", "tiny", "--metrics", "psnr")


def rows(folder: Path) -> list[tuple]:
    with sqlite3.connect(folder / "run.sqlite") as db:
        return db.execute(
            "SELECT method, rate_point, image, status, stream_bytes, stream_digest, value FROM cells "
            "LEFT JOIN measurements USING (cell) ORDER BY 1, 2, 3"
        ).fetchall()


def test_prints_a_table_and_keeps_every_row(call, tmp_path):
    ended = call(*RUN, "--methods", "mean", "--out", "run")
    assert ended.code == 0, ended.err
    assert "bytes=1" in ended.out and "bytes=2" in ended.out
    assert "protocol rawbench-1" in ended.out
    assert "3 of 4 images are of a simulated camera" in ended.out
    found = rows(tmp_path / "run")
    assert len(found) == 8 and all(row[3] == "ok" for row in found)
    streams = {path.stat().st_size for path in (tmp_path / "run/streams").glob("*.rbs")}
    assert streams == {row[4] for row in found}, "the rate is the size of the file"


def test_options_separate_methods(call):
    ended = call(*RUN, "--methods", "mean,mean:gain=0.5", "--limit", "1", "--rate-points", "bytes=1")
    assert ended.code == 0
    assert "mean:gain=0.5" in ended.out


@pytest.mark.parametrize(
    ("how", "status", "cause"),
    [
        ("encode", "error", "ValueError: no such thing (tiny_plugin.py:"),
        ("decode", "error", "RuntimeError: lost (tiny_plugin.py:"),
        ("memory", "oom", "MemoryError: too much"),
        ("shape", "mismatch", "decode returned torch.float32 (3, 24, 40), not float32 (3, 25, 40)"),
        ("nan", "mismatch", "decode returned NaN or infinite values"),
        ("text", "error", "encode returned str, not bytes"),
    ],
)
def test_a_failing_method_is_a_row(call, tmp_path, how, status, cause):
    ended = call(*RUN, "--methods", f"mean,failing:how={how}", "--limit", "2", "--rate-points", "0", "--out", "run")
    assert ended.code == 4
    assert f"{status}: failing:how={how} bytes=1 on tiny/image1: {cause}" in ended.err
    assert "1 cells failed" in ended.err
    states = [row[3] for row in rows(tmp_path / "run")]
    assert sorted(states) == sorted(["ok", "ok", "ok", status]), "what was measured is kept"


def test_a_method_of_8_bits_skips_16_with_its_reason(call, tmp_path):
    command = ("run", "--methods", "mean,deep", "--dataset", "tiny:bits=16", "--metrics", "psnr,psnr_clipped",
               "--limit", "2", "--out", "run")  # fmt: skip
    reason = "skipped: mean on tiny:bits=16: mean takes an sRGB of 8 bits; this one has 16"
    first = call(*command)
    assert first.code == 4 and first.err.count(reason) == 1
    assert "4 cells skipped: their method does not do that" in first.err and "failed" not in first.err
    states = [(row[0], row[3], row[6] is None) for row in rows(tmp_path / "run")]
    assert states.count(("mean", "skipped", True)) == 4 and states.count(("deep", "ok", False)) == 4
    again = call(*command)
    assert again.code == 4 and "4 cells skipped" in again.err and "failed before" not in again.err
    for out in (first.out, again.out, call("table", "run").out):
        assert "skipped" in out.splitlines()[0] + out and reason in out
        assert "ceiling: none with png16" in out


@pytest.mark.parametrize(
    ("how", "status", "cause"),
    [("die", "error", "the encoder was ended by SIGKILL"), ("hang", "timeout", "took more than 8 s")],
)
def test_a_lost_worker_loses_its_own_cell_alone(call, tmp_path, how, status, cause):
    ended = call(
        *RUN, "--methods", f"failing:how={how}", "--images", "image0,image1", "--rate-points", "0",
        "-j", "2", "--timeout", "8", "--out", "run",
    )  # fmt: skip
    assert ended.code == 4
    assert f"{status}: failing:how={how} bytes=1 on tiny/image1: {cause}" in ended.err
    assert sorted(row[3] for row in rows(tmp_path / "run")) == sorted(["ok", status])


def test_processes_give_what_serial_gives(call, tmp_path):
    call(*RUN, "--methods", "mean", "--out", "one")
    call(*RUN, "--methods", "mean", "--out", "two", "-j", "2")
    assert rows(tmp_path / "one") == rows(tmp_path / "two")


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        ("nan", "image image1: raw holds NaN or infinite values"),
        ("size", "image image1: sRGB is torch.uint8 (3, 24, 40), raw is (3, 25, 40): not a pair"),
    ],
)
def test_a_bad_image_fails_its_cells_only(call, broken, cause):
    ended = call("run", "--methods", "mean", "--dataset", f"tiny:broken={broken}", "--metrics", "psnr")
    assert ended.code == 4
    assert cause in ended.err
    assert "2 cells failed" in ended.err


def test_an_unreadable_image_is_left_out_and_named(call):
    ended = call("run", "--methods", "mean", "--dataset", "tiny:broken=info", "--metrics", "psnr")
    assert ended.code == 4
    assert "left out: tiny:broken=info/image1: tiny/image1.dng: cannot be read" in ended.err
    assert "6 cells" in ended.out


def test_a_finished_run_repeats_nothing(call, tmp_path):
    call(*RUN, "--methods", "mean", "--out", "run")
    before = rows(tmp_path / "run")
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "run/streams").iterdir()}
    ended = call(*RUN, "--methods", "mean", "--out", "run")
    assert ended.code == 0 and "8 cells (8 from before)" in ended.out
    assert rows(tmp_path / "run") == before
    assert stamps == {p: p.stat().st_mtime_ns for p in (tmp_path / "run/streams").iterdir()}


def test_a_new_metric_needs_no_new_encode(call, tmp_path):
    call(*RUN, "--methods", "mean", "--out", "run")
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "run/streams").iterdir()}
    ended = call("run", "--dataset", "tiny", "--metrics", "psnr,mae", "--methods", "mean", "--out", "run")
    assert ended.code == 0
    assert stamps == {p: p.stat().st_mtime_ns for p in (tmp_path / "run/streams").iterdir()}
    with sqlite3.connect(tmp_path / "run/run.sqlite") as db:
        assert db.execute("SELECT COUNT(*) FROM measurements").fetchone() == (16,)
        assert db.execute("SELECT COUNT(*) FROM cells WHERE encode_seconds > 0").fetchone() == (8,)


def test_failed_cells_are_repeated_when_asked(call, tmp_path):
    arguments = (*RUN, "--methods", "failing:how=encode", "--limit", "2", "--rate-points", "0", "--out", "run")
    call(*arguments)
    again = call(*arguments)
    assert again.code == 4 and "failed before: failing:how=encode bytes=1 on tiny/image1" in again.err
    repeated = call(*arguments, "--rerun", "failed")
    assert "2 cells (1 from before)" in repeated.out
    everything = call(*arguments, "--rerun", "all")
    assert "2 cells (0 from before)" in everything.out


def test_dry_run_prints_the_plan_and_writes_nothing(call, tmp_path):
    ended = call(*RUN, "--methods", "mean", "--dry-run")
    assert ended.code == 0
    assert ended.out.startswith("8 cells on cpu, into rawbench-runs/tiny-")
    assert "mean bytes=2 on tiny/image3" in ended.out
    assert not (tmp_path / "rawbench-runs").exists()


def test_settings_from_a_file(call, tmp_path):
    (tmp_path / "bench.toml").write_text('methods = "mean"\ndataset = "tiny"\nmetrics = ["psnr"]\nlimit = 3\n')
    ended = call("run", "--config", "bench.toml", "--limit", "1")
    assert ended.code == 0 and "2 cells" in ended.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--methods", "maen"), "no method 'maen'; did you mean mean? (known: "),
        (("--methods", "mean:gian=2"), "method mean: no option 'gian'; did you mean gain? (known: gain)"),
        (("--methods", "mean:gain=0"), "method mean: option gain: Input should be greater than 0 (given: '0')"),
        (("--methods", "mean:gain"), "'mean:gain': 'gain' is not of the form option=value"),
        (("--methods", "mean,mean:gain=1"), "method 'mean' is named twice"),
        ((), "no methods named"),
        (("--methods", "mean", "--metrics", "psnt"), "no metric 'psnt'; did you mean psnr"),
        (("--methods", "mean", "--images", "image9"), "dataset tiny: no image 'image9'; did you mean image"),
        (("--methods", "mean", "--split", "train"), "dataset tiny: split 'train' has no images"),
        (("--methods", "mean", "--rate-points", "bytes=3"), "no method has a rate point bytes=3"),
        (("--methods", "mean", "--rate-points", "0,bytes=3"), "no method has a rate point bytes=3"),
        (("--methods", "mean,poly", "--rate-points", "degree=2"), "mean has none of the rate points degree=2"),
        (("--methods", "mean", "--executor", "rya"), "no executor 'rya'"),
        (("--methods", "mean", "--limit", "0"), "limit: Input should be greater than or equal to 1"),
        (("--methods", "mean", "--config", "none.toml"), "cannot read none.toml: No such file or directory"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(call, arguments, line):
    ended = call("run", "--dataset", "tiny", *arguments)
    assert ended.code == 2
    assert line in ended.err
    assert len(ended.err.strip().splitlines()) == 1


@pytest.mark.parametrize("arguments", [("--executor", "rya"), ("--executor", "serial", "--address", "head:6379")])
def test_a_run_that_cannot_begin_leaves_no_folder(call, tmp_path, arguments):
    ended = call(*RUN, "--methods", "mean", "--out", "run", *arguments)
    assert (ended.code, ended.out) == (2, "") and not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written(call, tmp_path):
    (tmp_path / "file").write_text("")
    ended = call(*RUN, "--methods", "mean", "--out", "file/run")
    assert ended.code == 4
    assert "cannot write the run folder file/run" in ended.err


def test_a_full_disk_is_a_row_and_leaves_no_half_file(call, tmp_path, monkeypatch):
    class FullDisk(io.FileIO):
        def write(self, data):
            super().write(bytes(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.name)

    plain_open = Path.open

    def open_on_full_disk(self, mode="r", *rest, **named):
        return FullDisk(str(self), "w") if self.suffix == ".part" else plain_open(self, mode, *rest, **named)

    monkeypatch.setattr(Path, "open", open_on_full_disk)
    ended = call(*RUN, "--methods", "mean", "--limit", "1", "--out", "run")
    assert ended.code == 4
    assert "No space left on device" in ended.err
    assert list((tmp_path / "run/streams").iterdir()) == []


def start(tiny_plugin: str, folder: Path, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "rawbench", "--plugin", tiny_plugin, *RUN, "--methods", "mean", *arguments]
    # A shell starts background jobs with SIGINT ignored, and children inherit that: here Ctrl-C must arrive.
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen
    )


def wait_for_cells(database: Path, count: int) -> None:
    for _ in range(600):
        if database.exists():
            with sqlite3.connect(database, timeout=5) as db:
                try:
                    if db.execute("SELECT COUNT(*) FROM cells").fetchone()[0] >= count:
                        return
                except sqlite3.OperationalError:
                    pass
        time.sleep(0.05)
    raise AssertionError("the run does not get on")


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_stopped_goes_on(tiny_plugin, tmp_path, call, signal_number, monkeypatch):
    undisturbed = call(*RUN, "--methods", "mean", "--out", "undisturbed")
    monkeypatch.setenv("TINY_DELAY", "0.3")
    running = start(tiny_plugin, tmp_path, "--out", "stopped")
    wait_for_cells(tmp_path / "stopped/run.sqlite", 2)
    running.send_signal(signal_number)
    _, errors = running.communicate(timeout=60)
    if signal_number == signal.SIGINT:
        assert running.returncode == 130 and "the same command goes on from here" in errors
    done = len(rows(tmp_path / "stopped"))
    assert 2 <= done < 8
    monkeypatch.delenv("TINY_DELAY")
    again = call(*RUN, "--methods", "mean", "--out", "stopped")
    assert f"8 cells ({done} from before)" in again.out
    assert rows(tmp_path / "stopped") == rows(tmp_path / "undisturbed")
    table = [line for line in undisturbed.out.splitlines() if line.startswith("mean")]
    assert table == [line for line in again.out.splitlines() if line.startswith("mean")]


def test_methods_with_the_same_streams_keep_their_own_measurements(call, tmp_path):
    ended = call(*RUN, "--methods", "mean,mean:gain=1.0000001", "--out", "run")
    assert ended.code == 0, ended.err
    with sqlite3.connect(tmp_path / "run" / "run.sqlite") as db:
        streams = db.execute("SELECT COUNT(*), COUNT(DISTINCT stream_digest) FROM cells").fetchone()
        lacking = "SELECT COUNT(*) FROM cells WHERE cell NOT IN (SELECT cell FROM measurements)"
        assert streams[1] < streams[0] and db.execute(lacking).fetchone() == (0,)
