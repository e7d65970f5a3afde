"""The charts: what is drawn, on which axes, and the files."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rawbench.report.chart_data import chart_data, typical_points
from rawbench.report.chart_files import standalone, write_charts
from rawbench.report.charts import make_charts

METRICS = ["psnr", "ssim"]


@pytest.fixture
def drawn(made):
    data = chart_data(made, METRICS, typical_points(made, 0.1))
    return data, {chart.name: chart for chart in make_charts(made, data, METRICS)}


def test_a_chart_for_everything_that_was_measured(drawn):
    _, charts = drawn
    assert {"time-encode", "time-decode", "stages-encode", "stages-decode", "renditions"} <= set(charts)
    for rendition in ("png", "jpeg90", "jpeg100"):
        assert {f"{kind}-made-{rendition}" for kind in ("images", "camera-camera-0", "camera-camera-1")} <= set(charts)
    assert {"rd-psnr-made-png", "rd-ssim-made-jpeg90"} <= set(charts)
    for chart in charts.values():
        assert {"name": "hidden", "value": []} in chart.spec["params"], chart.name
        assert "datasets" not in chart.spec
        for part in chart.spec.get("layer", [chart.spec]):
            assert part["transform"][0] == {"filter": "indexof(hidden, datum.method) < 0"}, chart.name


def test_rates_start_at_a_decade_and_the_axis_is_logarithmic(drawn):
    _, charts = drawn
    text = json.dumps(charts["rd-psnr-made-png"].spec)
    assert '"domain": [0.001, ' in text and '"type": "log"' in text
    tooltip = charts["rd-psnr-made-png"].spec["layer"][0]["encoding"]["tooltip"]
    assert [item["title"] for item in tooltip] == ["method", "rate point", "image", "camera", "bytes", "bpp", "psnr"]


def test_what_a_similarity_lacks_is_drawn_on_a_log_axis(drawn):
    data, charts = drawn
    y = charts["rd-ssim-made-png"].spec["layer"][1]["encoding"]["y"]
    assert y["field"] == "ssim_lacking" and y["scale"] == {"type": "log", "reverse": True, "nice": False}
    cell = next(cell for cell in data["cells"] if cell["ssim"] == 0.99)
    assert cell["ssim_lacking"] == pytest.approx(0.01)
    assert "psnr_lacking" not in cell


def test_no_point_lies_outside_of_the_axis(made):
    rows = tuple(replace(row, values={**row.values, "bpp": row.values["bpp"] / 20}) for row in made.rows)
    few = replace(made, rows=rows)
    data = chart_data(few, METRICS, typical_points(few, 0.1))
    for chart in make_charts(few, data, METRICS):
        if chart.group in ("curves", "cameras"):
            low, high = chart.spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
            assert all(low <= cell["bpp"] <= high for cell in data["cells"]), chart.name


def test_a_panel_shows_one_dataset(drawn):
    _, charts = drawn
    for rendition in ("png", "jpeg90"):
        text = json.dumps(charts[f"camera-camera-1-made-{rendition}"].spec)
        assert f"made:{rendition}" in text and text.count("made:") == text.count(f"made:{rendition}")


def test_exact_images_are_on_no_axis_but_in_the_table(drawn):
    data, _ = drawn
    assert any(cell["psnr"] is None for cell in data["cells"])
    json.dumps(data, allow_nan=False)


def test_a_rate_point_that_lacks_images_is_on_no_curve(made):
    rows = tuple(row for row in made.rows if (row.image, row.rate_point, row.dataset) != ("image1", "p3", "made:png"))
    less = chart_data(replace(made, rows=rows), METRICS, {})
    points = {(r["dataset"], r["rate_point"]) for r in less["means"]}
    assert ("made:png", "p3") not in points and ("made:jpeg90", "p3") in points


def test_renditions_go_from_the_untouched_to_the_worst(drawn):
    data, charts = drawn
    x = charts["renditions"].spec["layer"][0]["encoding"]["x"]
    assert x["sort"] == ["png", "jpeg100", "jpeg90"]
    assert len({(r["method"], r["rate_point"]) for r in data["renditions"]}) == 2, "one rate point for all renditions"


def test_stages_add_up_to_the_whole(drawn):
    data, _ = drawn
    encode = [r for r in data["stages"] if r["what"] == "encode" and r["method"] == "alpha"]
    assert {r["stage"]: r["seconds"] for r in encode} == {"entropy": 0.2, "other": 0.3}


def test_a_stage_has_one_colour_in_both_directions(drawn):
    _, charts = drawn
    scales = [charts[f"stages-{what}"].spec["encoding"]["color"]["scale"] for what in ("encode", "decode")]
    assert scales[0] == scales[1] and scales[0]["domain"][:2] == ["analysis", "transfer"]


def test_what_took_no_time_is_on_no_axis_of_time(made):
    timings = [replace(t, median=1e-7) if (t.method, t.what) == ("alpha", "encode") else t for t in made.timings]
    data = chart_data(replace(made, timings=tuple(timings)), METRICS, typical_points(made, 0.1))
    assert {(r["method"], r["what"]) for r in data["times"]} == {
        ("alpha", "decode"), ("beta:step=<2>", "encode"), ("beta:step=<2>", "decode"),
    }  # fmt: skip


def test_the_rate_point_that_stands_for_a_method(made):
    assert typical_points(made, 0.1)["made:png", "alpha"] == "p2"
    assert typical_points(made, 1e-5)["made:png", "alpha"] == "p0"


def test_files_stand_alone(drawn, made, tmp_path):
    data, charts = drawn
    chosen = [charts["rd-psnr-made-png"]]
    assert '"legend": {"title": null' in json.dumps(standalone(chosen[0], data, list(made.methods)))
    svg, png = write_charts(chosen, data, list(made.methods), tmp_path / "charts")
    text = svg.read_text()
    assert "alpha" in text and "PSNR against rate" in text
    assert png.read_bytes().startswith(b"\x89PNG")


def test_the_ceiling_is_drawn_where_it_is_finite(drawn):
    data, charts = drawn
    assert [r for r in data["ceilings"] if r["level"] == "all" and r["metric"] == "psnr"] == []
    camera = {r["camera"]: r["value"] for r in data["ceilings"] if r["level"] == "camera" and r["metric"] == "psnr"}
    assert camera == {"Camera 1": 62.0}, "the mean with an exact image is on no axis"
    assert '"text": "ceiling"' in json.dumps(charts["camera-camera-1-made-png"].spec)
    assert '"text": "ceiling"' not in json.dumps(charts["rd-psnr-made-png"].spec)
    assert sum(r["level"] == "image" for r in data["ceilings"]) == 6
    assert "ceilings" in charts["images-made-png"].data


def test_a_run_from_before_the_ceiling_has_its_charts(made):
    images = {key: replace(image, ceiling_psnr=None) for key, image in made.images.items()}
    old = replace(made, images=images)
    data = chart_data(old, METRICS, typical_points(old, 0.1))
    assert data["ceilings"] == [] and make_charts(old, data, METRICS)
