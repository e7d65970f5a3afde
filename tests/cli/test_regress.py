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
        document["environments"][0]["threads"] += 1
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
        (lambda d: d["images"][0].update(source_digest="x"), 3, "image tiny/image0 has digest tiny-image0-none"),
        (lambda d: d.update(format=9), 3, "has format 9; this rawbench reads 1"),
        (lambda d: d["metrics"][0].update(version=7), 3, "metric psnr is version 7 in the reference, 1 here"),
        (lambda d: d["meta"].update(protocol="other"), 3, "the reference's protocol is 'other'"),
        (lambda d: d.update(cells=[]), 3, "nothing to measure: the reference has no cells"),
        (lambda d: d.update(metrics=[]), 3, "nothing to measure: the reference has no metric"),
        (lambda d: d.pop("tolerances"), 3, "the reference has no tolerance for bytes"),
        (lambda d: d["tolerances"].pop("psnr"), 3, "the reference has no tolerance for psnr"),
        (lambda d: d["run"].update(methods=["gone"]), 3, "cannot be run: no method 'gone'"),
        (lambda d: d.update(cells="x"), 2, "ref.json is damaged: "),
        (lambda d: d["cells"][0].update(bytes=0), 2, "is damaged: cells.0.values: Value error, bytes is 0"),
        (lambda d: d["cells"].append(d["cells"][0]), 2, "is damaged: a cell stands there twice: steps step=0 on tiny"),
        (lambda d: d["images"].pop(), 2, "is of the image tiny/image1, which is not described"),
        (lambda d: d["run"].update(plugins=["x.py"]), 2, "is damaged: run.plugins: Extra inputs"),
        (lambda d: d["tolerances"].update(psnr="about 1"), 2, "'about 1' is no tolerance"),
        (lambda d: d["tolerances"].update(psnr="+0.02 dB"), 2, "tolerance psnr '+0.02 dB': less is what"),
        (lambda d: d["tolerances"].update(bytes="+" + "9" * 400), 2, "everything would pass"),
        (lambda d: d.pop("run"), 2, "is a run, but no reference"),
        (lambda d: d.pop("format"), 2, "is no run that rawbench wrote"),
    ],
)
def test_what_cannot_be_compared(bench, reference, change, code, said):
    edit(reference, change)
    ended = bench("regress", reference)
    assert ended.code == code and said in ended.err, ended.out + ended.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(psnr=None), "the reference has no value of psnr for it"),
        (lambda c: c.pop("psnr"), "the reference has no psnr of it"),
        (lambda c: c.pop("bytes"), "the reference has no bytes of it"),
        (lambda c: [c.pop(name) for name in ("psnr", "ssim", "bytes", "bpp")], "the reference has no bytes of it"),
    ],
)
def test_a_reference_that_lacks_numbers_is_not_comparable(bench, reference, change, said):
    bench("run", "--methods", "steps", "--dataset", "tiny", "--images", "image0,image1", "--out", "run")
    edit(reference, lambda d: [change(cell) for cell in d["cells"]])
    ended = bench("regress", reference, "--run", "run")
    assert ended.code == 3 and f"missing: steps step=0 on tiny/image0: {said}" in ended.out


def test_values_that_neither_has_are_not_compared_but_others_must_be(bench, reference, tmp_path):
    document = json.loads(reference.read_text())
    for cell in document["cells"]:
        cell["ssim"] = None
    del document["run"], document["tolerances"]
    (tmp_path / "run.json").write_text(json.dumps(document))
    edit(reference, lambda d: [c.update(ssim=None) for c in d["cells"]])
    assert bench("regress", reference, "--run", "run.json").code == 0
    for cell in document["cells"]:
        cell["psnr"] = None
    (tmp_path / "run.json").write_text(json.dumps(document))
    edit(reference, lambda d: [c.update(psnr=None) for c in d["cells"]])
    ended = bench("regress", reference, "--run", "run.json")
    assert ended.code == 3 and "nothing of its quality can be compared" in ended.out


def test_exact_bytes_are_asked_where_all_that_computes_is_the_same(bench, reference):
    (environment,) = json.loads(reference.read_text())["environments"]
    assert environment["threads"] >= 1 and environment["cpu_capability"] and environment["deterministic"]
    assert bench("regress", reference).code == 0
    edit(reference, lambda d: [c.update(bytes=c["bytes"] - 1) for c in d["cells"] if c["bytes"] > 200])
    assert bench("regress", reference).code == 1
    for change in (
        lambda d: d["environments"][0].update(threads=environment["threads"] + 1),
        lambda d: d["environments"][0].update(threads=environment["threads"], cpu_capability="other"),
        lambda d: d["environments"][0].update(cpu_capability=environment["cpu_capability"], deterministic={}),
    ):
        edit(reference, change)
        assert bench("regress", reference).code == 0


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


def test_the_worst_comes_first(bench, reference):
    def change(document):
        for number, cell in enumerate(document["cells"]):
            cell["psnr"] += (number * 7) % 11

    edit(reference, change)
    lines = [line for line in bench("regress", reference).out.splitlines() if ": psnr was" in line]
    lost = [float(line.split("was ")[1].split(",")[0]) - float(line.split("is ")[1].split(",")[0]) for line in lines]
    assert len(lost) > 4 and lost == sorted(lost, reverse=True)


def test_a_summary_for_a_pull_request(bench, reference, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("STEPS_WORSE", "header")
    ended = bench("regress", reference, "--markdown", "--subset", "image=image0")
    assert ended.code == 1 and "| regressed | steps | step=0 on tiny/image0 | bytes was " in ended.out
    assert "### rawbench regress: ref.json" in ended.out
    bench("run", "--methods", "steps", "--dataset", "tiny", "--images", "image0", "--metrics", "psnr", "--out", "run")
    assert bench("compare", "run", "run").code == 0
    written = (tmp_path / "summary.md").read_text()
    assert written.startswith("### rawbench regress: ref.json") and "### rawbench: run against run" in written
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none/summary.md"))
    assert "cannot write the job's summary" in bench("compare", "run", "run").err


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
    tolerances = document["tolerances"]
    assert tolerances["psnr"] == "-0.1 dB" and tolerances["mae"] == "+0.1 %"
    assert bench("regress", "some.json").code == 0
    again = bench("reference", "create", "some.json", "--run", "run")
    assert again.code == 2 and "is there already" in again.err
    typo = bench("reference", "create", "b.json", "--run", "run", "--tolerance", "pnsr=-1 dB")
    assert typo.code == 2 and "no rate or metric 'pnsr'" in typo.err


@pytest.mark.parametrize(
    ("tolerance", "said"),
    [
        ("psnr", "--tolerance psnr: the form is NAME=TOLERANCE"),
        ("pnsr=-1 dB", "no rate or metric 'pnsr'; did you mean psnr"),
        ("psnr=about 1", "'about 1' is no tolerance"),
        ("psnr=+1 dB", "tolerance psnr '+1 dB': less is what is worse"),
    ],
)
def test_a_slip_in_a_tolerance_is_told_before_anything_is_measured(bench, tolerance, said):
    ended = bench("reference", "create", "a.json", "--methods", "steps", "--dataset", "tiny", "--tolerance", tolerance)
    assert (ended.code, ended.out) == (2, "") and said in ended.err and len(ended.err.splitlines()) == 1


def test_no_reference_of_a_failed_run(bench, monkeypatch):
    monkeypatch.setenv("STEPS_WORSE", "raises")
    ended = bench("reference", "create", "ref.json", "--methods", "steps", "--dataset", "tiny", "--images", "image0")
    assert ended.code == 4 and "no reference of a run with 5 failed cells" in ended.err
