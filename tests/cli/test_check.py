"""``rawbench check``: a line for each check, and an exit code."""

from __future__ import annotations

import json
from pathlib import Path

SPECIMENS = str(Path(__file__).parent.parent / "testing" / "specimens.py")


def test_a_failing_method(call) -> None:
    ended = call("check", "wrong-shape", "--plugin", SPECIMENS, "--only", "shape,dtype,golden", plugin=None)
    assert ended.code == 4
    shape, dtype, golden, summary = ended.out.splitlines()
    assert shape.startswith("FAIL") and "decode returned the shape [3, 192, 128], not [3, 128, 192]" in shape
    assert dtype.split() == ["pass", "dtype", "decode", "returns", "float32"]
    assert golden.startswith("not judged  golden")
    assert summary == "wrong-shape: 1 pass, 1 fail, 1 not judged"


def test_an_opt_out_in_json(call) -> None:
    ended = call("check", "refuses-odd-sizes", "--only", "odd_sizes", "--json", plugin=SPECIMENS)
    assert ended.code == 0
    assert json.loads(ended.out) == [
        {"name": "odd_sizes", "status": "opted out", "sentence": "it is defined on even sizes alone"}
    ]


def test_golden_streams_are_written(call, tmp_path: Path) -> None:
    ended = call("check", "honest", "--write-golden", "--golden", tmp_path / "golden", plugin=SPECIMENS)
    assert ended.code == 0, ended.err
    assert len(ended.out.splitlines()) == 8
    assert (tmp_path / "golden" / "honest" / "v1-17x33-q0.rbs").is_file()


def test_a_slip_in_the_name(call) -> None:
    ended = call("check", "honset", plugin=SPECIMENS)
    assert ended.code == 2
    assert "no method 'honset'; did you mean honest?" in ended.err


def test_what_came_of_all_checks_is_kept(call, tmp_path: Path, monkeypatch) -> None:
    from rawbench.results.checked import read_checked, user_file, verdict

    monkeypatch.setenv("RAWBENCH_CHECKED", str(tmp_path / "mine.json"))
    kept = tmp_path / "kept.json"
    ended = call("check", "wrong-shape", "--keep", kept, plugin=SPECIMENS)
    assert ended.code == 4
    (outcome,) = read_checked(kept).values()
    assert outcome.method == "wrong-shape" and verdict(outcome).startswith("failed shape, odd_sizes")
    assert call("check", "wrong-shape", "--only", "dtype", plugin=SPECIMENS).code == 0
    assert read_checked(user_file()) == {}
