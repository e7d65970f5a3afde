"""More bytes, more quality: held for every method, image by image, by what was measured on the sample."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from rawbench.results.run import read_run

MEASURED = sorted((Path(__file__).parents[2] / "results" / "measured").glob("*.json"))
# Sampling grids meet an image's detail by luck: on the chart, every sixth pixel tells 0.5 dB more than every fourth.
LUCK_DB = 0.6
ROUNDING_DB = 0.01


def curves(path: Path) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """(method, dataset and image) -> (bytes, PSNR) by rate order, of cells with an error."""
    found = defaultdict(list)
    for row in sorted(read_run(path).rows, key=lambda row: row.rate_order):
        if row.status == "ok" and row.values["psnr"] < float("inf"):
            found[row.method, f"{row.dataset}/{row.image}"].append((row.value("bytes"), row.value("psnr")))
    return found


@pytest.mark.parametrize("path", MEASURED, ids=lambda path: path.stem)
def test_on_every_image(path):
    for place, points in curves(path).items():
        for (fewer, worse), (more, better) in zip(points, points[1:], strict=False):
            assert more >= fewer and better > worse - LUCK_DB, (place, fewer, more, worse, better)


@pytest.mark.parametrize("path", MEASURED, ids=lambda path: path.stem)
def test_in_the_mean(path):
    """Over the images that have as many points."""
    columns = defaultdict(list)
    for (method, _), points in curves(path).items():
        columns[method, len(points)].append([psnr for _, psnr in points])
    for place, images in columns.items():
        means = [sum(column) / len(column) for column in zip(*images, strict=True)]
        for worse, better in zip(means, means[1:], strict=False):
            assert better > worse - ROUNDING_DB, (place, means)
