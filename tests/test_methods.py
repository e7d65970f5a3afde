"""Every method of the catalogue is held to the contract: one class for each name.

Methods that take their time have two: what nobody can do without (golden streams, the fresh process) runs always, the
rest is marked slow.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rawbench.plugins import load_plugins
from rawbench.testing import CodecConformance
from rawbench.testing.golden_files import read_golden

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "results" / "golden"

ELSEWHERE = {"external": "runs programs of others, each of which is a method: tests/external"}

ALWAYS = (
    "declaration",
    "rate_points",
    "odd_sizes",
    "repeatable_encode",
    "fresh_instance",
    "fresh_process",
    "known_files",
    "nothing_left_behind",
    "keeps_nothing",
    "inputs_untouched",
    "golden",
)


class TestHybrid(CodecConformance):
    method = "hybrid"
    only = ALWAYS


@pytest.mark.slow
class TestWholeHybrid(CodecConformance):
    method = "hybrid"


class TestLut(CodecConformance):
    method = "lut"


class TestPoly(CodecConformance):
    method = "poly"


class TestRawjxl(CodecConformance):
    method = "rawjxl"


class TestResidual(CodecConformance):
    method = "residual"


class TestSam(CodecConformance):
    method = "sam"


class TestUniform(CodecConformance):
    method = "uniform"


class TestUnprocess(CodecConformance):
    method = "unprocess"


class TestCam(CodecConformance):
    method = "cam"
    only = ALWAYS


@pytest.mark.slow
class TestWholeCam(CodecConformance):
    method = "cam"


class TestInf(CodecConformance):
    method = "inf"
    only = ALWAYS


@pytest.mark.slow
class TestWholeInf(CodecConformance):
    method = "inf"


class TestInvisp(CodecConformance):
    method = "invisp"
    only = ALWAYS


@pytest.mark.slow
class TestWholeInvisp(CodecConformance):
    method = "invisp"


class TestLearned(CodecConformance):
    method = "learned"
    only = ALWAYS


@pytest.mark.slow
class TestWholeLearned(CodecConformance):
    method = "learned"


class TestLearnedAr(CodecConformance):
    method = "learned-ar"
    only = ALWAYS


@pytest.mark.slow
class TestWholeLearnedAr(CodecConformance):
    method = "learned-ar"


KITS = [kit for name, kit in sorted(globals().items()) if name.startswith("Test") and issubclass(kit, CodecConformance)]


def test_every_method_of_ours_has_a_class() -> None:
    ours = {entry.name for entry in load_plugins().methods if str(entry.target).startswith("rawbench_")}
    quick = {kit.method for kit in KITS if not getattr(kit, "pytestmark", [])}
    assert quick == ours - set(ELSEWHERE)


def test_what_is_always_checked_has_the_golden_streams_and_the_fresh_process() -> None:
    for kit in KITS:
        assert not kit.only or {"golden", "fresh_process"} <= set(kit.only), kit.__name__
        marks = {mark.name for mark in getattr(kit, "pytestmark", [])}
        assert not (marks and kit.only), f"{kit.__name__}: what is slow is the whole"


def test_every_golden_file_is_read_by_a_class() -> None:
    read = {GOLDEN / str(kit.method) / f"{stem}{ending}"
            for kit in KITS if "golden" in (kit.only or ("golden",))
            for stem in read_golden(GOLDEN / str(kit.method)) for ending in (".rbs", ".npz")}  # fmt: skip
    images = {GOLDEN / f"{path.stem.partition('-')[2].rpartition('-')[0]}.npz" for path in read}
    lying = {path for path in GOLDEN.rglob("*") if path.is_file()}
    assert lying == read | images and read


@pytest.mark.parametrize("method", sorted({str(kit.method) for kit in KITS}))
def test_every_method_has_golden_streams_of_its_present_format(method: str) -> None:
    version = load_plugins().methods.load(method).format_version
    assert any(stem.startswith(f"v{version}-") for stem in read_golden(GOLDEN / method))
