"""All that is missing is said at once."""

from __future__ import annotations

import pytest

from rawbench.training.config import read_config
from rawbench.training.rehearsal import lacking
from tests.training.tiny import TinyTask


def test_everything_is_told_and_nothing_is_written(tmp_path, monkeypatch):
    config = tmp_path / "tiny.toml"
    config.write_text('[data]\nframes = "none"\n[fit]\nsteps = 4\naccelerator = "cuda"\n')
    read_config(config, TinyTask.Config)
    out = tmp_path / "out"
    out.mkdir()
    (out / "checkpoint.pt").write_bytes(b"")
    found = lacking(TinyTask, config, out)
    assert any("manifest.csv: cannot be read" in line for line in found)
    assert any("holds a run already" in line for line in found)
    assert any("cannot train on 1 x cuda" in line for line in found) or len(found) == 2  # 2: there is a GPU
    assert [path.name for path in out.iterdir()] == ["checkpoint.pt"]


def test_libraries_that_are_not_there_are_named_with_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr("rawbench.training.rehearsal.find_spec", lambda name: None if name == "kornia" else object())
    config = tmp_path / "tiny.toml"
    config.write_text('[data]\nframes = "none"\n[fit]\nsteps = 4\n')
    first, *rest = lacking(TinyTask, config, tmp_path / "out")
    assert first == "training needs kornia: install rawbench[train]" and rest


def test_a_configuration_that_is_none_ends_the_search(tmp_path):
    (line,) = lacking(TinyTask, tmp_path / "none.toml", tmp_path)
    assert "cannot read" in line


def test_the_command(call, tmp_path):
    (tmp_path / "learned.toml").write_text('[data]\nframes = "none"\n[fit]\nminutes = 1\n')
    ended = call("train", "learned", "--config", "learned.toml", "--dry-run")
    assert ended.code == 2 and "manifest.csv" in ended.err and not (tmp_path / "trained").exists()


@pytest.mark.slow
def test_nothing_is_missing(call, tmp_path, frames_folder):
    text = f'[data]\nframes = "{frames_folder}"\n[fit]\nminutes = 1\n'
    (tmp_path / "learned.toml").write_text(text)
    ended = call("train", "learned", "--config", "learned.toml", "--dry-run")
    assert ended.code == 2 and "too few: a base of 64 directions" in ended.err
    (tmp_path / "learned.toml").write_text(text + "[task.architecture]\nbase = 1\n")
    ended = call("train", "learned", "--config", "learned.toml", "--dry-run")
    assert ended.code == 0 and "nothing is missing" in ended.out, ended.err
