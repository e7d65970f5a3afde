"""Parts of a run: measured apart, put together, and refused where they do not fit."""

from __future__ import annotations

import sqlite3

import pytest

RUN = ("run", "--methods", "mean", "--dataset", "tiny", "--metrics", "psnr")


@pytest.fixture
def parts(call):
    """A whole run, and the same in two parts."""
    assert call(*RUN, "--out", "whole").code == 0
    for part in ("1", "2"):
        ended = call(*RUN, "--shard", f"{part}/2", "--out", f"part{part}")
        assert ended.code == 0, ended.err


def change(folder, statement):
    with sqlite3.connect(folder / "run.sqlite") as database:
        database.execute(statement)


def test_parts_are_the_whole(call, parts, tmp_path):
    ended = call("merge", "part1", "part2", "-o", "merged")
    assert ended.code == 0 and "8 cells of 2 runs" in ended.out
    assert call("table", "merged", "--csv").out == call("table", "whole", "--csv").out
    assert {p.name for p in (tmp_path / "merged/streams").iterdir()} == {
        p.name for p in (tmp_path / "whole/streams").iterdir()
    }
    again = call(*RUN, "--out", "merged")
    assert again.code == 0 and "8 cells (8 from before)" in again.out


def test_a_cell_twice_is_refused_by_name(call, parts, tmp_path):
    ended = call("merge", "part1", "whole", "-o", "merged")
    assert ended.code == 2 and "part1 and whole both have the cell mean, " in ended.err
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE meta SET value = 'other' WHERE key = 'protocol'", "are of different protocols"),
        ("UPDATE methods SET code_digest = 'x'", "disagree on the method mean: its code_digest is not the same"),
        ("UPDATE metrics SET unit = 'x'", "disagree on the metric psnr, 1: its unit"),
        ("UPDATE metrics SET version = 2", "metric psnr is version 1 in part1, 2 in part2"),
        ("UPDATE datasets SET revision = '7'", "disagree on the dataset tiny: its revision"),
    ],
)
def test_parts_that_disagree_are_refused(call, parts, tmp_path, statement, told):
    change(tmp_path / "part2", statement)
    ended = call("merge", "part1", "part2", "-o", "merged")
    assert ended.code == 3 and told in ended.err and len(ended.err.splitlines()) == 1


def test_other_results_of_the_same_cell_are_refused(call, parts, tmp_path):
    change(tmp_path / "whole", "UPDATE cells SET stream_digest = 'x'")
    ended = call("merge", "part1", "whole", "-o", "merged")
    assert ended.code == 3 and "have different results of the cell mean, " in ended.err


def test_what_is_there_stays(call, parts, tmp_path):
    (tmp_path / "merged").mkdir()
    (tmp_path / "merged/notes.txt").write_text("mine")
    ended = call("merge", "part1", "part2", "-o", "merged")
    assert ended.code == 2 and "not empty" in ended.err
    assert call("merge", "part1", "none", "-o", "new").code == 2


@pytest.mark.parametrize(("shard", "told"), [("3/2", "not from 1 to 2"), ("0/2", "not from 1 to 2"), ("x", "shard")])
def test_a_shard_that_is_none(call, shard, told):
    ended = call(*RUN, "--shard", shard)
    assert ended.code == 2 and told in ended.err


def test_runs_of_a_folder(call, tmp_path):
    assert call("runs").code == 2
    assert call(*RUN, "--limit", "1", "--name", "first").code == 0
    assert call(*RUN, "--shard", "1/4").code == 0
    (tmp_path / "rawbench-runs/broken").mkdir()
    (tmp_path / "rawbench-runs/broken/run.sqlite").write_bytes(b"no database")
    ended = call("runs")
    assert ended.code == 0, ended.err
    assert "rawbench-runs/first" in ended.out and "tiny: mean  (2 cells)" in ended.out and "-1of4" in ended.out
    assert "run --methods mean --dataset tiny" in ended.out and "is no rawbench run" in ended.out


def test_a_name_is_no_path(call):
    ended = call(*RUN, "--name", "../elsewhere")
    assert ended.code == 2 and "name" in ended.err
