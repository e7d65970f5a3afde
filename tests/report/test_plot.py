"""Figures for a paper: what is drawn, where names stand, and files that are the same each time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.text import Text
from PIL import Image

from rawbench.errors import UsageError
from rawbench.report.plot import Box, Curve, Look, Panel, _free_place, difference_to, draw, make_panel, with_published
from rawbench.results.rd import Point, quality_at
from rawbench.results.run import read_run

MEASURED = Path(__file__).resolve().parents[2] / "results" / "measured" / "sample.json"
ROW = {"method": "Theirs", "source": "", "protocol": "", "dataset": "Sample", "camera": "", "rendition": "8-bit",
       "bpp": "0.1", "psnr_db": "60", "note": ""}  # fmt: skip


@pytest.fixture(scope="module")
def run():
    return read_run(MEASURED)


def test_curves_are_the_means_of_the_run(run):
    panel = make_panel([run], "psnr", methods=["poly", "uniform"], labels={"poly": "Polynomial"})
    assert [curve.label for curve in panel.curves] == ["Polynomial", "uniform"]
    means = [(g.means["bpp"].value, g.means["psnr"].value) for g in run.full_means if g.method == "poly"]
    assert list(panel.curves[0].points) == sorted(means)
    assert len(panel.curves[0].images) == 13 * len(means)
    assert panel.quality == "PSNR of linear raw (dB)" and panel.rate == "bits per pixel"


def test_runs_are_told_apart_where_they_have_one_method(run):
    panel = make_panel([run, replace(run, name="after")], "psnr", methods=["poly"])
    assert [curve.label for curve in panel.curves] == ["poly (sample)", "poly (after)"]


def test_exact_points_are_on_no_axis(run):
    (curve,) = make_panel([run], "psnr", methods=["rawjxl"]).curves
    assert len(curve.points) == sum(g.method == "rawjxl" for g in run.full_means) - 1


def test_published_points_are_of_the_same_dataset_and_apart(run):
    panel = make_panel([run], "psnr", methods=["poly"])
    more = with_published(panel, [ROW, {**ROW, "dataset": "NUS"}, {**ROW, "bpp": ""}], "sample:rendition=png")
    assert [(c.label, c.points, c.published) for c in more.curves[1:]] == [
        ("Theirs as published (8-bit)", (Point(0.1, 60.0),), True)
    ]
    assert with_published(make_panel([run], "ssim"), [ROW], "sample").curves == make_panel([run], "ssim").curves


def test_a_difference_is_taken_at_the_same_rate(run):
    panel = make_panel([run], "psnr", methods=["residual", "learned", "unprocess"])
    base, learned, _ = (curve.points for curve in panel.curves)
    found = difference_to(panel, "residual")
    assert {p.quality for p in found.curves[0].points} == {0.0}
    wanted = [Point(p.rate, p.quality - quality_at(base, p.rate)) for p in learned if p.rate >= base[0].rate]
    assert list(found.curves[1].points) == wanted
    assert found.curves[2].points == ()  # below the anchor's lowest rate: nothing is extrapolated
    assert found.quality == "PSNR less that of residual (dB)"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"metric": "pnsr"}, "no run has the metric 'pnsr'; did you mean psnr"),
        ({"methods": ["ploy"]}, "no run has the method 'ploy' on sample; did you mean poly"),
        ({"labels": {"ploy": "x"}}, "--label: no run has the method 'ploy'"),
        ({"dataset": "nus"}, "no run has the dataset 'nus'"),
    ],
)
def test_slips_are_named(run, given, told):
    with pytest.raises(UsageError, match=told):
        make_panel([run], **{"metric": "psnr", **given})
    with pytest.raises(UsageError, match="--difference-to: 'lut' is not drawn"):
        difference_to(make_panel([run], "psnr", methods=["poly"]), "lut")


def test_of_several_datasets_one_is_chosen(run):
    other = [replace(row, dataset="more") for row in run.rows]
    both = replace(run, rows=(*run.rows, *other),
                   images={**run.images, **{("more", i): f for (_, i), f in run.images.items()}})  # fmt: skip
    with pytest.raises(UsageError, match="choose one by --dataset: more, sample"):
        make_panel([both], "psnr")
    assert make_panel([both], "psnr", dataset="more").curves


def test_no_two_names_overlap_and_none_leaves_its_panel_without_need():
    curves = tuple(Curve(n, n, (Point(0.01, 50 + i / 50), Point(1.0, 60 + i / 50))) for i, n in enumerate("abcdefgh"))
    figure = draw([Panel("psnr", "PSNR $x$ (dB)", "bpp", curves)], Look(title="100 $"))
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in figure.axes[0].texts]  # without its line
    assert len(boxes) == 8 and figure.axes[0].get_ylabel() == r"PSNR \$x\$ (dB)"
    for i, box in enumerate(boxes):
        assert not any(box.y0 < other.y1 - 1 and other.y0 < box.y1 - 1 for other in boxes[i + 1 :])


def test_a_name_stands_beside_a_line_rather_than_on_it():
    wanted = Box(10, 100, 40, 10)
    assert _free_place(wanted, [], []) == wanted
    assert _free_place(wanted, [], [(30, 101)]).middle in (95, 105)
    assert abs(_free_place(wanted, [wanted], []).middle - 100) >= 10


def test_limits_and_points(run):
    panel = make_panel([run], "psnr", methods=["poly"])
    look = Look((0.001, 1), {"psnr": (40, 60)}, linear=True, legend=True, images=True)
    axes = draw([panel], look).axes[0]
    assert axes.get_xlim() == (0.001, 1) and axes.get_ylim() == (40, 60) and axes.get_xscale() == "linear"
    assert len(axes.lines) == 2 and axes.get_legend() is not None and not axes.texts
    assert len(draw([panel], Look(legend=True)).axes[0].lines) == 1


@pytest.mark.parametrize("suffix", [".pdf", ".svg", ".png"])
def test_the_same_figure_is_the_same_bytes(call, tmp_path, suffix):
    arguments = ("plot", MEASURED, "--methods", "poly,learned", "--label", "learned=Ours", "--dpi", "60")
    for name in ("one", "two"):
        ended = call(*arguments, "-o", name + suffix)
        assert ended.code == 0 and "2 curves" in ended.out, ended.err
    content = (tmp_path / f"one{suffix}").read_bytes()
    assert content == (tmp_path / f"two{suffix}").read_bytes()
    if suffix == ".svg":
        assert b">Ours<" in content and b">learned<" not in content
    if suffix == ".png":
        assert Image.open(tmp_path / "one.png").width > 150


def test_the_command_takes_published_rows_before_and_after(call, tmp_path):
    (tmp_path / "mine.csv").write_text("\ufeff" + ",".join(ROW) + "\n" + ",".join(ROW.values()) + "\n", "utf-8")
    for arguments in (("--published", "mine.csv", MEASURED), (MEASURED, "--published", "mine.csv")):
        ended = call("plot", *arguments, "-o", "x.svg", "--methods", "poly", "--metrics", "psnr,ssim")
        assert ended.code == 0 and "3 curves" in ended.out, ended.err
    ended = call("plot", "--published", MEASURED, "-o", "x.svg", "--methods", "poly")
    assert ended.code == 0 and "no published point is drawn" in ended.err and "NUS" in ended.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-o", "x.bmp"), "the suffix must be one of .pdf, .svg, .png"),
        (("-o", "x.png", "--xlim", "1"), "--xlim 1: the form is FROM,TO"),
        (("-o", "x.png", "--xlim", "0,1"), "--xlim 0,1: a logarithmic axis has no 0"),
        (("-o", "x.png", "--ylim", "pnsr=40,60"), "no such metric is drawn"),
        (("-o", "x.png", "--ylim", "psnr=60,40"), "the first end is not below the second"),
        (("-o", "x.png", "--label", "learned"), "the form is METHOD=TEXT"),
        (("-o", "x.png", "--size", "0,1"), "sides from 1 to 30 inches"),
    ],
)
def test_slips_on_the_command_line(call, arguments, told):
    ended = call("plot", MEASURED, *arguments)
    assert ended.code == 2 and told in ended.err
