"""What two rows of a table need before they are compared."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

from rawbench.results.checked import Checked
from rawbench.results.comparable import check_lines, check_word, falling_lines, falls, on_shared_images, untrained_lines
from rawbench.results.run import read_run

RUN = read_run(Path(__file__).with_name("runs") / "schema-3")
GIVEN = ("--dataset", "tiny", "--metrics", "psnr", "--out", "run")


def rows_of(call, *options) -> dict[tuple[str, str], dict[str, str]]:
    out = call("table", "run", "--csv", *options).out
    return {(row["method"], row["rate point"]): row for row in csv.DictReader(io.StringIO(out))}


def test_methods_are_compared_over_the_images_that_all_have(call):
    call("run", "--methods", "mean", "--limit", "2", *GIVEN)
    before = rows_of(call)
    call("run", "--methods", "mean:gain=0.5", "--limit", "3", *GIVEN)
    after = rows_of(call)
    assert {row["images"] for row in after.values()} == {"2"}
    assert after["mean", "bytes=1"] == before["mean", "bytes=1"]
    said = "tiny: over the 2 of 3 images that every row has (mean lack others)"
    for form in ((), ("--markdown",), ("--latex",), ("--by-camera",)):
        assert said in call("table", "run", *form).out.replace("\\", "")
    assert said in call("table", "run", "--csv").err
    call("run", "--methods", "mean", "--limit", "3", *GIVEN)
    assert {row["images"] for row in rows_of(call).values()} == {"3"} and said not in call("table", "run").out


def test_rows_without_a_common_image_are_said_to_be_of_others(call):
    call("run", "--methods", "mean", "--images", "image0", *GIVEN)
    call("run", "--methods", "mean:gain=0.5", "--images", "image1", *GIVEN)
    assert "no image is in every row; the rows are means over different images, not to be compared" in call(
        "table", "run"
    ).out.replace("\n", " ")


def test_a_failure_is_counted_and_takes_no_image_from_others():
    shared, lines = on_shared_images(RUN)
    assert shared.rows == RUN.rows and lines == []


def test_a_curve_that_falls_is_marked(call, tmp_path):
    call("run", "--methods", "mean", "--limit", "2", *GIVEN)
    call("leaderboard", "committed", "--add", "run", "--name", "run")
    path = tmp_path / "committed/run.json"
    document = json.loads(path.read_text())
    for cell in document["cells"]:
        if cell["rate_point"] == "bytes=2":
            cell["psnr"] -= 30
    path.write_text(json.dumps(document))
    out = call("table", path, "--csv").out
    assert [row["falls"] for row in csv.DictReader(io.StringIO(out))] == ["", "psnr"]
    assert "falls: what is less than one rate point before" in call("table", path).out
    assert "mean falls: less psnr at bytes=2" in call("leaderboard", "committed").out


def test_only_a_fall_is_marked():
    assert falls(RUN.means) == {} and falling_lines(RUN.means) == []
    first = [group for group in RUN.means if group.method == "mean"]
    assert list(falls(first[::-1]).values()) == ["bytes and psnr"]


def test_every_method_says_whether_it_was_checked(call):
    call("run", "--methods", "mean", "--limit", "1", *GIVEN)
    assert "rawbench check: not checked: mean" in call("table", "run").out
    assert {row["check"] for row in rows_of(call).values()} == {"not checked"}


def test_opt_outs_and_loose_tolerances_are_named():
    assert check_word(RUN, "mean") == "not checked"
    declared = {"opt_outs": {"noise_images": "why"}, "decode_tolerance": 0.01}
    loose = replace(RUN, methods={**RUN.methods, "mean": replace(RUN.methods["mean"], capabilities=declared)})
    assert check_word(loose, "mean") == "not checked; opts out of noise_images; decodes may differ by 0.01"
    passed = replace(loose, checked={"mean": Checked(method="mean", failed=("range",))})
    assert check_lines(passed) == [
        "rawbench check: failed range: mean",
        "rawbench check: not checked: failing:how=encode",
    ]


def test_untrained_methods_are_named():
    assert untrained_lines(RUN) == []
    name = next(iter(RUN.methods))
    facts = RUN.methods[name]
    methods = {**RUN.methods, name: replace(facts, capabilities={**facts.capabilities, "untrained": True})}
    run = replace(RUN, methods=methods)
    [line] = untrained_lines(run)
    assert line == f"{name}: its weights are untrained, its figures say nothing of the method"
    assert untrained_lines(run, []) == [] and untrained_lines(run, [name, "unknown"]) == [line]
