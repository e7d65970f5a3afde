"""``rawbench table`` and ``rawbench export``: the same numbers in every form."""

from __future__ import annotations

import csv
import io
import json
import math
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rawbench.results.schema import SCHEMA_VERSION

STEPS_PLUGIN = str(Path(__file__).parents[1] / "steps_plugin.py")


@pytest.fixture
def run(call, tmp_path):
    call("run", "--methods", "mean", "--dataset", "tiny", "--metrics", "psnr,psnr_pooled", "--out", "run")
    return tmp_path / "run"


def test_forms_agree(call, run):
    rows = list(csv.DictReader(io.StringIO(call("table", run, "--csv").out)))
    assert [row["rate point"] for row in rows] == ["bytes=1", "bytes=2"]
    for form in ("--markdown", "--latex"):
        out = call("table", run, form).out
        assert all(row["psnr"] in out and row["bpp"] in out for row in rows)
        assert "protocol rawbench-1" in out
    assert all(row["psnr"] in call("table", run).out for row in rows)


def test_averages_are_over_images(call, run, tmp_path):
    call("export", run, "rows.csv")
    exported = list(csv.DictReader((tmp_path / "rows.csv").open()))
    values = [float(r["value"]) for r in exported if (r["metric"], r["rate_point"]) == ("psnr", "bytes=2")]
    pooled = -10 * math.log10(sum(10 ** (-v / 10) for v in values) / len(values))
    (_, shown) = csv.DictReader(io.StringIO(call("table", run, "--csv", "--metrics", "psnr,psnr_pooled").out))
    assert float(shown["psnr"]) == pytest.approx(sum(values) / 4, abs=0.005)
    assert float(shown["psnr_pooled"]) == pytest.approx(pooled, abs=0.005)


def test_one_camera(call, run):
    (row, _) = csv.DictReader(io.StringIO(call("table", run, "--csv", "--camera", "Camera 1").out))
    assert row["images"] == "2"
    ended = call("table", run, "--camera", "Camera 7")
    assert ended.code == 2 and "no camera 'Camera 7'" in ended.err


def test_exports_hold_the_same_rows(call, run, tmp_path):
    for name in ("rows.csv", "rows.parquet", "rows.json"):
        assert call("export", run, name).code == 0
    from_csv = list(csv.DictReader((tmp_path / "rows.csv").open()))
    from_parquet = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    everything = json.loads((tmp_path / "rows.json").read_text())
    assert list(from_csv[0]) == ["run", "method", "rate_point", "dataset", "image", "metric", "value", "unit"]
    assert [{**row, "value": float(row["value"])} for row in from_csv] == from_parquet == everything["rows"]
    assert {row["metric"] for row in from_csv} >= {"psnr", "bpp", "bytes", "bpp_padded", "bits_estimated"}
    assert everything["schema_version"] == str(SCHEMA_VERSION) and len(everything["cells"]) == 8


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("table", "none"), "none holds no run"),
        (("export", "run", "rows.xlsx"), "rows.xlsx: the suffix must be one of .csv, .parquet, .json"),
        (("table", "run", "--metrics", "ssim"), "the run has no metric 'ssim'"),
    ],
)
def test_bad_input(call, run, arguments, line):
    ended = call(*arguments)
    assert ended.code == 2 and line in ended.err


def test_a_file_that_is_no_run(call, tmp_path):
    (tmp_path / "run.sqlite").write_text("no database")
    ended = call("table", tmp_path / "run.sqlite")
    assert ended.code == 2 and "is no rawbench run" in ended.err


def test_a_run_of_a_newer_rawbench(call, run):
    import sqlite3

    with sqlite3.connect(run / "run.sqlite") as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    ended = call("table", run)
    assert ended.code == 3 and "schema 99 is newer" in ended.err


def test_a_timed_run_has_columns_of_cost(call):
    given = ("--methods", "mean", "--dataset", "tiny", "--metrics", "psnr", "--limit", "1", "--timing")
    call("run", *given, "--out", "timed")
    rows = list(csv.DictReader(io.StringIO(call("table", "timed", "--csv").out)))
    for row in rows:
        assert all(speed(row[f"{what} MP/s"]) > 0 for what in ("encode", "decode"))
        assert 50 < float(row["peak MiB"]) < 50_000
    shown = call("table", "timed").out
    assert "speeds: medians of 10 repeats on image0 (40x24); " in shown
    assert " thread" in shown.split("speeds: ")[1]


def speed(text: str) -> float:
    """A table's MP/s; what took no time is '> 1000'."""
    return float(text.removeprefix("> "))


def test_what_was_not_timed_is_named(call, tmp_path):
    given = ("--methods", "mean", "--dataset", "tiny", "--metrics", "psnr", "--limit", "2", "--timing")
    call("run", *given, "--out", "timed")
    with sqlite3.connect(tmp_path / "timed/run.sqlite") as db:
        db.execute("DELETE FROM timings WHERE cell IN (SELECT cell FROM cells WHERE image = 'image1' LIMIT 1)")
    assert "not timed on image1 (40x25), or not at every rate point: mean" in call("table", "timed").out


def test_the_ceiling_stands_under_the_methods(call, run):
    for form in ((), ("--markdown",), ("--latex",)):
        lines = call("table", run, *form).out.splitlines()
        place = [number for number, line in enumerate(lines) if line.strip("| ").startswith("ceiling ")]
        last = max(number for number, line in enumerate(lines) if "bytes=2" in line)
        assert place and place[0] > last, form
        assert any("the best that a mapping of the 8-bit sRGB triple alone can give" in line for line in lines)
    assert "ceiling" not in call("table", run, "--csv").out
    assert "ceiling" not in call("table", run, "--markdown", "--metrics", "psnr_pooled,psnr").out.splitlines()[0]


def test_the_ceiling_is_that_of_the_images_shown(call, run, tmp_path):
    from rawbench.results.store import Store

    with Store.open(run) as store:
        known = {row["image"]: row["ceiling_psnr"] for row in store.table("images")}
    assert len(known) == 4 and all(value > 30 for value in known.values())
    (shown,) = [line for line in call("table", run, "--camera", "Camera 1", "--markdown").out.splitlines()
                if line.startswith("| ceiling")]  # fmt: skip
    mean = (known["image1"] + known["image3"]) / 2
    assert shown.count(f" {mean:.2f} ") == 1
    by_camera = call("table", run, "--by-camera", "--markdown").out
    assert [by_camera.count(f"| {name} | ceiling") for name in ("Camera 0", "Camera 1", "mean of cameras")] == [1] * 3


def test_the_ceiling_needs_no_method_that_works(call, tmp_path):
    from rawbench.results.store import Store

    given = ("--dataset", "tiny", "--metrics", "psnr", "--out", "failed", "-j", "2")
    call("run", "--methods", "failing:how=encode", *given)
    with Store.open(tmp_path / "failed") as store:
        assert all(row["ceiling_psnr"] > 30 for row in store.table("images"))
    call("run", "--methods", "mean", "--dataset", "tiny:broken=nan", "--metrics", "psnr", "--out", "broken")
    with Store.open(tmp_path / "broken") as store:
        assert {row["image"] for row in store.table("images") if row["ceiling_psnr"] is None} == {"image1"}


def test_published_rows_stand_under_the_measured_ones(call, run):
    for form in ((), ("--markdown",), ("--latex",)):
        plain = call("table", run, *form).out
        with_them = call("table", run, *form, "--published").out
        assert with_them.startswith(plain), form
        under = with_them[len(plain) :]
        assert "R2LCM-v2" in under and "56.74" in under and "not measured here" in under
        assert "verify before quoting" in under
    ended = call("table", run, "--csv", "--published")
    assert ended.code == 2 and "published.csv" in ended.err


def test_a_summary_for_a_paper(call):
    call("--plugin", STEPS_PLUGIN, "run", "--methods", "steps,coarse,mean", "--dataset", "tiny", "--metrics", "psnr",
         "--limit", "2", "--out", "many")  # fmt: skip
    out = call("table", "many", "--summary", "--latex", "--anchor", "coarse", "--label", "steps=Steps_2").out
    assert "BD-rate to coarse" in out and r"Steps\_2" in out and r"\textbf{" in out and r"\begin{tabular}" in out
    (first, *_) = csv.DictReader(io.StringIO(call("table", "many", "--summary", "--csv").out))
    assert first["method"] in ("steps", "coarse", "mean") and first["check"] == "not checked"
    assert "best PSNR" in call("table", "many", "--summary").out
    assert call("table", "many", "--summary", "--anchor", "x").code == 2
    assert call("table", "many", "--summary", "--label", "x=y").code == 2
    assert call("table", "many", "--anchor", "coarse").code == 2


@pytest.mark.parametrize("columns", [40, 80])
def test_no_digit_is_cut_on_a_narrow_terminal(call, run, monkeypatch, columns):
    rows = list(csv.DictReader(io.StringIO(call("table", run, "--csv").out)))
    monkeypatch.setenv("COLUMNS", str(columns))
    printed = call("table", run).out
    for row in rows:
        assert all(row[name] in printed for name in ("psnr", "bpp", "bytes/image")) and "…" not in printed
    assert max(len(line.rstrip()) for line in printed.splitlines()) <= columns
