"""``rawbench leaderboard``: from a run to the committed JSON to the README's table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rawbench.results.run import read_run

STEPS_PLUGIN = str(Path(__file__).parents[1] / "steps_plugin.py")
README = "# Title\n\n<!-- results -->\n<!-- /results -->\n\nmore\n"


@pytest.fixture
def added(call, tmp_path):
    run = ("--plugin", STEPS_PLUGIN, "run", "--dataset", "tiny", "--metrics", "psnr", "--out", "run", "--timing")
    assert call(*run, "--limit", "2", "--methods", "steps,coarse,mean").code == 0
    ended = call("leaderboard", "committed", "--add", "run", "--name", "tiny")
    assert ended.code == 0, ended.err
    return tmp_path / "committed"


def test_the_committed_file_holds_what_the_run_holds(added, tmp_path):
    run, file = read_run(tmp_path / "run"), read_run(added / "tiny.json")
    assert (added / "tiny.json").stat().st_size < 40_000
    assert len(file.rows) == len(run.rows) == 24
    for mine, theirs in zip(run.rows, file.rows, strict=True):
        assert (mine.method, mine.rate_point, mine.image) == (theirs.method, theirs.rate_point, theirs.image)
        assert theirs.values == pytest.approx(mine.values, rel=1e-7)
    assert {t.what for t in file.timings} == {t.what for t in run.timings} >= {"encode", "decode", "encode/entropy"}


def test_the_table(call, added):
    out = call("leaderboard", added).out
    header, _, *rows = [line for line in out.splitlines() if line.startswith("|")]
    assert "PSNR up to 0.1 bpp" in header and "decode MP/s" in header and "parameters" in header
    assert {row.split("|")[1].strip() for row in rows} == {"steps", "coarse", "mean"}
    assert "| anchor |" in out and "no BD-rate of mean: the test has 2 of the 4 points that are needed" in out
    assert "mean over 2 images, 2 of a simulated camera" in out
    assert re.search(r"BD-rates are over a part of each method's PSNRs: (coarse|steps) \d+ % \(5 points\)<", out)
    assert "tiny: speeds: medians of 10 repeats on image0 (40x24), image1 (40x25); " in out
    assert "thread, torch" in out or "threads, torch" in out


def test_a_method_measured_again_takes_the_place_of_its_rows(call, added, tmp_path):
    before = read_run(added / "tiny.json")
    again = ("--plugin", STEPS_PLUGIN, "run", "--dataset", "tiny", "--metrics", "psnr", "--out", "again")
    assert call(*again, "--limit", "2", "--methods", "mean").code == 0
    ended = call("leaderboard", "committed", "--add", "again", "--name", "tiny", "--keep-others")
    assert ended.code == 0, ended.err
    after = read_run(added / "tiny.json")
    assert after.by_place.keys() == before.by_place.keys() and len(after.rows) == len(before.rows)
    assert {t.method for t in before.timings} - {t.method for t in after.timings} == {"mean"}, "not timed again"
    assert [line.count("--methods") for line in after.meta.command.splitlines()] == [1, 1]


def test_a_method_on_other_images_is_no_part_of_a_run(call, added, tmp_path):
    again = ("--plugin", STEPS_PLUGIN, "run", "--dataset", "tiny", "--metrics", "psnr", "--out", "again")
    assert call(*again, "--limit", "1", "--methods", "mean").code == 0
    before = (added / "tiny.json").read_bytes()
    ended = call("leaderboard", "committed", "--add", "again", "--name", "tiny", "--keep-others")
    assert ended.code == 3 and "not on the images of tiny: tiny/image1" in ended.err
    assert (added / "tiny.json").read_bytes() == before


def test_one_reason_stands_once(call, added):
    call("run", "--dataset", "tiny", "--metrics", "psnr", "--methods", "mean,mean:gain=0.5", "--out", "b")
    call("leaderboard", "other", "--add", "b")
    (line,) = [line for line in call("leaderboard", "other").out.splitlines() if "no BD-rate" in line]
    assert line == "<sub>no BD-rate of mean:gain=0.5: the anchor has 2 of the 4 points that are needed</sub><br>"


def test_a_readme_is_renewed_and_a_stale_one_is_told(call, added, tmp_path):
    (tmp_path / "README.md").write_text(README)
    stale = call("leaderboard", added, "--readme", "README.md", "--check")
    assert stale.code == 1 and "stale" in stale.out
    assert call("leaderboard", added, "--readme", "README.md").code == 0
    text = (tmp_path / "README.md").read_text()
    assert "| steps |" in text and text.endswith("\n\nmore\n")
    assert call("leaderboard", added, "--readme", "README.md", "--check").code == 0


def test_runs_on_other_images_have_a_table_of_their_own(call, added):
    run = ("run", "--dataset", "tiny", "--metrics", "psnr", "--methods", "mean", "--limit", "1", "--out", "one")
    call(*run)
    call("leaderboard", added, "--add", "one")
    assert call("leaderboard", added).out.count("**tiny**") == 2


def test_the_same_images_in_two_runs_share_a_table(call, added):
    run = ("run", "--dataset", "tiny", "--metrics", "psnr", "--methods", "mean", "--limit", "2", "--out", "again")
    call(*run)
    call("leaderboard", added, "--add", "again")
    out = call("leaderboard", added).out
    assert out.count("**tiny**") == 1 and "| mean (again) |" in out and "| mean (tiny) |" in out


def test_bad_input(call, added, tmp_path):
    assert "no folder none" in call("leaderboard", "none").err
    (added / "broken.json").write_text("{}")
    ended = call("leaderboard", added)
    assert ended.code == 2 and "broken.json is no run that rawbench wrote" in ended.err


def test_an_anchor_of_ones_own(call, added):
    assert "BD-rate to coarse" in call("leaderboard", added, "--anchor", "coarse").out
    assert "BD-rate to steps" in call("leaderboard", added, "--anchor", "steps").out
    ended = call("leaderboard", added, "--anchor", "stepps")
    assert ended.code == 2 and "no method 'stepps' to be the anchor; did you mean steps?" in ended.err


def test_a_picture_is_drawn_and_a_stale_one_is_told(call, added, tmp_path):
    stale = call("leaderboard", added, "--picture", "rd.svg", "--check")
    assert (
        stale.code == 1 and "rd.svg: the picture is stale; renew it with: rawbench leaderboard --picture" in stale.out
    )
    assert call("leaderboard", added, "--picture", "rd.svg").code == 0
    assert (tmp_path / "rd.svg").read_text().startswith("<svg")
    assert call("leaderboard", added, "--picture", "rd.svg", "--check").code == 0


def test_names_cannot_break_a_readme(call, added, tmp_path):
    path = added / "tiny.json"
    hostile = "<!-- /results --> a|b\\n<img src=x>"
    path.write_text(
        path.read_text().replace('"coarse"', f'"{hostile}"').replace('"rawbench-1', f'"{hostile} rawbench-1')
    )
    (tmp_path / "README.md").write_text(README)
    for _ in range(2):
        assert call("leaderboard", added, "--readme", "README.md").code == 0
    text = (tmp_path / "README.md").read_text()
    assert text.count("<!-- /results -->") == 1 and "<img" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 3 and len({line.replace("\\|", "").count("|") for line in rows}) == 1
