"""``rawbench regress`` and ``rawbench reference``: what is caught, with which exit code and sentence."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

STEPS_PLUGIN = str(Path(__file__).parents[1] / "steps_plugin.py")


@pytest.fixture
def bench(call):
    def run(*arguments):
        return call("--plugin", STEPS_PLUGIN, *arguments)

    return run


@pytest.fixture
def reference(bench, tmp_path):
    given = ("--methods", "steps", "--dataset", "tiny", "--images", "image0,image1")
    ended = bench("reference", "create", "ref.json", *given)
    assert ended.code == 0, ended.err
    return tmp_path / "ref.json"


def edit(path: Path, change) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_the_same_again_is_fine(bench, reference):
    ended = bench("regress", reference)
    assert ended.code == 0, ended.err
    assert "11 verdicts: 11 fine" in ended.out, "ten cells and a curve"


@pytest.mark.parametrize(
    ("how", "metric", "side"),
    [
        ("quantiser", "psnr", "more (-0.02 dB)"),
        ("weight", "bytes", "less (+0 byte)"),
        ("header", "bytes", "less (+0 byte)"),
    ],
)
def test_a_worse_method_is_a_regression(bench, reference, monkeypatch, how, metric, side):
    monkeypatch.setenv("STEPS_WORSE", how)
    ended = bench("regress", reference)
    assert ended.code == 1, ended.out + ended.err
    lines = [line for line in ended.out.splitlines() if line.startswith("regressed: ")]
    (sentence,) = [s for s in lines if s.startswith(f"regressed: steps step=1 on tiny/image0: {metric} ")]
    was = next(c for c in json.loads(reference.read_text())["cells"] if c["rate_point"] == "step=1")[metric]
    assert f"{metric} was {was:.6g}, is " in sentence and sentence.endswith(side)
    assert ", allowed is " in sentence


def test_one_byte_is_named_with_its_limit(bench, reference, monkeypatch):
    monkeypatch.setenv("STEPS_WORSE", "header")
    ended = bench("regress", reference, "--subset", "rate_point=step=0", "--subset", "image=image1")
    size = next(c["bytes"] for c in json.loads(reference.read_text())["cells"] if c["image"] == "image1")
    assert ended.code == 1
    expected = f"bytes was {size}, is {size + 1}, allowed is {size} or less (+0 byte)"
    assert f"regressed: steps step=0 on tiny/image1: {expected}" in ended.out
    assert "2 verdicts: 1 regressed, 1 not judged" in ended.out


def test_a_bd_rate_is_judged_by_curve(bench, reference, monkeypatch):
    monkeypatch.setenv("STEPS_WORSE", "quantiser")
    ended = bench("regress", reference)
    assert "regressed: steps on tiny: BD-rate of psnr was 0 %, is +" in ended.out
    assert ended.out.split("BD-rate of psnr")[1].splitlines()[0].endswith(", allowed is +0.3 %")


def test_better_passes_and_says_what_to_do(bench, reference, monkeypatch):
    edit(reference, lambda d: [c.update(psnr=c["psnr"] - 1, ssim=c["ssim"] - 0.1) for c in d["cells"]])
    ended = bench("regress", reference)
    assert ended.code == 0
    assert "better: steps step=0 on tiny/image0: psnr was " in ended.out
    assert f"keep that with: rawbench reference update {reference}" in ended.out
    updated = bench("reference", "update", reference)
    assert updated.code == 0 and "10 cells" in updated.out
    assert "better: steps" in updated.out, "an update says what it changes"
    assert "11 verdicts: 11 fine" in bench("regress", reference).out


def test_in_another_environment_bytes_have_room(bench, reference):
    def change(document):
        document["environment"]["digest"] = "another"
        for cell in document["cells"]:
            cell["bytes"] -= cell["bytes"] // 250

    edit(reference, change)
    assert bench("regress", reference).code == 0
    edit(reference, lambda d: [c.update(bytes=c["bytes"] * 99 // 100) for c in d["cells"]])
    ended = bench("regress", reference)
    assert ended.code == 1 and "or less (+0.5 %)" in ended.out


def test_a_cell_missing_from_the_reference(bench, reference):
    edit(reference, lambda d: d["cells"].pop(3))
    ended = bench("regress", reference)
    assert ended.code == 3
    assert ended.out.splitlines()[-2].startswith("missing: steps step=") or "missing: steps step=" in ended.out
    assert "it is not in the reference" in ended.out


@pytest.mark.parametrize(("how", "said"), [("dropped", "it was not measured"), ("added", "it is not in the reference")])
def test_rate_points_that_came_or_went(bench, reference, monkeypatch, how, said):
    monkeypatch.setenv("STEPS_WORSE", how)
    ended = bench("regress", reference)
    assert ended.code == 3 and said in ended.out


def test_a_cell_missing_from_a_run(bench, reference, tmp_path):
    bench("run", "--methods", "steps", "--dataset", "tiny", "--images", "image0,image1", "--out", "run")
    assert bench("regress", reference, "--run", "run").code == 0
    with sqlite3.connect(tmp_path / "run/run.sqlite") as db:
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("DELETE FROM cells WHERE rate_point = 'step=2' AND image = 'image1'")
    ended = bench("regress", reference, "--run", "run")
    assert ended.code == 3
    assert "missing: steps step=2 on tiny/image1: it was not measured" in ended.out
    assert "no BD-rate, as cells failed or are missing" in ended.out


def test_an_exception_in_a_codec(bench, reference, monkeypatch):
    monkeypatch.setenv("STEPS_WORSE", "raises")
    ended = bench("regress", reference)
    assert ended.code == 4
    assert "failed: steps step=0 on tiny/image0: error: ValueError: no such thing (steps_plugin.py:" in ended.out


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda d: d["images"]["tiny/image0"].update(digest="x"), 3, "image tiny/image0 has digest tiny-image0-none"),
        (lambda d: d.update(reference_schema=9), 3, "has schema 9, this rawbench compares 1"),
        (lambda d: d["metrics"].update(psnr=7), 3, "metric psnr is version 7 in the reference, 1 here"),
        (lambda d: d.update(protocol="other"), 3, "the reference's protocol is 'other'"),
        (lambda d: d.update(cells=[]), 3, "nothing to measure: no cells"),
        (lambda d: d["run"].update(methods=["gone"]), 3, "the reference cannot be run: no method 'gone'"),
        (lambda d: d.update(cells="x"), 2, "is damaged: cells: Input should be a valid list"),
        (lambda d: d["tolerances"].update(psnr="about 1"), 2, "'about 1' is no tolerance"),
        (lambda d: d.pop("reference_schema"), 2, "is no reference"),
    ],
)
def test_what_cannot_be_compared(bench, reference, change, code, said):
    edit(reference, change)
    ended = bench("regress", reference)
    assert ended.code == code and said in ended.err, ended.out + ended.err


def test_a_file_that_is_not_there(bench):
    assert bench("regress", "none.json").code == 2
    assert "cannot read none.json" in bench("regress", "none.json").err


def test_for_machines(bench, reference, monkeypatch, tmp_path):
    monkeypatch.setenv("STEPS_WORSE", "header")
    ended = bench("regress", reference, "--junit", "out.xml", "--github", "--subset", "image=image0")
    suite = ET.parse(tmp_path / "out.xml").getroot()[0]
    assert suite.attrib["tests"] == "6" and suite.attrib["failures"] == "5" and suite.attrib["errors"] == "0"
    case = suite.find("testcase[@name='step=0 on tiny/image0']")
    assert case.attrib["classname"] == "steps" and "bytes was " in case.find("failure").attrib["message"]
    (first, *_) = [line for line in ended.out.splitlines() if line.startswith("::")]
    assert first.startswith("::error file=")
    assert "title=rawbench%3A regressed::steps step=0 on tiny/image0: bytes" in first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--subset", "image=nothing*"), "no cell is in the subset"),
        (("--subset", "colour=red"), "the form is method|rate_point|dataset|image"),
    ],
)
def test_subsets(bench, reference, arguments, said):
    ended = bench("regress", reference, *arguments)
    assert ended.code in (2, 3) and said in ended.err


def test_a_reference_of_a_run(bench, tmp_path):
    bench("run", "--methods", "steps,mean", "--dataset", "tiny", "--out", "run", "--metrics", "psnr,ssim,mae")
    ended = bench("reference", "create", "some.json", "--run", "run", "--methods", "steps", "--images", "image0",
                  "--metrics", "psnr,mae", "--tolerance", "psnr=-0.1 dB")  # fmt: skip
    assert ended.code == 0, ended.err
    document = json.loads((tmp_path / "some.json").read_text())
    assert document["run"]["methods"] == ["steps"] and len(document["cells"]) == 5
    assert document["tolerances"]["psnr"] == "-0.1 dB" and document["tolerances"]["mae"] == "+0.1 %"
    assert bench("regress", "some.json").code == 0
    again = bench("reference", "create", "some.json", "--run", "run")
    assert again.code == 2 and "is there already" in again.err
    typo = bench("reference", "create", "b.json", "--run", "run", "--tolerance", "pnsr=-1 dB")
    assert typo.code == 2 and "no rate or metric 'pnsr'" in typo.err


def test_no_reference_of_a_failed_run(bench, monkeypatch):
    monkeypatch.setenv("STEPS_WORSE", "raises")
    ended = bench("reference", "create", "ref.json", "--methods", "steps", "--dataset", "tiny", "--images", "image0")
    assert ended.code == 4 and "no reference of a run with 5 failed cells" in ended.err
