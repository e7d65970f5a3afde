"""One reader for a run folder, its database, and the JSON of a run or a reference."""

from __future__ import annotations

import csv
import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from rawbench.errors import UsageError
from rawbench.results.committed import write_run
from rawbench.results.run import quartiles, read_run

KEPT = Path(__file__).with_name("runs") / "schema-3"


@pytest.fixture
def forms(call, tmp_path) -> dict[str, Path]:
    """The same run in every form that a command takes."""
    write_run(read_run(KEPT), tmp_path / "run.json")
    assert call("run", "--methods", "mean", "--dataset", "tiny", "--metrics", "psnr,ssim", "--out", "run").code == 0
    assert call("reference", "create", "ref.json", "--run", "run").code == 0
    write_run(read_run(tmp_path / "run"), tmp_path / "same.json")
    return {name: tmp_path / name for name in ("run", "run/run.sqlite", "same.json", "ref.json")}


def test_every_command_takes_every_form(call, forms, tmp_path):
    outs = {name: [] for name in ("table", "compare", "export", "report", "regress")}
    for path in forms.values():
        outs["table"].append(call("table", path, "--csv").out)
        outs["compare"].append(call("compare", forms["run"], path).code)
        assert call("export", path, "rows.csv").code == 0
        rows = list(csv.DictReader((tmp_path / "rows.csv").open()))
        named = ("method", "rate_point", "image", "metric", "unit")
        wanted = [row for row in rows if row["metric"] in ("psnr", "ssim", "bytes", "bpp")]
        outs["export"].append([(*(row[k] for k in named), f"{float(row['value']):.6g}") for row in wanted])
        outs["report"].append(call("report", path, "-o", "page.html").code)
        outs["regress"].append(call("regress", forms["ref.json"], "--run", path).out)
    for name, found in outs.items():
        assert all(out == found[0] for out in found), name
    assert outs["compare"][0] == outs["report"][0] == 0 and "fine" in outs["regress"][0]


def test_results_are_typed_and_frozen():
    run = read_run(KEPT)
    image = run.images["tiny", "image0"]
    assert image.megapixels == 40 * 24 / 1e6 and image.simulated is True
    assert run.metrics["psnr"].higher_is_better is True and run.environments[0].machine
    assert run.methods["mean"].capabilities["decode_tolerance"] == 1e-5
    assert str(run.rows[0].place) == "failing:how=encode bytes=1 on tiny/image0"
    with pytest.raises(FrozenInstanceError):
        image.height = 3
    assert [row.facts["device"] for row in run.rows] == ["cpu"] * 8


def test_a_metric_of_an_older_version_is_no_value_of_the_newer(tmp_path, call):
    import sqlite3

    call("run", "--methods", "mean", "--dataset", "tiny", "--metrics", "psnr,ssim", "--out", "run")
    with sqlite3.connect(tmp_path / "run/run.sqlite") as database:
        database.execute("INSERT INTO metrics SELECT metric, 7, unit, 1, aggregate, summary FROM metrics LIMIT 1")
    run = read_run(tmp_path / "run")
    assert run.metrics["psnr"].version == 7
    assert all("psnr" not in row.values and "ssim" in row.values for row in run.rows)


def test_what_is_wrong_is_named(tmp_path):
    write_run(read_run(KEPT), tmp_path / "run.json")
    document = json.loads((tmp_path / "run.json").read_text())
    document["images"][0]["height"] = 0
    (tmp_path / "run.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match=r"run.json is damaged: images.0.height: Input should be greater than"):
        read_run(tmp_path / "run.json")


def test_unfinished_images_are_on_no_curve():
    run = read_run(KEPT)
    assert {group.method for group in run.full_means} == {"mean"}, "the other one failed on an image"
    part = replace(run, rows=run.rows[:-1])
    assert len(part.full_means) == len(run.full_means) - 1


def test_quartiles_by_hand():
    assert quartiles([1, 2, 3, 4, 5]) == (2, 3, 4) and quartiles([7.0]) == (7.0, 7.0, 7.0)


def test_a_metric_that_failed_is_told_of(call, tmp_path):
    from rawbench.results.store import Measurement, Outcome, Store

    call("run", "--methods", "mean", "--dataset", "tiny", "--metrics", "psnr", "--limit", "1", "--out", "run")
    with Store.create(tmp_path / "run") as store:
        cell = store.cells()[0]
        failed = Measurement("k", "psnr2", 1, float("nan"), "dB", "ValueError: no")
        place = {name: cell[name] for name in ("method", "rate_point_index", "rate_point", "rate_order", "dataset",
                 "image", "device", "seed", "environment", "recorded", "finished")}  # fmt: skip
        store.put_outcome(place, Outcome(cell["cell"], "ok", "", {}, (failed,)))
    write_run(read_run(tmp_path / "run"), tmp_path / "run.json")
    for path in ("run", "run.json"):
        out = " ".join(call("table", path).out.split())
        assert "metric psnr2 failed on 1 cells, the first: mean bytes=1 on tiny/image0: ValueError: no" in out


def test_a_run_is_the_same_without_the_facts_of_its_cells(call, tmp_path):
    assert call("run", "--methods", "mean", "--dataset", "tiny", "--metrics", "psnr", "--out", "run").code == 0
    whole, lean, some = (read_run(tmp_path / "run", facts) for facts in (None, (), ("seed",)))
    assert {"cell", "seed", "encode_seconds"} <= whole.rows[0].facts.keys()
    assert lean.rows == tuple(replace(row, facts={}) for row in whole.rows)
    assert some.rows[0].facts == {"seed": 0}
