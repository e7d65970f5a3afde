"""Runs that earlier versions wrote, in ``tests/runs/schema-N``: each must load for ever, and none ever changes.

Two methods at two rate points on two images, one cell of each of ``failing`` failed, with a timing pass (three repeats
of it are kept). A new schema adds a folder: ``rawbench --plugin tests/tiny_plugin.py run --methods
mean,failing:how=encode --dataset tiny --metrics psnr,ssim --limit 2 --timing --out tests/runs/schema-N``.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from rawbench.results.committed import write_run
from rawbench.results.run import read_run
from rawbench.results.schema import CEILING, SCHEMA_VERSION
from rawbench.results.store import Store

RUNS = Path(__file__).with_name("runs")
VERSIONS = range(1, SCHEMA_VERSION + 1)
MEANS = {("mean", "bytes=1"): "48.26", ("mean", "bytes=2"): "56.40", ("failing:how=encode", "bytes=1"): "48.12"}


@pytest.fixture(params=VERSIONS)
def version(request) -> int:
    return request.param


@pytest.fixture
def old(version, tmp_path) -> Path:
    """A copy, for nothing may write into the kept one."""
    return Path(shutil.copytree(RUNS / f"schema-{version}", tmp_path / "old"))


def test_its_table(call, old, version):
    for form in ((), ("--markdown",), ("--latex",), ("--by-camera",)):
        assert call("table", old, *form).code == 0
    read = csv.DictReader(call("table", old, "--csv").out.splitlines())
    rows = {(row["method"], row["rate point"]): row for row in read}
    assert {place: rows[place]["psnr"] for place in MEANS} == MEANS
    assert rows["failing:how=encode", "bytes=1"]["failed"] == "1"
    assert float(rows["mean", "bytes=1"]["decode MP/s"]) > 0
    assert ("77.34" in call("table", old).out) == (version >= 2), "the ceiling came with schema 2"


def test_its_exports(call, old, tmp_path, version):
    for name in ("rows.csv", "rows.parquet", "rows.json"):
        assert call("export", old, name).code == 0
    everything = json.loads((tmp_path / "rows.json").read_text())
    assert everything["schema_version"] == str(version)
    assert len(everything["cells"]) == 8 and len(everything["rows"]) == 34
    assert len(list(csv.DictReader((tmp_path / "rows.csv").open()))) == 34


def test_its_report(call, old, tmp_path):
    ended = call("report", old, "-o", "out.html")
    assert ended.code == 0, ended.err
    page = (tmp_path / "out.html").read_text()
    assert "48.26" in page and "ValueError: no such thing" in page and page.count("data:image/webp") > 2


def test_it_can_be_committed_and_compared(call, old, tmp_path):
    results = read_run(old)
    write_run(results, tmp_path / "old.json")
    assert [row.values for row in read_run(tmp_path / "old.json").rows if row.status == "ok"]
    ended = call("compare", old, tmp_path / "old.json")
    assert ended.code == 0, ended.err


def test_it_is_brought_up_to_date_when_it_goes_on(call, old):
    with Store.create(old) as store:
        assert store.meta()["schema_version"] == str(SCHEMA_VERSION)
        assert all(CEILING in row for row in store.table("images"))
    given = ("--methods", "mean,failing:how=encode", "--dataset", "tiny", "--metrics", "psnr,ssim", "--limit", "2")
    assert call("run", *given, "--out", old, "--rerun", "all").code == 4
    with Store.open(old) as store:
        assert all(row[CEILING] > 30 for row in store.table("images"))


def test_every_schema_has_its_run():
    assert sorted(path.name for path in RUNS.iterdir()) == [f"schema-{version}" for version in VERSIONS]
