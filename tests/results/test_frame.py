"""A run as a DataFrame: alike from folder, database and JSON, and with the figures that tables print."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

import rawbench
from rawbench.errors import UsageError
from rawbench.results.committed import write_run
from rawbench.results.frame import frame_of
from rawbench.results.rd import bd_psnr, bd_rate
from rawbench.results.run import read_run

MEASURED = Path(__file__).resolve().parents[2] / "results" / "measured" / "sample.json"


@pytest.fixture(scope="module")
def committed():
    return rawbench.load(MEASURED)


def test_one_row_a_cell_with_every_metric(committed):
    run = read_run(MEASURED)
    assert len(committed) == len(run.rows)
    assert {"method", "rate_point", "rate_order", "dataset", "image", "camera", "bytes", "bpp", "status", "message",
            "encode_seconds", "decode_seconds", *run.metrics} <= set(committed.columns)  # fmt: skip
    row = run.rows[5]
    found = committed.iloc[5]
    assert (found.method, found.image, found.psnr) == (row.method, row.image, row.values["psnr"])
    assert committed.protocol == run.meta.protocol


def test_folder_database_and_json_are_alike(call, tmp_path):
    ended = call("run", "--methods", "mean,failing:how=encode", "--dataset", "tiny", "--metrics", "psnr,mae",
                 "--out", "run")  # fmt: skip
    assert ended.code == 4
    folder = rawbench.load(tmp_path / "run")
    pd.testing.assert_frame_equal(folder, rawbench.load(str(tmp_path / "run" / "run.sqlite")))
    write_run(read_run(tmp_path / "run"), tmp_path / "run.json")
    short = rawbench.load(tmp_path / "run.json")
    seconds = ["encode_seconds", "decode_seconds"]
    pd.testing.assert_frame_equal(folder.drop(columns=seconds), short.drop(columns=seconds), rtol=1e-7)
    assert (folder[folder.status == "ok"][seconds] >= 0).all(axis=None) and short[seconds].isna().all(axis=None)
    failed = folder[folder.status != "ok"]
    assert len(failed) == 6 and failed.psnr.isna().all() and failed.message.str.contains("no such thing").all()


def test_curves_are_the_means_of_the_tables(committed):
    run = read_run(MEASURED)
    for metric in ("psnr", "psnr_pooled"):
        found = committed.curves(metric).set_index(["method", "rate_point"])[metric]
        for group in run.full_means:
            assert found[group.method, group.rate_point] == pytest.approx(group.means[metric].value, rel=1e-12)


def test_a_rate_point_with_a_failed_image_is_on_no_curve(committed):
    cells = committed[committed.method == "poly"].copy()
    before = len(cells.curves())
    cells.loc[cells.index[0], "status"] = "error"
    assert len(cells.curves()) == before - 1


def test_deltas_are_those_of_the_curves(committed):
    found = committed.bd_rate("residual").set_index("method")
    curves = committed.curves()
    points = {m: list(zip(c.bpp, c.psnr, strict=True)) for m, c in curves.groupby("method")}
    delta = bd_rate(points["residual"], points["uniform"])
    assert found.bd_rate_percent["uniform"] == delta.value and found.reason["uniform"] == ""
    assert found.bd_quality["uniform"] == bd_psnr(points["residual"], points["uniform"]).value
    assert found.overlap_share["uniform"] == delta.overlap_share
    assert math.isnan(found.bd_rate_percent["invisp"]) and "1 of the 4 points" in found.reason["invisp"]
    assert "residual" not in found.index


def test_of_errors_less_is_better(committed):
    better = committed.bd_rate("poly", "psnr").set_index("method").bd_quality["lut"]
    worse = committed.bd_rate("poly", "mae").set_index("method").bd_quality["lut"]
    assert not math.isnan(better) and not math.isnan(worse) and better * worse > 0


def test_a_part_stays_a_run(committed):
    part = committed[committed.image == "city_1"] if "city_1" in set(committed.image) else committed.head(200)
    assert type(part) is type(committed) and part.rules == committed.rules
    assert set(part.curves().images) == {1} or len(part) == 200


def test_slips_are_named(committed):
    with pytest.raises(UsageError, match="no metric 'pnsr'; did you mean psnr"):
        committed.curves("pnsr")
    with pytest.raises(UsageError, match="no method 'ploy'; did you mean poly"):
        committed.bd_rate("ploy")
    with pytest.raises(UsageError):
        rawbench.load("no such run")


def test_an_empty_run_is_an_empty_frame():
    from dataclasses import replace

    empty = frame_of(replace(read_run(MEASURED), rows=()))
    assert len(empty) == 0 and len(empty.curves("bpp", "bytes")) == 0
