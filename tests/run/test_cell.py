"""A cell: whatever a plugin does, it is a row that says so, and takes nothing else with it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

PLUGIN = str(Path(__file__).with_name("cheating_plugin.py"))
RUN = ("run", "--device", "cpu", "--limit", "2", "--rate-points", "0")


def cells(folder: Path) -> list[tuple]:
    with sqlite3.connect(folder / "run.sqlite") as db:
        return db.execute("SELECT method, image, status, message, trace FROM cells ORDER BY 1, 2").fetchall()


def values(folder: Path) -> dict[tuple[str, str, str], tuple[float | None, str]]:
    with sqlite3.connect(folder / "run.sqlite") as db:
        found = db.execute(
            "SELECT method, image, metric, value, measurements.message FROM cells JOIN measurements USING (cell)"
        ).fetchall()
    return {row[:3]: row[3:] for row in found}


ENDS = {
    "exit": "SystemExit: 0 (cheating_plugin.py:",
    "os_exit": "the encoder ended with exit code 0",
    "interrupt": "KeyboardInterrupt: no message (cheating_plugin.py:",
    "torch": "RuntimeError: inconsistent tensor size",
    "text": "ValueError: caf\\udce9.bin \\x1b[31mxxx",
    "record": "encode recorded 'y' = <object",
    "name": "encode recorded <function",
    "less": "encode recorded bits_estimated = -5, less than nothing",
}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_whatever_a_codec_does_is_a_failed_cell_and_no_green_run(call, tmp_path, jobs):
    hows = ENDS if jobs == "1" else ("exit", "os_exit", "interrupt")
    methods = ",".join(["mean", *(f"ends:how={how}" for how in hows)])
    command = ("run", "--dataset", "tiny", "--limit", "1", "--rate-points", "0", "--device", "cpu", "--metrics", "psnr",
               "--methods", methods, "--out", "run", "-j", jobs)  # fmt: skip
    assert call(*command, plugin=PLUGIN).code == 4
    found = {row[0].removeprefix("ends:how="): row for row in cells(tmp_path / "run")}
    assert found.pop("mean")[2] == "ok" and found.keys() == set(hows)
    for how, (method, image, status, message, trace) in found.items():
        assert status == "error" and message.startswith(f"{method} bytes=1 on tiny/{image}: {ENDS[how]}"), message
        assert len(message) < 700 and len(message.splitlines()) == 1
        assert ("Traceback" in trace) == (how != "os_exit")
    again = call(*command, plugin=PLUGIN)
    assert again.code == 4 and f"({len(hows) + 1} from before)" in again.out, "and the store can be read again"


def test_the_line_names_the_plugins_own_frame(call, tmp_path):
    ended = call(*RUN, "--dataset", "tiny", "--metrics", "psnr", "--methods", "ends:how=torch", "--out", "run",
                 "--traceback", plugin=PLUGIN)  # fmt: skip
    assert "(cheating_plugin.py:" in cells(tmp_path / "run")[0][3]
    assert "torch.zeros(2) @ torch.zeros(3)" in ended.err, "--traceback shows all"


def test_noise_and_odd_figures_do_no_harm(call, tmp_path):
    for how in ("noise", "infinite"):
        ended = call(*RUN, "--dataset", "tiny", "--metrics", "psnr", "--methods", f"ends:how={how}", "--out", how,
                     plugin=PLUGIN)  # fmt: skip
        assert ended.code == 0, ended.err


def test_a_metric_that_writes_into_its_inputs_changes_nothing_for_others(call, tmp_path):
    call(*RUN, "--dataset", "tiny", "--methods", "mean,blank", "--metrics", "psnr,mae", "--out", "alone", plugin=PLUGIN)
    ended = call(*RUN, "--dataset", "tiny", "--methods", "mean,blank", "--metrics", "a-vandal,psnr,mae", "--out", "run",
                 plugin=PLUGIN)  # fmt: skip
    assert ended.code == 0, ended.err
    found = {place: value for place, value in values(tmp_path / "run").items() if place[2] != "a-vandal"}
    assert found == values(tmp_path / "alone")
    ceilings = []
    for folder in ("alone", "run"):
        with sqlite3.connect(tmp_path / folder / "run.sqlite") as db:
            ceilings.append(db.execute("SELECT image, ceiling_psnr, facts FROM images ORDER BY 1").fetchall())
    assert ceilings[0] == ceilings[1]


@pytest.mark.parametrize(
    ("metric", "line"), [("broken", "ValueError: no idea (cheating_plugin.py:"), ("quits", "SystemExit")]
)
def test_a_metric_that_fails_is_a_row_of_its_own(call, tmp_path, monkeypatch, metric, line):
    command = (*RUN, "--dataset", "tiny", "--methods", "mean", "--out", "run")
    assert call(*command, "--metrics", "psnr", plugin=PLUGIN).code == 0
    before = values(tmp_path / "run")
    ended = call(*command, "--metrics", f"psnr,{metric}", plugin=PLUGIN)
    assert ended.code == 4
    assert f"error: mean bytes=1 on tiny/image0: metric {metric}: {line}" in ended.err
    assert "2 measurements failed; repeat them with --rerun failed" in ended.err
    assert [row[2] for row in cells(tmp_path / "run")] == ["ok", "ok"]
    assert "metric" in cells(tmp_path / "run")[0][4] and "Traceback" in cells(tmp_path / "run")[0][4]
    found = values(tmp_path / "run")
    assert {place: found[place] for place in before} == before, "what was measured is kept"
    assert found["mean", "image0", metric][0] is None and found["mean", "image0", metric][1].startswith(line)
    again = call(*command, "--metrics", f"psnr,{metric}", plugin=PLUGIN)
    assert again.code == 4 and "2 cells (2 from before)" in again.out
    if metric == "broken":
        monkeypatch.setenv("MENDED", "1")
        assert call(*command, "--metrics", "psnr,broken", "--rerun", "failed", plugin=PLUGIN).code == 0
        assert values(tmp_path / "run")["mean", "image0", "broken"] == (2.0, "")


def test_equal_pixels_under_two_names_are_two_results(call, tmp_path):
    ended = call(
        *RUN, "--dataset", "twins,tiny", "--methods", "mean", "--metrics", "psnr", "--out", "run", plugin=PLUGIN
    )
    assert ended.code == 0 and "4 cells" in ended.out, ended.err
    with sqlite3.connect(tmp_path / "run" / "run.sqlite") as db:
        found = db.execute("SELECT dataset, image FROM cells JOIN measurements USING (cell) ORDER BY 1, 2").fetchall()
    assert found == [("tiny", "image0"), ("tiny", "image1"), ("twins", "copy0"), ("twins", "image0")]


def test_an_image_that_has_changed_since_the_plan_fails_its_cells(call, tmp_path):
    ended = call(*RUN, "--dataset", "shifty", "--methods", "mean", "--metrics", "psnr", "--out", "run", plugin=PLUGIN)
    assert ended.code == 4
    assert "error: mean bytes=1 on shifty/image1: image image1: it has changed since the run was planned" in ended.err
    assert [row[2] for row in cells(tmp_path / "run")] == ["ok", "error"]


def test_figures_that_an_encoder_kept_outlive_a_new_metric(call, tmp_path):
    command = (*RUN, "--dataset", "tiny", "--methods", "ends:how=infinite", "--out", "run")
    call(*command, "--metrics", "psnr", plugin=PLUGIN)
    recorded = "SELECT recorded FROM cells"
    with sqlite3.connect(tmp_path / "run" / "run.sqlite") as db:
        before = db.execute(recorded).fetchall()
    call(*command, "--metrics", "psnr,mae", plugin=PLUGIN)
    with sqlite3.connect(tmp_path / "run" / "run.sqlite") as db:
        assert db.execute(recorded).fetchall() == before and "huge" in before[0][0]
