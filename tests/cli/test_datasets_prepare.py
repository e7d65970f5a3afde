"""``rawbench datasets prepare``, ``verify`` and ``show``, and a run on what was prepared."""

from __future__ import annotations

import pytest

from tests.datasets.conftest import fivek_tree, nus_camera_files, nus_tree, rawir_tree  # noqa: F401


@pytest.mark.parametrize("name", ["nus", "fivek", "rawir"])
def test_prepare_verify_and_run(call, request, monkeypatch, tmp_path, name):
    source = request.getfixturevalue(f"{name}_tree")
    monkeypatch.setenv("RAWBENCH_DATA", str(tmp_path / "data"))
    ended = call("datasets", "prepare", name, "--from", source)
    assert ended.code == 0, ended.err
    assert (tmp_path / "data" / name / "manifest.json").is_file() and "images" in ended.out
    assert call("datasets", "verify", name).out == f"dataset {name}: all is well\n"
    ended = call("run", "--methods", "mean", "--dataset", name, "--metrics", "psnr", "--rate-points", "0")
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("fixture", ["fivek_tree", "nus_camera_files"])
def test_a_folder_and_original_camera_files(call, request, monkeypatch, tmp_path, fixture):  # noqa: F811
    source = request.getfixturevalue(fixture)
    monkeypatch.setenv("RAWBENCH_DATA", str(tmp_path / "data"))
    names = {"folder": f"folder:root={source}"}
    if fixture == "nus_camera_files":
        names["nus"] = f"nus:root={tmp_path}/data/nus"
    for name, dataset in names.items():
        ended = call("datasets", "prepare", name, "--from", source)
        assert ended.code == 0, ended.err
        assert "images" in ended.out and list((tmp_path / "data" / name).rglob("manifest.json"))
        assert call("datasets", "verify", dataset).out == f"dataset {name}: all is well\n"
        ended = call("run", "--methods", "mean", "--dataset", dataset, "--metrics", "psnr", "--rate-points", "0")
        assert ended.code == 0, ended.err
    gone = next(source.rglob("*_0003.dng"), None) or next(source.rglob("a0003*.dng"))
    gone.unlink()
    ended = call("datasets", "verify", f"folder:root={source}")
    assert ended.code == 4 and ended.out == f"{gone.relative_to(source)}: missing\n"


def test_verify_is_a_line_a_file_and_exit_code_4(call, nus_tree, tmp_path):  # noqa: F811
    assert call("datasets", "prepare", "nus", "--from", nus_tree, "--root", "r").code == 0
    (nus_tree / "SonyA57" / "val" / "raw" / "SonyA57_0003.tif").unlink()
    ended = call("datasets", "verify", "nus", "--root", "r")
    assert ended.code == 4 and ended.out == "SonyA57/val/raw/SonyA57_0003.tif: missing\n"
    ended = call("run", "--methods", "mean", "--dataset", "nus:root=r", "--split", "validation", "--metrics", "psnr")
    assert ended.code == 4 and "SonyA57_0003.tif: missing" in ended.err


def test_show_says_where_to_get_it(call):
    told = call("datasets", "show", "nus").out
    assert "licence: see its pages" in told and "published splits: " in told and "where: " in told


def test_nothing_prepared(call, monkeypatch, tmp_path):
    monkeypatch.setenv("RAWBENCH_DATA", str(tmp_path / "none"))
    ended = call("run", "--methods", "mean", "--dataset", "fivek")
    assert ended.code == 4 and "rawbench datasets prepare fivek --from DIR" in ended.err
    ended = call("datasets", "prepare", "sample", "--from", str(tmp_path))
    assert ended.code == 2 and "nothing to prepare" in ended.err
