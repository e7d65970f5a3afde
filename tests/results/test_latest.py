"""The run that is meant where none is named: the last one."""

from __future__ import annotations

import pytest

from rawbench.errors import UsageError
from rawbench.results.latest import last_runs, runs_below
from rawbench.results.store import Store


def make(folder, name: str, date: str) -> None:
    (folder / name).mkdir(parents=True)
    with Store.create(folder / name) as store:
        store.put_meta({"last_run": date})


def test_the_last_ones_by_date_and_none_that_cannot_be_read(tmp_path):
    for name, date in (("a", "2026-03-01"), ("b", "2026-01-01"), ("c", "2026-02-01")):
        make(tmp_path, name, date)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.sqlite").write_bytes(b"no database")
    assert [path.name for path in runs_below(tmp_path)] == ["a", "b", "broken", "c"]
    assert [path.name for path in last_runs(2, tmp_path)] == ["c", "a"]
    with pytest.raises(UsageError, match="holds 3 of the 4 runs that are needed"):
        last_runs(4, tmp_path)


def test_a_folder_without_runs(tmp_path):
    with pytest.raises(UsageError, match="none holds no runs"):
        last_runs(1, tmp_path / "none")


def test_commands_take_the_last_run(call, tmp_path):
    none = call("table")
    assert none.code == 2 and none.err == "rawbench: rawbench-runs holds no runs\n"
    for name, method in (("one", "mean"), ("two", "poly")):
        run = (
            "run",
            "--methods",
            method,
            "--rate-points",
            "1",
            "--dataset",
            "tiny",
            "--limit",
            "1",
            "--metrics",
            "psnr",
        )
        assert call(*run, "--name", name).code == 0
        with Store.create(tmp_path / "rawbench-runs" / name) as store:
            store.put_meta({"last_run": f"2026-01-0{1 if name == 'one' else 2}"})
    shown = call("table")
    assert shown.code == 0 and "poly" in shown.out and shown.err == "run: rawbench-runs/two\n"
    assert call("table", "rawbench-runs/one").err == ""
    assert call("report", "-o", "r.html").code == 0
    assert "runs: rawbench-runs/one, rawbench-runs/two" in call("compare").err
    assert "runs: rawbench-runs/two, rawbench-runs/two" in call("compare", "rawbench-runs/two").err
