"""Real programs as methods: OpenJPEG's and libjxl's own tools, by the shipped configurations."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rawbench.results.run import read_run
from rawbench.testing import run_checks

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
TOOLS = {"openjpeg": ("opj_compress", "opj_decompress"), "libjxl": ("cjxl", "djxl")}


def needs(name: str) -> Path:
    for tool in TOOLS[name]:
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool} here (apt install libopenjp2-tools libjxl-tools)")
    return EXAMPLES / f"{name}.toml"


@pytest.mark.parametrize("name", TOOLS)
def test_real_tools_code_the_raw(call, tmp_path, name):
    method = f"external:config={needs(name)}"
    ended = call("run", "--methods", method, "--dataset", "sample", "--images", "olympus-e-pl6_city_2",
                 "--metrics", "psnr", "--out", "run")  # fmt: skip
    assert ended.code == 0, ended.out + ended.err
    rows = sorted(read_run(tmp_path / "run").rows, key=lambda row: row.rate_order)
    rates, quality = [row.values["bytes"] for row in rows], [row.values["psnr"] for row in rows]
    assert rates == sorted(rates) and quality == sorted(quality) and quality[-1] == float("inf")
    assert 29 < quality[0] < 33 and 25 < rows[-1].values["bpp"] < 32  # what libjxl and OpenJPEG make of such images


@pytest.mark.slow
@pytest.mark.parametrize("name", TOOLS)
def test_real_tools_keep_the_contract(name):
    results = run_checks(f"external:config={needs(name)}")
    assert [result for result in results if result.status == "fail"] == []
