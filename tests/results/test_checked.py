"""Outcomes of the conformance kit: kept by what was checked, read with care, and told in few words."""

from __future__ import annotations

from pathlib import Path

import pytest

from rawbench.errors import NotComparable
from rawbench.results.checked import (
    Checked,
    checked_key,
    keep_checked,
    key_of_method,
    known_outcomes,
    outcomes_of,
    read_checked,
    user_file,
    verdict,
)

METHOD = {"method": "x", "name": "x", "options": {"a": 1}, "code_digest": "c", "identity": {"weights": "w"}}


@pytest.fixture(autouse=True)
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAWBENCH_CHECKED", str(tmp_path / "mine" / "checked.json"))
    return user_file()


def test_kept_and_found_by_code_options_and_weights(own_file: Path) -> None:
    key = key_of_method(METHOD)
    keep_checked(own_file, {key: Checked(method="x", failed=("range",))})
    keep_checked(own_file, {key: Checked(method="x"), "other": Checked(method="y")})
    assert set(read_checked(own_file)) == {key, "other"}
    assert verdict(known_outcomes().get(key)) == "passed"
    for change in ({"code_digest": "d"}, {"identity": {"weights": "v"}}, {"options": {"a": 2}}, {"name": "y"}):
        assert verdict(known_outcomes().get(key_of_method({**METHOD, **change}))) == "not checked"


def test_what_travels_beside_a_run(own_file: Path, tmp_path: Path) -> None:
    key = checked_key("x", {"a": 1}, "c", {"weights": "w"})
    known = {key: Checked(method="x"), "other": Checked(method="y")}
    keep_checked(tmp_path / "run" / "checked.json", outcomes_of([METHOD], known))
    assert set(read_checked(tmp_path / "run" / "checked.json")) == {key}
    assert key in known_outcomes(tmp_path / "run") and key not in known_outcomes()


DAMAGED = ["", "{", "[]", '{"schema_version": 9, "checked": {}}', '{"checked": {"a": 1}}', "\x00"]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_is_told_of_and_passed_over(own_file: Path, text: str) -> None:
    own_file.parent.mkdir()
    own_file.write_text(text)
    with pytest.raises(NotComparable, match=str(own_file)):
        read_checked(own_file)
    assert "a" not in known_outcomes()
    keep_checked(own_file, {"b": Checked(method="x")})
    assert set(read_checked(own_file)) == {"b"}


def test_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAWBENCH_CHECKED")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert user_file() == Path("/state/rawbench/checked.json")
    assert read_checked(Path("/nowhere/checked.json")) == {}
