"""Which images a report shows, and whether their streams are there."""

from __future__ import annotations

from dataclasses import replace

from rawbench.report.chart_data import typical_points
from rawbench.report.chosen import choose_images, have_streams, shown_cells


def test_the_hardest_image_is_chosen_first(made):
    assert choose_images(made, "psnr") == [("made:png", "image2"), ("made:png", "image1")]


def test_one_cell_stands_for_a_method(made):
    cells = shown_cells(made, ("made:png", "image1"), typical_points(made, 0.1))
    assert [(row.method, row.rate_point) for row in cells] == [("alpha", "p2"), ("beta:step=<2>", "p2")]


def test_streams_are_looked_for_by_their_cells(made, tmp_path):
    rows = tuple(replace(row, facts={"cell": f"c{n}"}) for n, row in enumerate(made.rows))
    results, typical = replace(made, rows=rows), typical_points(made, 0.1)
    (tmp_path / "streams").mkdir()
    images = [("made:png", "image1")]
    assert not have_streams(tmp_path, results, images, typical)
    cell = shown_cells(results, images[0], typical)[0].facts["cell"]
    (tmp_path / "streams" / f"{cell}.rbs").touch()
    assert have_streams(tmp_path, results, images, typical)
    assert not have_streams(tmp_path, results, [("made:png", "image0")], typical)
