"""``rawbench compare``: what became better, worse or went missing between two runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

STEPS_PLUGIN = str(Path(__file__).parents[1] / "steps_plugin.py")
RUN = ("--plugin", STEPS_PLUGIN, "run", "--dataset", "tiny", "--metrics", "psnr,ssim", "--methods")


@pytest.fixture
def runs(call, monkeypatch, tmp_path):
    assert call(*RUN, "steps,coarse", "--out", "before").code == 0
    monkeypatch.setenv("STEPS_WORSE", "header")
    assert call(*RUN, "steps", "--out", "after").code == 0
    return tmp_path / "before", tmp_path / "after"


def test_a_run_with_itself(call, runs):
    ended = call("compare", runs[0], runs[0])
    assert ended.code == 0, ended.err
    assert "Cells: 40 the same." in ended.out
    assert "+0.00 %" in ended.out and "missing" not in ended.out


def test_what_is_worse_and_what_is_missing(call, runs):
    ended = call("compare", *runs)
    assert ended.code == 0, ended.err
    assert "Cells: 20 worse, 20 missing or failed." in ended.out
    assert "missing: coarse: not in after (20 cells)" in ended.out
    (line,) = [line for line in ended.out.splitlines() if line.startswith("steps   +") or line.startswith("steps  +")]
    assert "% [+" in line, "the interval of the images' BD-rates"


def test_what_is_missing_has_the_widest_name_that_fits(call, runs):
    given = ("--plugin", STEPS_PLUGIN, "run", "--metrics", "psnr", "--methods", "steps")
    call(*given, "--dataset", "tiny,tiny:broken=size", "--limit", "1", "--out", "wide")
    call(*given, "--dataset", "tiny", "--limit", "3", "--rate-points", "0,1,2,3", "--out", "narrow")
    lines = call("compare", "wide", "narrow").out.splitlines()
    assert "Cells: 4 the same, 14 missing or failed." in lines
    assert [line for line in lines if line.startswith("missing: ")] == [
        "missing: image tiny/image1: not in wide (4 cells)",
        "missing: image tiny/image2: not in wide (4 cells)",
        "missing: steps step=4 on tiny/image0: not in narrow",
        "missing: dataset tiny:broken=size: not in narrow (5 cells)",
    ]


def test_a_bd_rate_says_what_it_rests_on(call, runs):
    assert "% over 100 % of the quality, 5 points" in call("compare", runs[0], runs[0]).out


def test_the_other_way_round_is_better(call, runs):
    assert "Cells: 20 better" in call("compare", *reversed(runs)).out


def test_a_comment_for_a_pull_request(call, runs):
    text = call("compare", *runs, "--markdown").out
    assert text.startswith("### rawbench: after against before\n")
    assert text.count("<details>") == text.count("</details>") == 2
    assert "| steps | +" in text and "* coarse: not in after (20 cells)" in text


def test_two_methods_of_one_run(call, runs):
    ended = call("compare", runs[0], runs[0], "--pair", "coarse=steps")
    assert ended.code == 0, ended.err
    assert "coarse -> steps" in ended.out
    assert call("compare", runs[0], runs[0], "--pair", "coarse=step").code == 2


def test_too_few_points_for_a_number_say_so(call, runs):
    assert call(*RUN, "mean", "--out", "two").code == 0
    ended = call("compare", "two", "two")
    assert "no BD-rate of mean: the anchor has 2 of the 4 points that are needed" in ended.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE images SET source_digest = 'other'", "have no cell in common (4 images have other pixels"),
        ("UPDATE meta SET value = 'x' WHERE key = 'protocol'", "after has 'x'"),
        ("UPDATE metrics SET version = 9", "metric psnr is version 1 in before, 9 in after"),
    ],
)
def test_what_cannot_be_compared(call, runs, change, said):
    with sqlite3.connect(runs[1] / "run.sqlite") as db:
        db.execute(change)
    ended = call("compare", *runs)
    assert ended.code == 3 and said in ended.err


def test_images_with_other_pixels_are_left_out(call, runs):
    with sqlite3.connect(runs[1] / "run.sqlite") as db:
        db.execute("UPDATE images SET source_digest = 'other' WHERE image = 'image2'")
    ended = call("compare", *runs)
    assert "Cells: 15 worse" in ended.out and "left out, as the pixels differ: tiny/image2" in ended.out


def test_a_metric_that_is_not_there(call, runs):
    ended = call("compare", *runs, "--metric", "psrn")
    assert ended.code == 2 and "did you mean psnr" in ended.err
