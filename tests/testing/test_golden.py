"""Golden streams: written on demand, never overwritten by accident, and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from specimens import Honest, WrongShape

from rawbench.errors import RawbenchError
from rawbench.testing import CheckResult, Launcher, run_checks, write_golden
from rawbench.testing.golden_files import golden_folder, read_golden


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, rawbench_launcher: Launcher) -> Path:
    out = tmp_path_factory.mktemp("golden")
    write_golden(Honest, out, launcher=rawbench_launcher)
    return out


def judged(folder: Path, launcher: Launcher) -> CheckResult:
    return run_checks(Honest, only=["golden"], golden=folder, launcher=launcher)[0]


def test_a_stream_and_what_it_decodes_to_for_some_images_and_rate_points(folder: Path) -> None:
    names = sorted(path.name for path in (folder / "honest").iterdir())
    stems = ["v1-17x33-q0", "v1-17x33-q2", "v1-pair-a-q0", "v1-pair-a-q2"]
    assert names == sorted(f"{stem}.{ending}" for stem in stems for ending in ("npz", "rbs"))
    _, srgb, raw = read_golden(folder / "honest")["v1-17x33-q2"]
    assert srgb.dtype == np.uint8 and raw.dtype == np.float32
    assert srgb.shape == raw.shape == (3, 17, 33)


def test_they_are_read_again(folder: Path, rawbench_launcher: Launcher) -> None:
    assert judged(folder, rawbench_launcher).status == "pass"


def test_another_raw_is_a_fault(folder: Path, tmp_path: Path, rawbench_launcher: Launcher) -> None:
    copy = tmp_path / "honest"
    copy.mkdir()
    data, srgb, raw = read_golden(folder / "honest")["v1-17x33-q0"]
    (copy / "v1-17x33-q0.rbs").write_bytes(data)
    np.savez(tmp_path / "17x33.npz", srgb=srgb)
    np.savez(copy / "v1-17x33-q0.npz", raw=raw + np.float32(0.25))
    (copy / "v2-17x33-q0.rbs").write_bytes(bytes([0xB2]) + data[1:])
    np.savez(copy / "v2-17x33-q0.npz", raw=raw)
    result = judged(tmp_path, rawbench_launcher)
    assert result.status == "fail"
    assert "v1-17x33-q0: decodes to a raw that differs by 0.25 from the one kept" in result.sentence
    assert "and 1 more" in result.sentence


def test_what_is_there_is_not_overwritten(folder: Path, rawbench_launcher: Launcher) -> None:
    with pytest.raises(RawbenchError, match="has golden streams of format version 1 already"):
        write_golden(Honest, folder, launcher=rawbench_launcher)
    assert len(write_golden(Honest, folder, replace=True, launcher=rawbench_launcher)) == 8


def test_a_method_that_fails_leaves_none(tmp_path: Path, rawbench_launcher: Launcher) -> None:
    with pytest.raises(RawbenchError, match="no golden streams of .*shape: scene-a"):
        write_golden(WrongShape, tmp_path, launcher=rawbench_launcher)
    assert not list(tmp_path.iterdir())


def test_a_stream_without_its_raw_is_named(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "v1-x-q0.rbs").write_bytes(b"")
    with pytest.raises(RawbenchError, match=r"golden streams: .*/x.npz"):
        read_golden(tmp_path / "m")
    np.savez(tmp_path / "x.npz", srgb=np.zeros((3, 2, 2), np.uint8))
    with pytest.raises(RawbenchError, match=r"golden streams: .*/m/v1-x-q0.npz"):
        read_golden(tmp_path / "m")
    assert read_golden(tmp_path / "none") == {}


def test_an_image_keeps_its_pixels(folder: Path, tmp_path: Path, rawbench_launcher: Launcher) -> None:
    np.savez(tmp_path / "17x33.npz", srgb=np.zeros((3, 17, 33), np.uint8))
    with pytest.raises(RawbenchError, match="17x33.npz is of another image"):
        write_golden(Honest, tmp_path, launcher=rawbench_launcher)


def test_ours_are_found_from_any_project(tmp_path: Path) -> None:
    ours = golden_folder("poly", tmp_path)
    assert read_golden(ours / "poly") and ours == golden_folder("poly:curve=x", Path("/"))
    (tmp_path / "results/golden/honest").mkdir(parents=True)
    assert golden_folder(Honest, tmp_path) == tmp_path / "results/golden"
    assert golden_folder("poly", tmp_path) == ours


def test_they_are_small() -> None:
    ours = golden_folder("poly", Path("/"))
    assert sum(path.stat().st_size for path in ours.rglob("*")) < 1_000_000
